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

// DropBatch is the mutant of the links: now and then a batch vanishes without a
// trace. The others are those of the actors' rules.
const DropBatch rules.Mutant = "drop-batch"

// Options say how a seed is run.
type Options struct {
	// Mutant is the fault that is put into the rules, rules.Sound for none.
	Mutant rules.Mutant
	// Trace gets a line for each step worth one; nil for none.
	Trace io.Writer
}

func (o Options) actorMutant() rules.Mutant {
	if o.Mutant == DropBatch {
		return rules.Sound
	}
	return o.Mutant
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
	// Rest is how long everything took to come to rest once all was mended.
	Rest time.Duration
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
	}
	c.breakThings()
	broken := func() bool { return len(w.violations) > 0 }
	mended := c.plan.load + 2*time.Second
	w.run(mended, broken)
	if !broken() {
		c.mend()
		c.rest()
	}
	return Result{
		Seed: seed, Violations: w.violations, Seen: w.seen,
		Events: w.done, Print: w.rng.Uint64() ^ uint64(w.now), Rest: max(0, w.now-mended),
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
	time := newTimeline(w, network)
	plan := newPlan(w, network, time)
	c := &cluster{
		world: w, network: network, timeline: time, plan: plan, options: options,
		journal: newJournal(w, plan.shards), check: newChecker(plan.shards),
		nodes: make([]*node, plan.nodes), byID: map[string]*node{},
	}
	time.begin(plan.shards)
	c.group = newGroup(w, c.journal)
	c.group.check = c.checkCommit
	for i := range plan.clients {
		cl := &client{cluster: c, name: fmt.Sprintf("client %d", i), cursor: hub.Cursor{}, away: true}
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
