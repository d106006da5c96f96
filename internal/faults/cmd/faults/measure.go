package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bongsu/internal/faults"
	"bongsu/internal/faults/network"
	"bongsu/internal/faults/report"
)

// measured writes figures down and says what they are. The error wraps
// ErrViolations if one of them is not as it must be.
func (e *environment) measured(f *faults.Figures, name string, also any) error {
	text, err := json.MarshalIndent(map[string]any{"figures": f, "also": also}, "", " ")
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(e.Out, 0o750), os.WriteFile(filepath.Join(e.Out, name+".json"), text, 0o600)); err != nil {
		return err
	}
	for _, line := range f.Lines() {
		e.say("%s", line)
	}
	if !f.Met() {
		return faults.ErrViolations
	}
	return nil
}

// cluster returns the settings of a cluster for measuring: in namespaces, where
// they can be had, as nodes on machines of their own.
func (e *environment) cluster(ctx context.Context, name string, nodes int, env []string) (faults.ClusterConfig, error) {
	binary, _, err := e.binary(ctx, faults.BuildConfig{})
	if err != nil {
		return faults.ClusterConfig{}, err
	}
	dir, err := e.fresh(name)
	return faults.ClusterConfig{
		Binary: binary, Dir: dir, Nodes: nodes, Namespaces: network.Supported() == nil, Env: env, Log: e.log,
	}, err
}

type takeoverCmd struct {
	Kills     int      `default:"20" help:"How often an owner is killed."`
	Handovers int      `default:"6" help:"How often a node leaves and joins."`
	Nodes     int      `default:"3" help:"How many nodes."`
	Env       []string `help:"Further settings of the nodes, NAME=value."`
}

func (c *takeoverCmd) Run(ctx context.Context, e *environment) error {
	cluster, err := e.cluster(ctx, "takeover", c.Nodes, c.Env)
	if err != nil {
		return err
	}
	f, err := faults.Takeover(ctx, faults.TakeoverConfig{Cluster: cluster, Kills: c.Kills, Handovers: c.Handovers})
	if err != nil {
		return err
	}
	return e.measured(f, "takeover", nil)
}

type rollingCmd struct {
	Connections int           `default:"3000" help:"How many people are connected."`
	Rate        float64       `default:"500" help:"Events a second."`
	Rounds      int           `default:"1" help:"How often every node is restarted."`
	Drain       time.Duration `default:"5s" help:"The nodes' drain window."`
	Env         []string      `help:"Further settings of the nodes, NAME=value."`
}

func (c *rollingCmd) Run(ctx context.Context, e *environment) error {
	binary, _, err := e.binary(ctx, faults.BuildConfig{})
	if err != nil {
		return err
	}
	dir, err := e.fresh("rolling")
	if err != nil {
		return err
	}
	r, f, err := faults.Rolling(ctx, faults.RollingConfig{Rounds: c.Rounds, Config: faults.Config{
		Title: "Rolling restart", Binary: binary, Dir: dir, Nodes: 3, People: c.Connections, Rate: c.Rate, ToAll: 0.002,
		Seed: rand.Uint64N(1_000_000), Drain: c.Drain, Env: c.Env, Revision: revision(ctx), Log: e.log,
	}})
	if err != nil {
		return err
	}
	return errors.Join(e.finish(r, "rolling"), e.measured(f, "rolling-figures", nil))
}

type broadcastCmd struct {
	Nodes       int      `default:"3" help:"How many nodes."`
	Connections int      `default:"10000" help:"Connections to each node."`
	Events      int      `default:"20" help:"Events, one a second."`
	Env         []string `help:"Further settings of the nodes, NAME=value."`
}

func (c *broadcastCmd) Run(ctx context.Context, e *environment) error {
	cluster, err := e.cluster(ctx, "broadcast", c.Nodes, c.Env)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f, err := faults.Broadcast(ctx, faults.BroadcastConfig{
		Cluster: cluster, Connections: c.Connections, Events: c.Events,
		Listen: func(url string, connections int) *exec.Cmd {
			command := exec.Command(self, "listen", "--url", url, "--connections", strconv.Itoa(connections))
			command.Stderr = os.Stderr
			return command
		},
	})
	if err != nil {
		return err
	}
	return e.measured(f, "broadcast", nil)
}

type listenCmd struct {
	URL         string `required:""`
	Connections int    `required:""`
}

func (c *listenCmd) Run(ctx context.Context, e *environment) error {
	return faults.Listen(ctx, c.URL, c.Connections, os.Stdin, e.out)
}

type streamsCmd struct {
	Nodes    int           `default:"3" help:"How many nodes."`
	Streams  int           `default:"100000" help:"How many streams."`
	Rate     float64       `default:"500" help:"Events a second, each stream in its turn."`
	Duration time.Duration `default:"10m" help:"For how long."`
	Visitors int           `default:"50" help:"Sessions at a time that follow a stream until it is touched, at a node that does not own it."`
	Env      []string      `help:"Further settings of the nodes, NAME=value."`
}

func (c *streamsCmd) Run(ctx context.Context, e *environment) error {
	cluster, err := e.cluster(ctx, "streams", c.Nodes, c.Env)
	if err != nil {
		return err
	}
	f, series, err := faults.Streams(ctx, faults.StreamsConfig{
		Cluster: cluster, Streams: c.Streams, Rate: c.Rate, Duration: c.Duration, Visitors: c.Visitors,
	})
	if err != nil {
		return err
	}
	return e.measured(f, "streams", series)
}

type mutantsCmd struct {
	Duration time.Duration `default:"30s" help:"For how long each is run."`
	Seed     uint64        `default:"1" help:"Of the faults."`
	Only     string        `help:"Only this mutant and the sound hub."`
}

func (c *mutantsCmd) Run(ctx context.Context, e *environment) error {
	binary, _, err := e.binary(ctx, faults.BuildConfig{Tags: "mutants"})
	if err != nil {
		return err
	}
	dir, err := e.fresh("mutants")
	if err != nil {
		return err
	}
	results, err := faults.Mutants(ctx, faults.Config{
		Binary: binary, Dir: dir, Nodes: 3, People: 100, Rate: 200, ToAll: 0.02,
		Duration: c.Duration, Seed: c.Seed, Revision: revision(ctx), Log: e.log,
	}, c.Only)
	told := true
	for _, m := range results {
		name := m.Name
		if name == "" {
			name = "sound"
		}
		err = errors.Join(err, m.Report.Write(e.Out, "mutant-"+name))
		told = told && m.OK()
		e.say("%-16s %4d violations: %s", name, m.Report.ViolationsInAll, verdict(&m))
		kinds := map[string]*report.Violation{}
		for i, v := range m.Report.Violations {
			if kinds[v.Kind] == nil {
				kinds[v.Kind] = &m.Report.Violations[i]
				e.say("    %s: %.200s", v.Kind, v.Detail)
			}
		}
	}
	if err == nil && !told {
		err = faults.ErrViolations
	}
	return err
}

func verdict(m *faults.MutantResult) string {
	switch {
	case m.OK() && m.Name != "":
		return "found out by " + strings.Join(m.Found, ", ")
	case m.OK():
		return "nothing found, as it must be"
	case m.Name == "":
		return "A SOUND HUB IS BLAMED"
	}
	return "NOT FOUND OUT"
}
