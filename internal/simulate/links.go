package simulate

import (
	"time"

	"bongsu/cluster/link"
	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// links are the ends of all links of one node, around cluster/link.
type links struct {
	node   *node
	in     map[string]*inbound     // from owners, by id
	out    map[string]*outbound    // to followers, by id
	source map[hub.Stream]*inbound // of each stream that is followed, or about to be
	calls  uint64                  // counts the wishes to follow and unfollow
	// beaten is when the outbound links last told how far they are.
	beaten time.Duration
}

// inbound is the end at which this node follows streams of an owner.
type inbound struct {
	owner string
	rules *link.Receiver
}

// outbound is the end at which this node gives a follower its streams.
type outbound struct {
	links    *links
	peer     string
	rules    *link.Sender
	wanted   map[hub.Stream]uint64 // the newest call that wished it
	flushing bool
	shut     bool
}

const (
	beatEvery = 500 * time.Millisecond
	// dropEvery is which batches vanish under DropBatch: runs are short.
	dropEvery = 7
)

func newLinks(n *node) *links {
	return &links{node: n, in: map[string]*inbound{}, out: map[string]*outbound{}, source: map[hub.Stream]*inbound{}}
}

// clock is virtual time as the link rules want it.
func (l *links) clock() time.Time { return time.UnixMilli(0).Add(l.node.world.now) }

// follow follows a stream of another node in the present epoch.
func (l *links) follow(owner string, stream hub.Stream, done func(hub.Head, bool)) {
	in := l.in[owner]
	if in == nil {
		in = &inbound{owner: owner, rules: link.NewReceiver(2*time.Second, l.node.cluster.plan.limits.Credit/4, 4)}
		l.in[owner] = in
	}
	epoch := in.rules.Open(l.clock())
	if before := l.source[stream]; before != nil && before != in {
		l.tellUnfollow(before, stream)
	}
	l.source[stream] = in // a loss while the answer is on its way counts
	l.calls++
	me, call := l.node.id, l.calls
	l.node.reach(owner, "follow", func(at *node, reply func(any)) {
		at.links.accept(me, epoch, call, stream, reply)
	}, func(answer any, ok bool) {
		head, is := answer.(hub.Head)
		done(head, ok && is && in.rules.In(epoch) && l.source[stream] == in)
	})
}

// accept is a follower's call at the owner.
func (l *links) accept(peer string, epoch, call uint64, stream hub.Stream, reply func(any)) {
	o := l.out[peer]
	_, known := l.node.view.Member(peer)
	switch {
	case !known:
		reply(nil)
		return
	case o != nil && o.rules.Epoch() > epoch:
		l.node.world.seen.FollowsOutdated++
		reply(nil)
		return
	case o != nil && o.rules.Epoch() == epoch && o.shut:
		l.signal(peer, "closed", func(in *inbound) link.Verdict { return in.rules.Closed(epoch) })
		reply(nil)
		return
	case o == nil || o.rules.Epoch() < epoch:
		if o != nil {
			l.shut(o)
		}
		limits := l.node.cluster.plan.limits
		if l.node.cluster.options.Mutant == DropBatch {
			limits.DropEvery = dropEvery
		}
		o = &outbound{links: l, peer: peer, rules: link.NewSender(epoch, limits, l.clock()), wanted: map[hub.Stream]uint64{}}
		l.out[peer] = o
	}
	o.wanted[stream] = max(o.wanted[stream], call)
	// What follows runs beside other calls: one may overtake another.
	l.node.after(l.node.world.between(0, 100*time.Microsecond), "accept", func() {
		l.node.host.follow(stream, o, func(head hub.Head, ok bool) {
			if _, wanted := o.wanted[stream]; !wanted {
				l.node.host.unfollow(stream, o)
			}
			if !ok {
				reply(nil)
				return
			}
			reply(head)
		})
	})
}

// drop ends the following of a stream at another node.
func (l *links) drop(stream hub.Stream) {
	if in := l.source[stream]; in != nil {
		delete(l.source, stream)
		l.tellUnfollow(in, stream)
	}
}

// tellUnfollow tells an owner. If it does not hear it, the next entry will say it.
func (l *links) tellUnfollow(in *inbound, stream hub.Stream) {
	other, me, owner := l.node.cluster.byID[in.owner], l.node.id, in.owner
	l.calls++
	epoch, call := in.rules.Epoch(), l.calls
	if other == nil {
		return
	}
	l.node.cluster.network.send(l.node.process, other.process, "unfollow", func() {
		o := other.links.out[me]
		switch {
		case other.id != owner, o == nil, o.rules.Epoch() != epoch:
		case o.wanted[stream] < call: // else a later wish has overtaken this one
			delete(o.wanted, stream)
			other.host.unfollow(stream, o)
		}
	})
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
			other.links.broken(in)
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
func (l *links) broken(in *inbound) {
	l.node.world.seen.LinksBroken++
	l.node.world.tracef("%s: link from %s is broken", l.node.id, in.owner)
	l.lose(func(_ hub.Stream, source *inbound) bool { return source == in })
}

// lose ends the following of streams, and tells the gateway.
func (l *links) lose(which func(hub.Stream, *inbound) bool) (lost []hub.Stream) {
	for _, stream := range sortedKeys(l.source) {
		if which(stream, l.source[stream]) {
			lost = append(lost, stream)
		}
	}
	for _, stream := range lost {
		delete(l.source, stream)
	}
	for _, stream := range lost {
		l.node.gateway.Lost(stream)
	}
	return lost
}

// shut ends an outbound link and what its actors give it.
func (l *links) shut(o *outbound) {
	if o.shut {
		return
	}
	o.shut = true
	if o.rules.Overrun() {
		l.node.world.seen.LinksOverrun++
	}
	o.rules.Close()
	epoch := o.rules.Epoch()
	l.signal(o.peer, "closed", func(in *inbound) link.Verdict { return in.rules.Closed(epoch) })
	for _, stream := range sortedKeys(o.wanted) {
		l.node.host.unfollow(stream, o)
	}
	o.wanted = map[hub.Stream]uint64{}
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
			l.shut(o)
		case beat:
			epoch, last, now := o.rules.Epoch(), o.rules.Last(), l.clock
			l.signal(peer, "beat", func(in *inbound) link.Verdict { return in.rules.Beat(epoch, last, now()) })
		}
	}
	for _, owner := range sortedKeys(l.in) {
		if in := l.in[owner]; in.rules.Silent(l.clock()) && in.rules.Break() == link.Broken {
			l.broken(in)
		}
	}
}

