package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"bongsu/internal/hub"
)

// maxConfig is the largest config file, in bytes.
const maxConfig = 1 << 20

// configFile gives flags their values from a YAML or JSON file. Its keys are the
// flags' names, flat (kafka-brokers: …) or nested (kafka: {brokers: …}), with "_"
// as good as "-".
type configFile struct {
	// path tells where the file is; "" is no file.
	path func(*kong.Context) string

	loaded bool
	values map[string]any
}

// Resolve gives kong the file's value of a flag, or nil.
func (c *configFile) Resolve(k *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if err := c.load(c.path(k)); err != nil {
		return nil, err
	}
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil // the environment wins
		}
	}
	for _, name := range append([]string{flag.Name}, flag.Aliases...) {
		if value, found := c.values[name]; found {
			return value, nil
		}
	}
	return nil, nil
}

// Validate refuses keys that are no flag of any command: a misspelt setting must
// not be silently without effect.
func (c *configFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	collectFlags(app.Node, known)
	var unknown []string
	for key := range c.values {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return hub.Invalidf("the config file has settings that no command knows: %s (see bongsu serve --help)", strings.Join(unknown, ", "))
}

func collectFlags(node *kong.Node, known map[string]bool) {
	for _, flag := range node.Flags {
		known[flag.Name] = true
		for _, alias := range flag.Aliases {
			known[alias] = true
		}
	}
	for _, child := range node.Children {
		collectFlags(child, known)
	}
}

// load reads the file once.
func (c *configFile) load(path string) error {
	if c.loaded || path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	if len(text) > maxConfig {
		return hub.Invalidf("config file %s: larger than %d bytes", path, maxConfig)
	}
	var shape map[string]any // no key twice, and nothing but keys at the top
	var tree yaml.Node
	if err := errors.Join(yaml.Unmarshal(text, &shape), yaml.Unmarshal(text, &tree)); err != nil {
		return hub.Invalidf("config file %s: %v", path, err)
	}
	c.values = map[string]any{}
	c.loaded = true
	for _, root := range tree.Content {
		if err := flatten("", root, c.values); err != nil {
			return err
		}
	}
	return nil
}

// flatten writes the leaves of a tree of keys into flat, as text that flags can parse:
// the file's own, so that a password of digits stays what it is.
func flatten(prefix string, tree *yaml.Node, flat map[string]any) error {
	for i := 0; i+1 < len(tree.Content); i += 2 {
		key := prefix + strings.ToLower(strings.ReplaceAll(tree.Content[i].Value, "_", "-"))
		value := target(tree.Content[i+1])
		switch {
		case value.Kind == yaml.MappingNode:
			if err := flatten(key+"-", value, flat); err != nil {
				return err
			}
		case value.Kind == yaml.SequenceNode:
			list, err := scalars(value.Content)
			if err != nil {
				return fmt.Errorf("config file: %s: %w", key, err)
			}
			flat[key] = list
		case value.Tag != "!!null":
			flat[key] = value.Value
		}
	}
	return nil
}

// target returns what an alias stands for.
func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func scalars(values []*yaml.Node) ([]any, error) {
	list := make([]any, len(values))
	for i, value := range values {
		value = target(value)
		if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
			return nil, errors.New("want a list of plain values")
		}
		list[i] = value.Value
	}
	return list, nil
}
