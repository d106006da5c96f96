// Command faults runs clusters of bongsu on this machine: to try one by hand, to
// inject faults into one and judge what came of it, and to measure what faults
// cost. It needs the servers that `make classic` installs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"bongsu/internal/faults"
	"bongsu/internal/faults/report"
)

type command struct {
	Run       runCmd       `cmd:"" help:"Inject faults at random and judge whether every promise was kept."`
	Mutants   mutantsCmd   `cmd:"" help:"Run a sound hub and broken ones, and want the broken found out."`
	Takeover  takeoverCmd  `cmd:"" help:"Measure how long streams pause when a node is killed, leaves and joins."`
	Rolling   rollingCmd   `cmd:"" help:"Restart all nodes in turn under load."`
	Broadcast broadcastCmd `cmd:"" help:"Measure one event to very many connections."`
	Streams   streamsCmd   `cmd:"" help:"Touch very many streams and watch the nodes' memory."`
	Cluster   clusterCmd   `cmd:"" help:"Three nodes to try by hand, until Ctrl-C."`
	Listen    listenCmd    `cmd:"" hidden:"" help:"Connections of a broadcast."`

	common
}

// common is what all commands take.
type common struct {
	Bongsu string `help:"The bongsu program; built if not given." type:"path"`
	Dir    string `help:"Directory for data and logs, kept at the end. A temporary one, removed after a good end, if not given." type:"path"`
	Out    string `help:"Directory for reports." default:"bin/faults-report" type:"path"`
}

// environment is what a command runs in.
type environment struct {
	common
	out io.Writer
	log *slog.Logger
}

func (e *environment) say(format string, args ...any) {
	_, _ = fmt.Fprintf(e.out, format+"\n", args...) // a terminal that has gone is told nothing
}

// binary returns the program to run and whether its clock can be set: only one
// that was built here has that.
func (e *environment) binary(ctx context.Context, config faults.BuildConfig) (string, bool, error) {
	if e.Bongsu != "" {
		return e.Bongsu, false, nil
	}
	config.Output = filepath.Join(e.Dir, "bongsu")
	e.log.Info("building bongsu", "tags", config.Tags, "clock", config.Clock)
	return config.Output, config.Clock, faults.BuildBongsu(ctx, ".", config)
}

// fresh makes a directory below the run's.
func (e *environment) fresh(name string) (string, error) {
	dir := filepath.Join(e.Dir, name)
	return dir, errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o750))
}

// finish writes a report and says what is in it. The error wraps ErrViolations if
// promises were broken.
func (e *environment) finish(r *report.Report, name string) error {
	if err := r.Write(e.Out, name); err != nil {
		return err
	}
	for _, line := range faults.Summary(r) {
		e.say("%s", line)
	}
	e.say("report: %s.html", filepath.Join(e.Out, name))
	if !r.OK {
		return faults.ErrViolations
	}
	return nil
}

type runCmd struct {
	Duration time.Duration `default:"10m" help:"For how long faults are injected."`
	Nodes    int           `default:"4" help:"Nodes that run from the start, 3 to 5."`
	People   int           `default:"200" help:"People who are connected, half over WebSocket and half over SSE."`
	Rate     float64       `default:"200" help:"Events a second."`
	Seed     []uint64      `help:"Runs with these seeds, one after the other, each for the duration; 0 is a fresh one." default:"0"`
	Kinds    string        `help:"Kinds of fault, comma-separated; all that can be had here if not given."`
	Calm     bool          `help:"Let every fault wait until people have service again; else one in six does not."`
	Race     bool          `help:"Build bongsu with the race detector."`
	Env      []string      `help:"Further settings of the nodes, NAME=value."`
	NoClock  bool          `help:"Leave out clock jumps, which need a standard library of their own to be compiled."`
	Mutant   string        `help:"Run the nodes with this BONGSU_MUTANT."`
	Name     string        `help:"The report's file name." default:"faults"`
}

// Help shows examples.
func (*runCmd) Help() string {
	return `Examples:

	faults run --duration 10m
	faults run --duration 1m --seed 7 --seed 0
	faults run --kinds kill,pause-long --duration 2m`
}

func (c *runCmd) Run(ctx context.Context, e *environment) error {
	if c.Nodes < 3 || c.Nodes > 5 {
		return fmt.Errorf("--nodes is %d; want 3 to 5", c.Nodes)
	}
	config := faults.Config{
		Title: "Fault bench", Nodes: c.Nodes, Spare: 1, People: c.People, Rate: c.Rate, ToAll: 0.02,
		Duration: c.Duration, Env: c.Env, Calm: c.Calm, Mutant: c.Mutant, Revision: revision(ctx), Log: e.log,
	}
	var err error
	if c.Kinds != "" {
		if config.Kinds, err = faults.ParseKinds(c.Kinds); err != nil {
			return err
		}
	}
	build := faults.BuildConfig{Race: c.Race, Clock: !c.NoClock}
	if c.Mutant != "" {
		build.Tags = "mutants"
	}
	if config.Binary, config.Clock, err = e.binary(ctx, build); err != nil {
		return err
	}
	var failures []error
	for i, seed := range c.Seed {
		name := c.Name
		if len(c.Seed) > 1 {
			name = fmt.Sprint(c.Name, "-", i+1)
		}
		failures = append(failures, c.once(ctx, e, config, seed, name))
	}
	return errors.Join(failures...)
}

func (c *runCmd) once(ctx context.Context, e *environment, config faults.Config, seed uint64, name string) (err error) {
	if config.Seed = seed; seed == 0 {
		config.Seed = rand.Uint64N(1_000_000)
	}
	e.log.Info("run", "seed", config.Seed, "duration", config.Duration)
	if config.Dir, err = e.fresh(name); err != nil {
		return err
	}
	r, err := faults.Run(ctx, config)
	if err != nil {
		return fmt.Errorf("seed %d: %w", config.Seed, err)
	}
	if err := e.finish(r, name); err != nil {
		return fmt.Errorf("seed %d: %w", config.Seed, err)
	}
	return nil
}

// revision returns what the source is, as far as git knows.
func revision(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func main() {
	var c command
	parsed := kong.Parse(&c, kong.Name("faults"), kong.Description("Runs clusters of bongsu on this machine: by hand, under faults, and under the clock."))
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := run(parsed, c.common)
	cancel()
	parsed.FatalIfErrorf(err)
}

// run runs the command in a directory, which it removes after a good end unless
// it was named.
func run(parsed *kong.Context, c common) (err error) {
	e := &environment{common: c, out: os.Stdout, log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if c.Dir == "" {
		if e.Dir, err = os.MkdirTemp("", "bongsu-faults-"); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = os.RemoveAll(e.Dir)
				return
			}
			e.say("data and logs are kept in %s", e.Dir)
		}()
	} else if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return err
	}
	return parsed.Run(e)
}
