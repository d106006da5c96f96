package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// clockFile holds, in a node's working directory, by how many seconds its clock
// is wrong.
const clockFile = "clock"

// BuildConfig says which bongsu to build.
type BuildConfig struct {
	// Output is the binary's path.
	Output string
	// Tags are build tags, comma-separated.
	Tags string
	// Race adds the race detector.
	Race bool
	// Clock makes the process's clock settable from outside: on SIGUSR2 it reads by
	// how many seconds it is to be wrong. Only package time and the signal differ
	// from what is shipped.
	Clock bool
}

// BuildBongsu builds a bongsu from the module's root directory, with the Go that
// is in the path.
func BuildBongsu(ctx context.Context, root string, config BuildConfig) error {
	args := []string{"build", "-o", config.Output}
	if config.Tags != "" {
		args = append(args, "-tags", config.Tags)
	}
	if config.Race {
		args = append(args, "-race")
	}
	if config.Clock {
		dir, err := os.MkdirTemp("", "bongsu-clock")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		overlay, err := clockOverlay(ctx, root, dir)
		if err != nil {
			return err
		}
		args = append(args, "-overlay", overlay)
	}
	build := exec.CommandContext(ctx, "go", append(args, "./cmd/bongsu")...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build bongsu: %w: %s", err, out)
	}
	return nil
}

const (
	// The one line of package time that reads the wall clock, and what it becomes.
	readsClock = "\tsec, nsec, mono := runtimeNow()\n"
	readsWrong = readsClock + "\tsec += WrongBy.Load()\n"

	// wrongBy is added to package time.
	wrongBy = `package time

import "sync/atomic"

// WrongBy is by how many seconds the wall clock is wrong.
var WrongBy atomic.Int64
`
	// followsFile is added to the command.
	followsFile = `package main

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func init() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR2)
	go func() {
		for range told {
			text, _ := os.ReadFile("` + clockFile + `")
			seconds, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			time.WrongBy.Store(seconds)
		}
	}()
}
`
)

// clockOverlay writes an overlay for the compiler into dir and returns its path.
func clockOverlay(ctx context.Context, root, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find package time: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	if strings.Count(string(text), readsClock) != 1 {
		return "", fmt.Errorf("package time of this Go does not read the clock as it is known to")
	}
	replaced := map[string]string{}
	for path, content := range map[string]string{
		filepath.Join(source, "time.go"):                      strings.Replace(string(text), readsClock, readsWrong, 1),
		filepath.Join(source, "wrong.go"):                     wrongBy,
		filepath.Join(root, "cmd", "bongsu", "wrongclock.go"): followsFile,
	} {
		file := filepath.Join(dir, fmt.Sprint(len(replaced), ".go"))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return "", err
		}
		replaced[path] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, overlay, 0o600)
}
