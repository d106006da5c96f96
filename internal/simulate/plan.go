package simulate

import (
	"fmt"
	"time"

	"bongsu/cluster/link"
	"bongsu/internal/hub"
)

// plan is what a seed makes of a run.
type plan struct {
	nodes, shards, clients int
	streams                []hub.Stream
	records                int
	history                int // records that are there before, of one stream
	load                   time.Duration
	unflushed              int // records that wait for the timeline at most
	catchUp                uint64
	look                   time.Duration // how often a client looks at a list
	limits                 link.Limits
	sweep, linger          time.Duration
	windowAge              time.Duration
	slowClients            float64
	slowOffsets            float64 // the chance that committed offsets are not told yet
	loss                   float64 // the chance of a message between nodes to vanish
	repeats, unheard       float64 // chances of a repeated id, and of a lost acknowledgement

	faults  int
	long    bool               // faults may last longer than anybody waits
	alone   bool               // a node is isolated for so long
	strikes map[string]float64 // chances of a blow right after steps of these names
}

// steps at which a process may be struck at once.
var steps = []string{
	"write stored", "flush", "commit", "commit answered", "joined", "synced", "fetched", "actor", "link flush",
	"batch", "follow", "follow answered", "dropped", "evicted", "release", "timeline answered", "heartbeat answered", "tail", "pending",
}

func newPlan(w *world, n *network, t *timeline) *plan {
	pick := func(values ...int) int { return values[w.rng.IntN(len(values))] }
	p := &plan{
		nodes: pick(2, 3, 3, 3, 3, 4, 5), shards: pick(1, 2, 3, 4), clients: 2 + w.rng.IntN(4),
		records: 30 + w.rng.IntN(130), load: w.between(5*time.Second, 15*time.Second),
		unflushed: pick(8, 40, 1000), catchUp: uint64(pick(5, 30, 1000, 1000)),
		limits: link.Limits{
			Batch: pick(400, 2000), Credit: pick(500, 4000, 64000), Flight: pick(5, 8, 64), Queue: pick(1500, 64000, 64000), Silence: 5 * time.Second,
		},
		sweep: w.between(300*time.Millisecond, 3*time.Second), linger: w.between(0, 3*time.Second),
		look: w.between(200*time.Millisecond, 2*time.Second), windowAge: w.between(0, 5*time.Second), faults: w.rng.IntN(7), strikes: map[string]float64{},
	}
	p.streams = []hub.Stream{"all", "mall:1", "admin:7", "mall:2", "partner:3"}[:2+w.rng.IntN(4)]
	if p.long = w.chance(0.06); p.long {
		p.load, p.faults = w.between(40*time.Second, 70*time.Second), 2+w.rng.IntN(6)
	}
	if p.alone = !p.long && w.chance(0.04); p.alone {
		p.load, p.shards, p.faults = w.between(30*time.Second, 40*time.Second), 1+w.rng.IntN(2), w.rng.IntN(3)
	}
	if w.chance(0.05) {
		p.history = hub.DuplicateWindow - 20 + w.rng.IntN(200)
	}
	if w.chance(0.5) {
		p.repeats, p.unheard = 0.1, 0.1
	}
	if w.chance(0.2) {
		p.slowClients = 0.02
	}
	if w.chance(0.3) {
		p.slowOffsets = 0.5
	}
	for range w.rng.IntN(3) {
		p.strikes[steps[w.rng.IntN(len(steps))]] = []float64{0.001, 0.01, 0.05}[w.rng.IntN(3)]
	}
	n.slow = w.between(200*time.Microsecond, 20*time.Millisecond)
	if w.chance(0.4) {
		p.loss = []float64{0.001, 0.01, 0.05}[w.rng.IntN(3)]
		n.loss = p.loss
	}
	if w.chance(0.4) {
		n.reorder = []float64{0.01, 0.1}[w.rng.IntN(2)]
	}
	t.slow = w.between(time.Millisecond, 100*time.Millisecond)
	if w.chance(0.4) {
		t.late = []float64{0.01, 0.1}[w.rng.IntN(2)]
	}
	return p
}

// publish spreads the plan's records over its time. What is not acknowledged is
// published again, under the same id.
func (c *cluster) publish() {
	w := c.world
	for i := range c.plan.history {
		stream := c.plan.streams[0]
		c.put(hub.Record{Stream: stream, ID: fmt.Sprintf("h%d", i)})
	}
	for i := range c.plan.records {
		stream := c.plan.streams[w.rng.IntN(len(c.plan.streams))]
		id := fmt.Sprintf("e%d", i)
		switch {
		case w.chance(c.plan.repeats):
			id = fmt.Sprintf("e%d", w.rng.IntN(i+1))
		case c.plan.history > 0 && w.chance(0.2):
			stream, id = c.plan.streams[0], fmt.Sprintf("h%d", w.rng.IntN(c.plan.history))
		}
		at := w.between(0, c.plan.load)
		for range 1 + w.rng.IntN(2)*w.rng.IntN(8) { // some come in bursts
			w.after(at, func() { c.tryPut(hub.Record{Stream: stream, ID: id}) })
			if w.chance(0.8) {
				id += "'"
			}
		}
	}
}

func (c *cluster) tryPut(r hub.Record) {
	if !c.put(r) || c.world.chance(c.plan.unheard) {
		c.world.after(c.world.between(50*time.Millisecond, time.Second), func() { c.tryPut(r) })
		return
	}
	c.check.acked[r.ID] = r.Stream
}

func (c *cluster) put(r hub.Record) bool {
	r.Kind, r.Type, r.Payload = hub.Notification, "NOTICE", []byte(`{}`)
	offset, ok := c.journal.append(r)
	if ok {
		c.appended(c.journal.logs[r.Stream.Shard(int32(c.plan.shards))][offset])
	}
	return ok
}
