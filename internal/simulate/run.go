package simulate

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"bongsu/actors/rules"
	"bongsu/internal/hub"
)

// Options say how a seed is run.
type Options struct {
	// Mutant is the fault that is put into the rules or what surrounds them,
	// rules.Sound for none.
	Mutant rules.Mutant
	// Trace gets a line for each step worth one; nil for none.
	Trace io.Writer
}

// Result is what came of a seed.
type Result struct {
	Seed uint64
	// Violations are the broken promises, the first ones; nil for a good run.
	Violations []string
	Seen       *Coverage
	// Events is how many there were, and Print sums up their times and all that
	// was random: a run that replays exactly has the same.
	Events, Print uint64
	// Wait is the longest that a client waited for an entry while nothing was broken.
	Wait time.Duration
}

// restPatience is how long the cluster has to come to rest once nothing goes
// wrong any more: longer than what any part waits for.
const restPatience = 90 * time.Second

// Run runs one seed.
func Run(seed uint64, options Options) Result {
	w := newWorld(seed, options.Trace)
	c := assemble(w, options)
	c.publish()
	for place := range c.plan.nodes {
		w.after(w.between(0, 300*time.Millisecond), func() { c.restart(place) })
	}
	for _, cl := range c.clients {
		w.after(w.between(0, 2*time.Second), cl.connect)
		cl.look()
		cl.read()
	}
	c.breakThings()
	c.watch()
	broken := func() bool { return len(w.violations) > 0 }
	mended := c.plan.load + 2*time.Second
	w.run(mended, broken)
	if !broken() {
		c.mend()
		c.rest()
	}
	return Result{
		Seed: seed, Violations: w.violations, Seen: w.seen,
		Events: w.done, Print: w.rng.Uint64() ^ uint64(w.now), Wait: c.waited,
	}
}

// rest lets the cluster come to rest.
func (c *cluster) rest() {
	w := c.world
	until := w.now + restPatience
	still := false
	var look func()
	look = func() {
		if still = c.settled(); !still {
			w.after(100*time.Millisecond, look)
		}
	}
	w.after(0, look)
	w.run(until, func() bool { return still || len(w.violations) > 0 })
	if !still && len(w.violations) == 0 {
		c.unsettled(w.violate)
	}
}

// assemble makes the servers, the network and the clients of a seed.
func assemble(w *world, options Options) *cluster {
	network := newNetwork(w)
	timeline := newTimeline(w, network)
	plan := newPlan(w, network, timeline)
	c := &cluster{
		world: w, network: network, timeline: timeline, plan: plan, options: options,
		journal: newJournal(w, plan.shards), check: newChecker(plan.shards), told: newTold(plan.shards), pairings: map[[2]int]pairing{},
		nodes: make([]*node, plan.nodes), byID: map[string]*node{},
	}
	timeline.begin(plan.shards)
	c.group = newGroup(w, c.journal)
	c.group.check, c.group.gives = c.checkCommit, c.told.give
	c.group.slow = plan.slowOffsets
	for i := range plan.clients {
		cl := &client{cluster: c, name: fmt.Sprintf("client %d", i), cursor: hub.Cursor{}, moved: map[hub.Stream]time.Duration{}, away: true}
		for _, stream := range plan.streams {
			if w.chance(0.7) {
				cl.streams = append(cl.streams, stream)
			}
		}
		if len(cl.streams) == 0 {
			cl.streams = plan.streams[:1]
		}
		c.clients = append(c.clients, cl)
	}
	return c
}

// sortedKeys returns a map's keys in their order: what happens must not depend on
// that of the map.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