// viewChanged loses what was followed from nodes that own it no more.
func (l *links) viewChanged(now *view.View) {
	for _, owner := range sortedKeys(l.in) {
		in := l.in[owner]
		if _, alive := now.Member(owner); alive {
			moved := l.lose(func(stream hub.Stream, source *inbound) bool {
				id, ok := now.Owner(stream.Shard(now.Shards()))
				return source == in && ok && id != owner
			})
			l.node.world.seen.FollowedFromOldOwner += len(moved)
			for _, stream := range moved {
				l.tellUnfollow(in, stream)
			}
			continue
		}
		delete(l.in, owner)
		if in.rules.Break() == link.Broken {
			l.broken(in)
		}
	}
	for _, peer := range sortedKeys(l.out) {
		if _, alive := now.Member(peer); !alive {
			l.shut(l.out[peer])
			delete(l.out, peer)
		}
	}
}

// stop ends all links of an incarnation.
func (l *links) stop() {
	for _, peer := range sortedKeys(l.out) {
		l.shut(l.out[peer])
	}
	for _, owner := range sortedKeys(l.in) {
		if in := l.in[owner]; in.rules.Break() == link.Broken {
			l.broken(in)
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
	o.put(link.Item{Stream: stream, Lost: true})
}

func (o *outbound) put(item link.Item) {
	if o.shut {
		if !item.Lost {
			o.links.node.after(0, "unfollow late", func() { o.links.node.host.unfollow(item.Stream, o) })
		}
		return
	}
	if !o.rules.Put(item) {
		o.links.shut(o)
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
	for _, item := range batch.Items {
		if item.Lost {
			delete(o.wanted, item.Stream)
		}
	}
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
			other.links.broken(in)
		case link.Ignore:
		}
	})
}

func (l *links) take(in *inbound, items []link.Item) {
	for _, item := range items {
		switch {
		case l.source[item.Stream] != in:
			if !item.Lost {
				l.tellUnfollow(in, item.Stream)
			}
		case item.Lost:
			delete(l.source, item.Stream)
			l.node.gateway.Lost(item.Stream)
		case len(item.Entries) > 0:
			l.node.gateway.Deliver(item.Stream, item.Entries)
		}
	}
}
