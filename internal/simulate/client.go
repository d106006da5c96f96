package simulate

import (
	"time"

	"bongsu/internal/hub"
)

// client is a person's program: it follows some streams at any node, keeps a
// cursor of what it has seen, and goes on elsewhere when its connection ends.
type client struct {
	cluster *cluster
	name    string
	streams []hub.Stream
	cursor  hub.Cursor

	moved map[hub.Stream]time.Duration // when the cursor last did

	conn  int           // counts connections; an older one is dead
	node  *node         // of the present connection
	since time.Duration // when that began
	heard time.Duration
	away  bool // it is not connected, and waits
	fails int
}

const (
	connectPatience = 5 * time.Second
	silencePatience = 3500 * time.Millisecond
)

// connect tries a node.
func (c *client) connect() {
	w := c.cluster.world
	c.conn++
	conn := c.conn
	c.away, c.since, c.heard = false, w.now, w.now
	c.node = c.cluster.nodes[w.rng.IntN(len(c.cluster.nodes))]
	if c.node == nil {
		c.lose()
		return
	}
	n := c.node
	cursor := make(hub.Cursor, len(c.cursor))
	for stream, seq := range c.cursor {
		cursor[stream] = seq
	}
	if len(cursor) > 0 {
		w.seen.Resumes++
	}
	w.after(w.between(0, 5*time.Millisecond), func() {
		n.act("connect", func() { n.gateway.connect(c, conn, cursor) })
	})
	w.after(connectPatience, func() { c.listen(conn) })
}

// listen gives a silent connection up.
func (c *client) listen(conn int) {
	w := c.cluster.world
	switch {
	case c.conn != conn || c.away:
	case w.now-c.heard > silencePatience:
		c.lose()
	default:
		w.after(time.Second, func() { c.listen(conn) })
	}
}

// lose ends the connection; another is tried a little later.
func (c *client) lose() {
	if c.away {
		return
	}
	w := c.cluster.world
	c.away = true
	c.conn++ // what is still on its way is not for it
	c.fails++
	c.cluster.world.seen.Disconnects++
	w.after(w.between(10*time.Millisecond, min(time.Duration(c.fails)*400*time.Millisecond, 3*time.Second)), c.connect)
}

// welcome tells where the streams stand. One that is new begins there.
// A node may be late, but not against what an owner has told it.
func (c *client) welcome(heads, musts map[hub.Stream]uint64) {
	c.fails = 0
	for _, stream := range c.streams {
		head := heads[stream]
		if most := c.cluster.reference(stream).head(); head > most {
			c.cluster.world.violate("%s: is told that %s stands at %d, and there are %d", c.name, stream, head, most)
		}
		if must := musts[stream]; head < must {
			c.cluster.world.violate("%s: is told that %s stands at %d, and its owner has said %d", c.name, stream, head, must)
		}
		if _, known := c.cursor[stream]; !known {
			c.cursor[stream] = head
		}
	}
}

// entry takes a pushed entry: the next one of its stream.
func (c *client) entry(stream hub.Stream, seq uint64, id string) {
	w := c.cluster.world
	w.seen.Deliveries++
	last := c.cursor[stream]
	switch want, ok := c.cluster.reference(stream).at(seq); {
	case !ok || want.id != id:
		w.violate("%s: got %q as seq %d of %s, the journal says %q", c.name, id, seq, stream, want.id)
	case seq <= last:
		w.violate("%s: got seq %d of %s again, after %d", c.name, seq, stream, last)
	case seq > last+1:
		w.violate("%s: got seq %d of %s after %d, and was told of no gap", c.name, seq, stream, last)
	}
	c.cursor[stream], c.moved[stream] = max(last, seq), w.now
}

// gap takes the word that entries will not be pushed.
//
// Behind is who misses more than is sent again, or waits for entries that the node
// could not get for a long time.
func (c *client) gap(stream hub.Stream, from, to uint64, reason string, gaveUp bool) {
	last := c.cursor[stream]
	c.cluster.world.tracef("%s: gap of %s from %d to %d, %s, at %d", c.name, stream, from, to, reason, last)
	if reason != "behind" || from != last+1 || to < from || to > c.cluster.reference(stream).head() {
		c.cluster.world.violate("%s: is told of a gap of %s from %d to %d (%s), and stands at %d", c.name, stream, from, to, reason, last)
	}
	if missed := to - last; !gaveUp && missed <= c.cluster.plan.catchUp {
		c.cluster.world.violate("%s: is told of a gap of %s for %d entries, and %d are sent again", c.name, stream, missed, c.cluster.plan.catchUp)
	}
	c.cursor[stream] = to
}
