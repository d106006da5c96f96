package simulate

import (
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// standing is an owner's word of where a stream stands.
type standing struct {
	head     hub.Head
	rightful bool // the group had given the stream to nobody else
}

// head asks the stream's owner where it stands, and says who answered.
func (n *node) head(stream hub.Stream, patience time.Duration, done func(s standing, ok bool)) {
	var got standing
	n.route(stream, patience, func(owner string, ok func(bool)) {
		if owner == n.id {
			n.host.head(stream, func(head hub.Head, found bool) {
				got = standing{head, n.rightful(stream)}
				ok(found)
			})
			return
		}
		n.reach(owner, "head", func(at *node, reply func(any)) {
			at.host.head(stream, func(head hub.Head, found bool) {
				if found {
					reply(standing{head, at.rightful(stream)})
				} else {
					reply(nil)
				}
			})
		}, func(answer any, found bool) {
			s, is := answer.(standing)
			got = s
			ok(found && is)
		})
	}, func(ok bool) { done(got, ok) })
}

// rightful reports whether the group has given the stream to this process.
func (n *node) rightful(stream hub.Stream) bool {
	return n.cluster.rightful(n.process, stream.Shard(int32(len(n.cluster.journal.logs))))
}

// word is a person's word that they have read a stream up to a seq.
type word struct {
	client  *client
	stream  hub.Stream
	seq     uint64
	reading *catchup.Reading
	began   time.Duration
	// lags says that the rightful owner has answered: if it knows of less than the
	// person has seen, it has not come to reading the rest of the journal.
	lags bool
}

// read has the person mark as read what they have seen, at any node that runs, behind
// a balancer or by another device.
func (c *client) read() {
	w := c.cluster.world
	w.after(w.between(0, 2*c.cluster.plan.look), func() {
		stream := c.streams[w.rng.IntN(len(c.streams))]
		n := c.cluster.nodes[w.rng.IntN(len(c.cluster.nodes))]
		if seq := c.cursor[stream]; n != nil && seq > 0 {
			n.act("read", func() {
				n.read(&word{client: c, stream: stream, seq: seq, reading: catchup.NewReading(seq), began: n.world.now})
			})
		}
		c.read()
	})
}

// read marks a stream as read up to a seq that the client has, as far as it goes.
func (n *node) read(said *word) {
	asked := n.world.now
	n.head(said.stream, catchup.ReadAsk, func(s standing, ok bool) {
		var mark uint64
		var certain bool
		if ok {
			mark, certain = n.readUpTo(said.reading, s.head, asked)
			said.lags = said.lags || s.rightful
		} else {
			said.reading.Take(hub.Head{Unsure: true}, time.Time{})
		}
		switch {
		case certain && mark < said.seq && said.lags:
			n.world.tracef("%s: takes the head of an owner that lags for the newest of %s", n.id, said.stream)
		case certain && mark < said.seq:
			n.world.violate("%s: acknowledges to %s that %s is read up to %d, and %d was meant",
				n.id, said.client.name, said.stream, mark, said.seq)
		case certain:
			n.world.seen.Reads++
		case asked-said.began < catchup.ReadWithin:
			n.world.seen.ReadsAsked++
			n.after(catchup.ReadAgain, "read again", func() { n.read(said) })
		}
	})
}
