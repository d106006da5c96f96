package simulate

import (
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

const (
	// readPatience is how long a person waits for a read mark to be acknowledged,
	// readWithin how long a node asks where the stream stands, every readAgain.
	readPatience = 8 * time.Second
	readWithin   = 4 * time.Second
	readAgain    = 100 * time.Millisecond
)

// standing is an owner's word of where a stream stands.
type standing struct {
	head hub.Head
	by   *process
}

// head asks the stream's owner where it stands, and says who answered.
func (n *node) head(stream hub.Stream, patience time.Duration, done func(head hub.Head, by *process, ok bool)) {
	var got standing
	n.route(stream, patience, func(owner string, ok func(bool)) {
		if owner == n.id {
			n.host.head(stream, func(head hub.Head, found bool) {
				got = standing{head, n.process}
				ok(found)
			})
			return
		}
		n.reach(owner, "head", func(at *node, reply func(any)) {
			at.host.head(stream, func(head hub.Head, found bool) {
				if found {
					reply(standing{head, at.process})
				} else {
					reply(nil)
				}
			})
		}, func(answer any, found bool) {
			s, is := answer.(standing)
			got = s
			ok(found && is)
		})
	}, func(ok bool) { done(got.head, got.by, ok) })
}

// read has the person mark as read what they have seen, at any node that runs, behind
// a balancer or by another device.
func (c *client) read() {
	w := c.cluster.world
	w.after(w.between(0, 2*c.cluster.plan.look), func() {
		stream := c.streams[w.rng.IntN(len(c.streams))]
		n := c.cluster.nodes[w.rng.IntN(len(c.cluster.nodes))]
		if seq := c.cursor[stream]; n != nil && seq > 0 {
			n.act("read", func() { n.read(c, stream, seq, catchup.NewReading(seq), n.world.now) })
		}
		c.read()
	})
}

// read marks a stream as read up to a seq that the client has, as far as it goes.
func (n *node) read(c *client, stream hub.Stream, seq uint64, reading *catchup.Reading, began time.Duration) {
	asked := n.world.now
	n.head(stream, readPatience, func(head hub.Head, by *process, ok bool) {
		if !ok {
			return
		}
		mark, certain := n.readUpTo(reading, head, asked)
		switch {
		case certain && mark < seq && n.cluster.rightful(by, stream.Shard(int32(len(n.cluster.journal.logs)))):
			n.world.tracef("%s: takes the head of an owner that lags for the newest of %s", n.id, stream)
		case certain && mark < seq:
			n.world.violate("%s: acknowledges to %s that %s is read up to %d, and %d was meant", n.id, c.name, stream, mark, seq)
		case certain:
			n.world.seen.Reads++
		case asked-began < readWithin:
			n.world.seen.ReadsAsked++
			n.after(readAgain, "read again", func() { n.read(c, stream, seq, reading, began) })
		}
	})
}
