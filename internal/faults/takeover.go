package faults

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"bongsu/internal/faults/report"
	"bongsu/internal/hub"
)

const (
	// takeoverWithin is when a takeover is given up.
	takeoverWithin = 30 * time.Second
	// calm is how long everything flows undisturbed between two measurements.
	calm = 2 * time.Second
)

// Figures are measurements, with what they must be.
type Figures struct {
	Title   string    `json:"title"`
	Started time.Time `json:"started"`
	Rows    []Figure  `json:"figures"`
	// Notes say what else was seen.
	Notes []string `json:"notes,omitempty"`
}

// Figure is one measurement over several tries, in seconds.
type Figure struct {
	Name string `json:"name"`
	report.Spans
	// Goal is what it must be, in words; Met whether it is.
	Goal string `json:"goal,omitempty"`
	Met  bool   `json:"met"`
	// Each holds every try in its order.
	Each []float64 `json:"each,omitempty"`
}

// add adds a measurement; met judges it, nil wants nothing of it.
func (f *Figures) add(name, goal string, seconds []float64, met func(report.Spans) bool) {
	each := slices.Clone(seconds)
	spans := report.SpansOf(seconds)
	f.Rows = append(f.Rows, Figure{Name: name, Spans: spans, Goal: goal, Met: met == nil || spans.Count > 0 && met(spans), Each: each})
}

// Met reports whether every measurement is as it must be.
func (f *Figures) Met() bool {
	return !slices.ContainsFunc(f.Rows, func(r Figure) bool { return !r.Met })
}

// Lines returns the measurements, a line each.
func (f *Figures) Lines() []string {
	lines := []string{f.Title}
	for _, r := range f.Rows {
		line := fmt.Sprintf("  %-58s n %-6d", r.Name, r.Count)
		if r.Max > 0 { // else it is a count, or nothing was measured
			line += fmt.Sprintf(" p50 %6.0f ms  p99 %6.0f ms  max %6.0f ms", 1000*r.P50, 1000*r.P99, 1000*r.Max)
		}
		switch {
		case r.Goal != "" && r.Met:
			line += "  " + r.Goal + ": met"
		case r.Goal != "":
			line += "  " + r.Goal + ": MISSED"
		}
		lines = append(lines, line)
	}
	return append(lines, f.Notes...)
}

// TakeoverConfig says what to measure.
type TakeoverConfig struct {
	Cluster ClusterConfig
	// Kills is how often an owner is killed, Handovers how often a node leaves in an
	// orderly way and joins again.
	Kills, Handovers int
}

// Takeover measures how long streams pause when a node is killed, leaves and
// joins.
func Takeover(ctx context.Context, config TakeoverConfig) (f *Figures, err error) {
	cluster, err := OpenCluster(ctx, config.Cluster)
	if err != nil {
		return nil, err
	}
	defer func() { _ = cluster.Close() }() // what it has to say was measured before
	view, err := viewFrom(ctx, cluster.Nodes[0])
	if err != nil {
		return nil, err
	}
	m := &takeover{prober: newProber(cluster, view.Shards), cluster: cluster, log: config.Cluster.Log}
	life, end := context.WithCancel(ctx)
	defer end()
	if err := m.prober.run(life); err != nil {
		return nil, err
	}
	started := time.Now()
	for i := range config.Kills {
		if err := m.kill(ctx, cluster.Nodes[i%len(cluster.Nodes)]); err != nil {
			return nil, fmt.Errorf("kill %d: %w", i+1, err)
		}
	}
	for i := range config.Handovers {
		if err := m.handOver(ctx, cluster.Nodes[i%len(cluster.Nodes)]); err != nil {
			return nil, fmt.Errorf("handover %d: %w", i+1, err)
		}
	}
	return m.figures(started), nil
}

// takeover is a measurement under way. Each of its lists has one value a try.
type takeover struct {
	prober  *prober
	cluster *Cluster
	log     *slog.Logger

	killFirst, killAll, killIngress, killKept []float64
	leaveMoved, leaveKept, leaveIngress       []float64
	joinMoved, joinKept, joinIngress          []float64
}

