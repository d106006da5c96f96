package simulate

import (
	"time"

	"bongsu/cluster/link"
	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// links are the ends of all links of one node, around cluster/link.
type links struct {
	node *node
	in   map[string]*inbound  // from owners, by id
	out  map[string]*outbound // to followers, by id
	// beaten is when the outbound links last told how far they are.
	beaten time.Duration
}

// inbound is the end at which this node follows streams of an owner.
type inbound struct {
	rules   *link.Receiver
	streams map[hub.Stream]bool
}

// outbound is the end at which this node gives a follower its streams.
type outbound struct {
	links    *links
	peer     string
	rules    *link.Sender
	streams  map[hub.Stream]bool
	flushing bool
	shut     bool
}

const beatEvery = 500 * time.Millisecond

func newLinks(n *node) *links {
	return &links{node: n, in: map[string]*inbound{}, out: map[string]*outbound{}}
}

// clock is virtual time as the link rules want it.
func (l *links) clock() time.Time { return time.UnixMilli(0).Add(l.node.world.now) }

// follow follows a stream of another node in the present epoch.
func (l *links) follow(owner string, stream hub.Stream, done func(hub.Head, bool)) {
	in := l.in[owner]
	if in == nil {
		in = &inbound{rules: link.NewReceiver(2*time.Second, 512, 4), streams: map[hub.Stream]bool{}}
		l.in[owner] = in
	}
	epoch := in.rules.Open(l.clock())
	in.streams[stream] = true // a loss while the answer is on its way counts
	me := l.node.id
	l.node.reach(owner, "follow", func(at *node, reply func(any)) {
		at.links.accept(me, epoch, stream, reply)
	}, func(answer any, ok bool) {
		head, is := answer.(hub.Head)
		done(head, ok && is && in.rules.In(epoch))
	})
}

// accept is a follower's call at the owner.
func (l *links) accept(peer string, epoch uint64, stream hub.Stream, reply func(any)) {
	o := l.out[peer]
	switch {
	case o == nil || o.rules.Epoch() < epoch:
		if o != nil {
			l.shut(o, false)
		}
		limits := l.node.cluster.plan.limits
		if l.node.cluster.options.Mutant == DropBatch {
			limits.DropEvery = 20
		}
		o = &outbound{links: l, peer: peer, rules: link.NewSender(epoch, limits, l.clock()), streams: map[hub.Stream]bool{}}
		l.out[peer] = o
	case o.rules.Epoch() > epoch:
		l.node.world.seen.FollowsOutdated++
		reply(nil)
		return
	case o.shut:
		l.signal(peer, "closed", func(in *inbound) link.Verdict { return in.rules.Closed(epoch) })
		reply(nil)
		return
	}
	o.streams[stream] = true
	l.node.host.follow(stream, o, func(head hub.Head, ok bool) {
		if !ok || o.shut {
			reply(nil)
			if o.shut {
				l.node.host.unfollow(stream, o)
			}
			return
		}
		reply(head)
	})
}

// unfollow ends the following of a stream that this node's gateway has dropped.
func (l *links) unfollow(stream hub.Stream) {
	for _, owner := range sortedKeys(l.in) {
		in := l.in[owner]
		if !in.streams[stream] {
			continue
		}
		delete(in.streams, stream)
		other, me := l.node.cluster.byID[owner], l.node.id
		if other == nil || !in.rules.In(in.rules.Open(l.clock())) {
			continue
		}
		epoch := in.rules.Open(l.clock())
		l.node.cluster.network.send(l.node.process, other.process, "unfollow", func() {
			if o := other.links.out[me]; other.id == owner && o != nil && o.rules.Epoch() == epoch {
				delete(o.streams, stream)
				other.host.unfollow(stream, o)
			}
		})
	}
}

// signal sends a word about a link to its follower.
func (l *links) signal(peer, what string, judge func(*inbound) link.Verdict) {
	other, me := l.node.cluster.byID[peer], l.node.id
	if other == nil {
		return
	}
	l.node.cluster.network.send(l.node.process, other.process, what, func() {
		in := other.links.in[me]
		if other.id != peer || in == nil {
			return
		}
		switch judge(in) {
		case link.Broken:
			other.links.broken(me, in)
		case link.Take:
			other.links.ack(me, in)
		case link.Ignore:
		}
	})
}

// ack acknowledges what came from an owner.
func (l *links) ack(owner string, in *inbound) {
	other, me := l.node.cluster.byID[owner], l.node.id
	epoch, number := in.rules.Ack()
	if other == nil {
		return
	}
	l.node.cluster.network.send(l.node.process, other.process, "ack", func() {
		if o := other.links.out[me]; other.id == owner && o != nil {
			o.rules.Ack(epoch, number, other.links.clock())
			o.flush()
		}
	})
}

// broken has everything followed again that was followed through the link.
func (l *links) broken(owner string, in *inbound) {
	l.node.world.seen.LinksBroken++
	l.node.world.tracef("%s: link from %s is broken", l.node.id, owner)
	streams := sortedKeys(in.streams)
	in.streams = map[hub.Stream]bool{}
	for _, stream := range streams {
		l.node.gateway.Lost(stream)
	}
}

// shut ends an outbound link and what its actors give it.
func (l *links) shut(o *outbound, tell bool) {
	if o.shut {
		return
	}
	o.shut = true
	if o.rules.Overrun() {
		l.node.world.seen.LinksOverrun++
	}
	o.rules.Close()
	for _, stream := range sortedKeys(o.streams) {
		l.node.host.unfollow(stream, o)
	}
	o.streams = map[hub.Stream]bool{}
	if tell {
		epoch := o.rules.Epoch()
		l.signal(o.peer, "closed", func(in *inbound) link.Verdict { return in.rules.Closed(epoch) })
	}
}

// tick sends heartbeats and finds links silent.
func (l *links) tick() {
	beat := l.node.world.now-l.beaten >= beatEvery
	if beat {
		l.beaten = l.node.world.now
	}
	for _, peer := range sortedKeys(l.out) {
		o := l.out[peer]
		switch {
		case o.shut:
		case o.rules.Silent(l.clock()):
			l.shut(o, true)
		case beat:
			epoch, last, now := o.rules.Epoch(), o.rules.Last(), l.clock
			l.signal(peer, "beat", func(in *inbound) link.Verdict { return in.rules.Beat(epoch, last, now()) })
		}
	}
	for _, owner := range sortedKeys(l.in) {
		if in := l.in[owner]; in.rules.Silent(l.clock()) && in.rules.Break() == link.Broken {
			l.broken(owner, in)
		}
	}
}

// viewChanged loses what was followed from owners that are no longer.
func (l *links) viewChanged(old, now *view.View) {
	for _, owner := range sortedKeys(l.in) {
		in := l.in[owner]
		if _, alive := now.Member(owner); !alive {
			if in.rules.Break() == link.Broken {
				l.broken(owner, in)
			}
			continue
		}
		for _, stream := range sortedKeys(in.streams) {
			shard := stream.Shard(now.Shards())
			if id, ok := now.Owner(shard); ok && id != owner {
				l.node.world.seen.FollowedFromOldOwner++
				delete(in.streams, stream)
				l.node.gateway.Lost(stream)
			}
		}
	}
	for _, peer := range sortedKeys(l.out) {
		if _, alive := now.Member(peer); !alive {
			if _, was := old.Member(peer); was {
				l.shut(l.out[peer], false)
			}
		}
	}
	// What this node owned itself its actors let go.
}

// stop ends all links of an incarnation.
func (l *links) stop() {
	for _, peer := range sortedKeys(l.out) {
		l.shut(l.out[peer], false)
	}
	for _, owner := range sortedKeys(l.in) {
		in := l.in[owner]
		if in.rules.Break() == link.Broken {
			l.broken(owner, in)
		}
	}
	l.in, l.out = map[string]*inbound{}, map[string]*outbound{}
}

// Deliver puts entries into the link, as the other calls of a hub.Follower do.
func (o *outbound) Deliver(stream hub.Stream, entries []*hub.Entry) {
	o.put(link.Item{Stream: stream, Entries: entries})
}

// Marked is not simulated.
func (o *outbound) Marked(string, map[hub.Stream]uint64) {}

// Retained is not simulated.
func (o *outbound) Retained(hub.Stream, uint64) {}

// Lost tells the follower that it gets no more of the stream.
func (o *outbound) Lost(stream hub.Stream) {
	delete(o.streams, stream)
	o.put(link.Item{Stream: stream, Lost: true})
}

func (o *outbound) put(item link.Item) {
	if o.shut {
		return
	}
	if !o.rules.Put(item) {
		o.links.shut(o, true)
		return
	}
	o.flush()
}

// flush sends what credit lets go, a little later.
func (o *outbound) flush() {
	if o.flushing || o.shut || !o.rules.Ready() {
		return
	}
	o.flushing = true
	n := o.links.node
	n.after(n.world.between(0, 300*time.Microsecond), "link flush", func() {
		o.flushing = false
		for {
			batch, ok := o.rules.Next(nil)
			if !ok {
				return
			}
			o.send(batch)
		}
	})
}

func (o *outbound) send(batch link.Batch) {
	n := o.links.node
	other, me := n.cluster.byID[o.peer], n.id
	if other == nil {
		return
	}
	n.cluster.network.send(n.process, other.process, "batch", func() {
		in := other.links.in[me]
		if other.id != o.peer || in == nil {
			return
		}
		switch in.rules.Batch(batch.Epoch, batch.Number, batch.Size, other.links.clock()) {
		case link.Take:
			other.links.take(in, batch.Items)
			if in.rules.AckDue() {
				other.links.ack(me, in)
			}
		case link.Broken:
			n.world.seen.LinkHoles++
			other.links.broken(me, in)
		case link.Ignore:
		}
	})
}

func (l *links) take(in *inbound, items []link.Item) {
	for _, item := range items {
		switch {
		case item.Lost:
			delete(in.streams, item.Stream)
			l.node.gateway.Lost(item.Stream)
		case len(item.Entries) > 0:
			l.node.gateway.Deliver(item.Stream, item.Entries)
		}
	}
}
