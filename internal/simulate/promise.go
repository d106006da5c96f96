package simulate

import (
	"maps"
	"time"

	"bongsu/internal/hub"
)

// told is what owners have said of streams so far, in pushes and in answers, to
// whoever.
type told struct {
	newest map[hub.Stream]uint64
	// given says of each shard which process the group has given it to, and
	// what had been told when it did.
	given []grant
}

// grant is a shard in the hands of one process, for as many generations as it stays.
type grant struct {
	process *process
	told    map[hub.Stream]uint64
}

func newTold(shards int) *told {
	return &told{newest: map[hub.Stream]uint64{}, given: make([]grant, shards)}
}

// tells notes that an owner tells somebody that the stream has so many entries.
func (t *told) tells(stream hub.Stream, seq uint64) {
	t.newest[stream] = max(t.newest[stream], seq)
}

// give notes that the group gives the shard to a process.
func (t *told) give(shard int32, p *process) {
	if t.given[shard].process != p {
		t.given[shard] = grant{p, maps.Clone(t.newest)}
	}
}

// rightful reports whether the process is the one that the group has given the
// shard to, and has heard of it.
func (c *cluster) rightful(p *process, shard int32) bool {
	n := c.nodes[p.node]
	return n != nil && n.process == p && c.told.given[shard].process == p && n.consumer.has(shard)
}

// owes returns what an owner that is asked now must know of a stream: all that
// anybody had been told before the group gave it the shard. One that the group has
// taken the shard from, and does not know it yet, owes nothing.
func (c *cluster) owes(p *process, stream hub.Stream) uint64 {
	shard := stream.Shard(int32(len(c.journal.logs)))
	if !c.rightful(p, shard) {
		return 0
	}
	return c.told.given[shard].told[stream]
}

// answers compares an owner's answer, by which the stream stands at seq, with what
// it owed when it was asked.
func (c *cluster) answers(p *process, stream hub.Stream, seq, owed uint64) {
	if seq < owed {
		c.world.violate("%s: answers that %s stands at %d, and %d had been told of before it got the shard", p.name, stream, seq, owed)
	}
	c.told.tells(stream, seq)
}

const (
	watchEvery = 200 * time.Millisecond
	// servedWithin is how soon the next entry of a stream is pushed to a client whose
	// node reaches the stream's owner all the while, when both reach the servers.
	servedWithin = 6 * time.Second
	// servedLossy is the same where messages are lost so often that several tries
	// of one call may be, each of two seconds.
	servedLossy = 12 * time.Second
)

// pairing is a node that has clients with a node that owns a shard, and since
// when nothing stands between them.
type pairing struct {
	asks, owner *node
	asksAs, as  string // their incarnations
	since       time.Duration
}

// watch sees to it that nobody waits for an entry when nothing is broken.
func (c *cluster) watch() {
	c.world.after(watchEvery, func() {
		for shard := range c.journal.logs {
			for place := range c.nodes {
				c.pair(int32(shard), place)
			}
		}
		if c.plan.slowClients == 0 {
			for _, cl := range c.clients {
				c.checkServed(cl)
			}
		}
		c.watch()
	})
}

// pair notes whether a shard's owner serves the clients of a place undisturbed.
func (c *cluster) pair(shard int32, place int) {
	key := [2]int{int(shard), place}
	asks, owner := c.nodes[place], c.ownerOf(shard)
	if asks == nil || owner == nil || !c.undisturbed(asks, owner) {
		delete(c.pairings, key)
		return
	}
	now := pairing{asks, owner, asks.id, owner.id, c.world.now}
	before := c.pairings[key]
	now.since = before.since
	if now != before {
		now.since = c.world.now
		c.pairings[key] = now
	}
}

// ownerOf returns the node that the group has given the shard to, nil if it does
// not consume it.
func (c *cluster) ownerOf(shard int32) *node {
	p := c.told.given[shard].process
	if p == nil || !c.rightful(p, shard) || !c.nodes[p.node].consumer.consumes(shard) {
		return nil
	}
	return c.nodes[p.node]
}

func (c *cluster) undisturbed(asks, owner *node) bool {
	return c.fine(asks) && c.fine(owner) && !c.journal.away && !c.timeline.away &&
		c.network.connected(owner.node, placeKafka) &&
		(asks == owner || c.network.connected(asks.node, owner.node)) &&
		owner.host.heldBack < c.world.now-watchEvery
}

func (c *cluster) fine(n *node) bool {
	return !n.frozen && !n.draining && c.network.connected(n.node, placeTimeline)
}

// checkServed says how long the client has waited for the next entry of each of
// its streams although nothing was broken.
func (c *cluster) checkServed(cl *client) {
	if cl.away || cl.node == nil {
		return
	}
	within := servedWithin
	if c.plan.loss > 0.001 {
		within = servedLossy
	}
	for _, stream := range cl.streams {
		next, there := c.reference(stream).at(cl.cursor[stream] + 1)
		if _, known := cl.cursor[stream]; !known || !there {
			continue
		}
		shard := stream.Shard(int32(len(c.journal.logs)))
		undisturbed, ok := c.pairings[[2]int{int(shard), cl.node.node}]
		if !ok || undisturbed.asks != cl.node {
			continue
		}
		waits := c.world.now - max(next.at, undisturbed.since, cl.since, cl.moved[stream])
		if waits > c.waited {
			c.waited = waits
			c.world.tracef("%s: waits %s for seq %d of %s at %s", cl.name, waits, cl.cursor[stream]+1, stream, cl.node.id)
		}
		if waits > within {
			c.world.violate("%s: has waited %s for seq %d of %s at %s, where %s has owned it undisturbed",
				cl.name, waits, cl.cursor[stream]+1, stream, cl.node.id, undisturbed.owner.id)
		}
	}
}