func (t *takeover) figures(started time.Time) *Figures {
	f := &Figures{Title: "Takeovers", Started: started}
	const moved, kept = "p50 ≤ 2 s, max ≤ 5 s", "max ≤ 300 ms"
	within := func(limit float64) func(report.Spans) bool {
		return func(s report.Spans) bool { return s.Max <= limit }
	}
	takeover := func(s report.Spans) bool { return s.P50 <= 2 && s.Max <= 5 }
	f.add("kill -9: the first of the owner's shards delivers again", "", t.killFirst, nil)
	f.add("kill -9: all of the owner's shards deliver again", moved, t.killAll, takeover)
	f.add("kill -9: all of Kafka's ingress partitions deliver again", moved, t.killIngress, takeover)
	f.add("kill -9: longest pause of a shard whose owner stays", kept, t.killKept, within(0.3))
	for _, way := range []struct {
		name                 string
		moved, kept, ingress []float64
	}{{"leave", t.leaveMoved, t.leaveKept, t.leaveIngress}, {"join", t.joinMoved, t.joinKept, t.joinIngress}} {
		f.add(way.name+": longest pause of a shard that moves", "max ≤ 1 s", way.moved, within(1))
		f.add(way.name+": longest pause of a shard whose owner stays", kept, way.kept, within(0.3))
		f.add(way.name+": longest pause of an ingress partition", "max ≤ 1 s", way.ingress, within(1))
	}
	t.prober.mu.Lock()
	defer t.prober.mu.Unlock()
	if n := len(t.prober.failures); n > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("  %d publishes over HTTP to a node that nothing had befallen failed, first: %v", n, t.prober.failures[0]))
	}
	return f
}

// steady waits until everything flows and is owned, and returns who owns what, as
// another node than the one sees it.
func (t *takeover) steady(ctx context.Context, victim *Node) (clusterView, error) {
	for _, node := range t.cluster.Nodes {
		if err := node.AwaitReady(ctx); err != nil {
			return clusterView{}, err
		}
	}
	t.prober.spare(victim) // until now it was the one before
	if err := t.prober.awaitFlow(ctx, nil, takeoverWithin); err != nil {
		return clusterView{}, err
	}
	if err := pause(ctx, calm); err != nil {
		return clusterView{}, err
	}
	return viewFrom(ctx, t.other(victim))
}

func (t *takeover) other(victim *Node) *Node {
	i := slices.Index(t.cluster.Nodes, victim)
	return t.cluster.Nodes[(i+1)%len(t.cluster.Nodes)]
}

// kill kills a node, measures until its shards flow again, and starts it anew.
func (t *takeover) kill(ctx context.Context, victim *Node) error {
	before, err := t.steady(ctx, victim)
	if err != nil {
		return err
	}
	lost, err := before.owned(victim)
	if err != nil {
		return err
	}
	at := t.prober.clock()
	if err := victim.Kill(); err != nil {
		return err
	}
	var waits []time.Duration
	for _, shard := range lost {
		wait, err := t.awaitFirst(ctx, victim, t.prober.shards[shard], at)
		if err != nil {
			return err
		}
		waits = append(waits, wait)
	}
	var ingress time.Duration
	for _, stream := range t.prober.ingress {
		wait, err := t.awaitFirst(ctx, victim, stream, at)
		if err != nil {
			return err
		}
		ingress = max(ingress, wait)
	}
	if err := pause(ctx, calm); err != nil { // what is on its way is measured, too
		return err
	}
	if len(lost) > 0 {
		t.killFirst = append(t.killFirst, slices.Min(waits).Seconds())
		t.killAll = append(t.killAll, slices.Max(waits).Seconds())
	}
	_, kept := t.pauses(victim, before, before, at, t.prober.clock()-calm/2)
	t.killIngress, t.killKept = append(t.killIngress, ingress.Seconds()), append(t.killKept, kept.Seconds())
	t.log.Info("killed", "node", victim.Name, "shards", len(lost), "all", slices.Max(append(waits, 0)), "ingress", ingress, "kept", kept)
	return victim.Start()
}

