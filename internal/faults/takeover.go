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
	return m.figures(started, config), nil
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

// figures judges what was measured. A try of which nothing was seen is missing in
// its row, which is then not as it must be.
func (t *takeover) figures(started time.Time, config TakeoverConfig) *Figures {
	f := &Figures{Title: "Takeovers", Started: started}
	const moved, kept = "p50 ≤ 2 s, max ≤ 5 s", "max ≤ 300 ms"
	within := func(limit float64, tries int) func(report.Spans) bool {
		return func(s report.Spans) bool { return s.Count == tries && s.Max <= limit }
	}
	if n := config.Kills; n > 0 {
		takeover := func(s report.Spans) bool { return s.Count == n && s.P50 <= 2 && s.Max <= 5 }
		f.add("kill -9: the first of the owner's shards delivers again", "", t.killFirst, nil)
		f.add("kill -9: all of the owner's shards deliver again", moved, t.killAll, takeover)
		f.add("kill -9: all of Kafka's ingress partitions deliver again", moved, t.killIngress, takeover)
		f.add("kill -9: longest pause of a shard whose owner stays", kept, t.killKept, within(0.3, n))
	}
	for _, way := range []struct {
		name                 string
		moved, kept, ingress []float64
	}{{"leave", t.leaveMoved, t.leaveKept, t.leaveIngress}, {"join", t.joinMoved, t.joinKept, t.joinIngress}} {
		if n := config.Handovers; n > 0 {
			f.add(way.name+": longest pause of a shard that moves", "max ≤ 1 s", way.moved, within(1, n))
			f.add(way.name+": longest pause of a shard whose owner stays", kept, way.kept, within(0.3, n))
			f.add(way.name+": longest pause of an ingress partition", "max ≤ 1 s", way.ingress, within(1, n))
		}
	}
	t.prober.mu.Lock()
	defer t.prober.mu.Unlock()
	f.none("publishes refused, by nodes that nothing befell or by Kafka", len(t.prober.refused), t.prober.tries)
	if len(t.prober.refused) > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("  the first publish that was refused: %v", t.prober.refused[0]))
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
	gone := t.prober.clock() // what is sent from now on is another's to deliver
	var waits []time.Duration
	for _, shard := range lost {
		wait, err := t.awaitFirst(ctx, victim, t.prober.shards[shard], gone)
		if err != nil {
			return err
		}
		waits = append(waits, wait-at)
	}
	var ingress []time.Duration
	for _, stream := range t.prober.ingress {
		wait, err := t.awaitFirst(ctx, victim, stream, gone)
		if err != nil {
			return err
		}
		ingress = append(ingress, wait-at)
	}
	if err := pause(ctx, calm); err != nil { // what is on its way is measured, too
		return err
	}
	if len(waits) > 0 {
		t.killFirst = append(t.killFirst, slices.Min(waits).Seconds())
	}
	moved, kept := t.pauses(victim, before, before, at)
	waits, ingress = append(waits, moved...), append(ingress, t.ingressPauses(victim, at)...)
	t.killAll, t.killIngress, t.killKept = worst(t.killAll, waits), worst(t.killIngress, ingress), worst(t.killKept, kept)
	t.log.Info("killed", "node", victim.Name, "shards", len(lost), "all", longest(waits), "ingress", longest(ingress), "kept", longest(kept))
	return victim.Start()
}

// longest returns the longest of the pauses, 0 if there are none.
func longest(pauses []time.Duration) time.Duration { return slices.Max(append(pauses, 0)) }

// worst appends the longest of the pauses to what a row has, and nothing if there
// are none: nothing was seen then.
func worst(row []float64, pauses []time.Duration) []float64 {
	if len(pauses) == 0 {
		return row
	}
	return append(row, longest(pauses).Seconds())
}

// awaitFirst waits until a stream's entry, sent at a time or later, has come to
// every other node, and returns when it had.
func (t *takeover) awaitFirst(ctx context.Context, victim *Node, stream hub.Stream, since time.Duration) (time.Duration, error) {
	limited, cancel := context.WithTimeout(ctx, takeoverWithin)
	defer cancel()
	var last time.Duration
	for _, node := range t.cluster.Nodes {
		if node == victim {
			continue
		}
		for {
			received, ok := t.prober.first(node, stream, since)
			if ok {
				last = max(last, received)
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
	moved, kept := t.pauses(node, before, after, at)
	ingress := t.ingressPauses(node, at)
	t.leaveMoved, t.leaveKept, t.leaveIngress = worst(t.leaveMoved, moved), worst(t.leaveKept, kept), worst(t.leaveIngress, ingress)
	t.log.Info("left", "node", node.Name, "moved", longest(moved), "kept", longest(kept), "ingress", longest(ingress))
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
	moved, kept = t.pauses(node, before, after, at)
	ingress = t.ingressPauses(node, at)
	t.joinMoved, t.joinKept, t.joinIngress = worst(t.joinMoved, moved), worst(t.joinKept, kept), worst(t.joinIngress, ingress)
	t.log.Info("joined", "node", node.Name, "moved", longest(moved), "kept", longest(kept), "ingress", longest(ingress))
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

// pauses returns the longest pause since a time of every shard, as each other node
// saw it: of those whose owner changed between two views, and of those whose owner
// stayed. What the victim owned before counts as moved.
func (t *takeover) pauses(victim *Node, before, after clusterView, from time.Duration) (moved, kept []time.Duration) {
	was, is := before.owners(), after.owners()
	to := t.prober.clock() - calm/2
	for shard, stream := range t.prober.shards {
		owner := was[int32(shard)]
		stays := owner != victim.Name && owner == is[int32(shard)]
		for _, node := range t.cluster.Nodes {
			switch {
			case node == victim:
			case stays:
				kept = append(kept, t.prober.pause(node, stream, from, to))
			default:
				moved = append(moved, t.prober.pause(node, stream, from, to))
			}
		}
	}
	return moved, kept
}

// ingressPauses returns the longest pause of every ingress partition since a time,
// as each other node saw it.
func (t *takeover) ingressPauses(victim *Node, from time.Duration) (pauses []time.Duration) {
	to := t.prober.clock() - calm/2
	for _, stream := range t.prober.ingress {
		for _, node := range t.cluster.Nodes {
			if node != victim {
				pauses = append(pauses, t.prober.pause(node, stream, from, to))
			}
		}
	}
	return pauses
}
