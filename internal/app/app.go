package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/internal/outage"
)

const (
	// stopPatience is how long a stop takes at most, after the drain window, until
	// parts that do not end are given leastPatience each.
	stopPatience = 8 * time.Second
	// partPatience is how long one part may take to end, the drain window aside, so
	// that one that hangs leaves time to those behind it.
	partPatience  = 4 * time.Second
	leastPatience = 500 * time.Millisecond
	// hurry is how long a part may take to end once its time is over.
	hurry = 100 * time.Millisecond
)

// Run runs a node until ctx ends, then drains it and returns nil. An error says
// what to change or what gave way; one that wraps hub.ErrInvalid comes before
// anything was started.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	if err := cfg.check(); err != nil {
		return err
	}
	if cfg.NodeName == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("set BONGSU_NODE_NAME: %w", err)
		}
		cfg.NodeName = name
	}
	n := &node{cfg: cfg, log: log, registry: newRegistry(), failed: make(chan error, 8)}
	kafka.BridgeLogs(log)
	err := n.start(ctx)
	if err == nil {
		err = n.wait(ctx)
	}
	return errors.Join(err, n.stop())
}

// node is a running node: its parts, and how to stop each.
type node struct {
	cfg      Config
	log      *slog.Logger
	registry *prometheus.Registry
	parts    parts
	stops    []stopper
	failed   chan error
	stopping atomic.Bool // told to stop: not fit for traffic any more
}

// stopper ends one part. Stoppers run in the reverse order of their start.
type stopper struct {
	name string
	stop func(context.Context) error
	// extra is what the part may take beyond partPatience.
	extra time.Duration
}

// end ends the part, or leaves it behind when ctx ends.
func (s stopper) end(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // what came of it when it was told to hurry
		return err
	case <-time.After(hurry):
		return fmt.Errorf("left behind: %w", ctx.Err())
	}
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// onStop registers how to end a part that was just started.
func (n *node) onStop(name string, stop func(context.Context) error) {
	n.stops = append(n.stops, stopper{name: name, stop: stop})
}

// background runs a loop of a part until the node stops it, or the returned
// function does, which waits until the loop has ended. If the loop ends with an
// error, the node ends.
func (n *node) background(name string, loop func(context.Context) error) (end func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := loop(ctx); err != nil && ctx.Err() == nil {
			n.failed <- fmt.Errorf("%s: %w", name, err)
		}
	}()
	end = func(limit context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-limit.Done():
			return limit.Err()
		}
	}
	n.onStop(name, end)
	return end
}

// wait returns nil when ctx ends, or the error of the part that gave way.
func (n *node) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		n.log.Info("stopping: clients are told to reconnect", "window", n.cfg.DrainWindow)
		return nil
	case err := <-n.failed:
		return err
	case err := <-n.parts.server.failed:
		return fmt.Errorf("http: %w", err)
	}
}

// stop ends all parts, the last one started first. A part that does not end in
// time is left behind with an error, and the next one is stopped.
func (n *node) stop() error {
	end := time.Now().Add(n.cfg.DrainWindow + stopPatience)
	var failures []error
	for _, part := range slices.Backward(n.stops) {
		start := time.Now()
		patience := max(leastPatience, min(part.extra+partPatience, time.Until(end)))
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := part.end(ctx); err != nil {
			failures = append(failures, fmt.Errorf("stop %s: %w", part.name, err))
		}
		cancel()
		n.log.Debug("stopped", "part", part.name, "took", time.Since(start).Round(time.Millisecond))
	}
	if len(failures) == 0 {
		n.log.Info("stopped")
	}
	return errors.Join(failures...)
}

// retry calls try until it succeeds, fails for good, or ctx ends, and says on the
// way what the node waits for.
func (n *node) retry(ctx context.Context, what string, try func(context.Context) error) error {
	wait := 100 * time.Millisecond
	var away outage.Log
	for {
		err := try(ctx)
		if err == nil || !hub.Temporary(err) {
			away.Over(n.log, "no longer waiting for "+what)
			return err
		}
		away.Failed(n.log, "waiting for "+what, err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		case <-time.After(wait):
		}
		wait = min(2*wait, 2*time.Second)
	}
}