// awaitFirst waits until a stream's entry, sent after at, has come to every other
// node, and returns how long after at.
func (t *takeover) awaitFirst(ctx context.Context, victim *Node, stream hub.Stream, at time.Duration) (time.Duration, error) {
	limited, cancel := context.WithTimeout(ctx, takeoverWithin)
	defer cancel()
	var last time.Duration
	for _, node := range t.cluster.Nodes {
		if node == victim {
			continue
		}
		for {
			received, ok := t.prober.first(node, stream, at)
			if ok {
				last = max(last, received-at)
				break
			}
			if err := pause(limited, askEvery); err != nil {
				return 0, fmt.Errorf("%s gets nothing of %s after %s was killed: %w", node.Name, stream, victim.Name, err)
			}
		}
	}
	return last, nil
}

// handOver lets a node leave and join, and measures both.
func (t *takeover) handOver(ctx context.Context, node *Node) error {
	before, err := t.steady(ctx, node)
	if err != nil {
		return err
	}
	at := t.prober.clock()
	if err := node.Terminate(t.cluster.config.Drain + drainPatience); err != nil {
		return err
	}
	after, err := t.rest(ctx, node)
	if err != nil {
		return err
	}
	moved, kept := t.pauses(node, before, after, at, t.prober.clock()-calm/2)
	ingress := t.ingressPause(node, at)
	t.leaveMoved, t.leaveKept = append(t.leaveMoved, moved.Seconds()), append(t.leaveKept, kept.Seconds())
	t.leaveIngress = append(t.leaveIngress, ingress.Seconds())
	t.log.Info("left", "node", node.Name, "moved", moved, "kept", kept, "ingress", ingress)
	before, at = after, t.prober.clock()
	if err := node.Start(); err != nil {
		return err
	}
	if err := node.AwaitReady(ctx); err != nil {
		return err
	}
	if after, err = t.rest(ctx, node); err != nil {
		return err
	}
	moved, kept = t.pauses(node, before, after, at, t.prober.clock()-calm/2)
	ingress = t.ingressPause(node, at)
	t.joinMoved, t.joinKept = append(t.joinMoved, moved.Seconds()), append(t.joinKept, kept.Seconds())
	t.joinIngress = append(t.joinIngress, ingress.Seconds())
	t.log.Info("joined", "node", node.Name, "moved", moved, "kept", kept, "ingress", ingress)
	return nil
}

// rest waits until everything flows to the others and has done so for a while.
func (t *takeover) rest(ctx context.Context, node *Node) (clusterView, error) {
	if err := t.prober.awaitFlow(ctx, node, takeoverWithin); err != nil {
		return clusterView{}, err
	}
	if err := pause(ctx, calm); err != nil {
		return clusterView{}, err
	}
	return viewFrom(ctx, t.other(node))
}

// pauses returns the longest pause, as the other nodes saw it, of the shards whose
// owner changed between two views, and of those whose owner stayed. What the
// victim owned before counts as moved.
func (t *takeover) pauses(victim *Node, before, after clusterView, from, to time.Duration) (moved, kept time.Duration) {
	owners := func(v clusterView) map[int32]string {
		owners := map[int32]string{}
		for _, m := range v.Members {
			for _, shard := range m.Shards {
				owners[shard] = m.Name
			}
		}
		return owners
	}
	was, is := owners(before), owners(after)
	for shard, stream := range t.prober.shards {
		for _, node := range t.cluster.Nodes {
			if node == victim {
				continue
			}
			pause := t.prober.slowest(node, stream, from, to)
			if owner := was[int32(shard)]; owner == victim.Name || owner != is[int32(shard)] {
				moved = max(moved, pause)
			} else {
				kept = max(kept, pause)
			}
		}
	}
	return moved, kept
}

// ingressPause returns the longest pause of an ingress partition since a time.
func (t *takeover) ingressPause(victim *Node, from time.Duration) time.Duration {
	var most time.Duration
	for _, stream := range t.prober.ingress {
		for _, node := range t.cluster.Nodes {
			if node != victim {
				most = max(most, t.prober.slowest(node, stream, from, t.prober.clock()-calm/2))
			}
		}
	}
	return most
}
