package cluster

import (
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/cluster/link"
	"bongsu/cluster/view"
	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

const (
	// linkPatience is how long this node hears nothing from an owner before it takes
	// the link for broken.
	linkPatience = 2 * time.Second
	// ackBytes and ackBatches are after how much an owner is given new credit.
	ackBytes   = linkCredit / 16
	ackBatches = 64
)

// why a link broke, in the metrics.
const (
	brokeByHole    = "hole"
	brokeByOwner   = "closed"
	brokeBySilence = "silence"
	brokeByLeaving = "left"
)

// inbounds are the links from the owners of the streams that this node follows.
// Locks are taken in the order inbound.taking, inbounds.mu; the follower is called
// with taking alone, so that it may follow and unfollow under locks of its own.
type inbounds struct {
	t *traffic

	mu     sync.Mutex
	byPeer map[string]*inbound
	source map[hub.Stream]*inbound // of each stream that is followed, or about to be
	closed bool
}

// inbound is the link from one owner.
type inbound struct {
	peer   view.Announcement
	pid    *actor.PID
	counts linkCounts

	taking sync.Mutex // held while the follower is given what came

	// What follows is under inbounds.mu.
	receiver *link.Receiver
	wishes   []*wish // that wait for their turn; the last one still grows
	wishing  int     // goroutines that see to them
}

func newInbounds(t *traffic) *inbounds {
	return &inbounds{t: t, byPeer: map[string]*inbound{}, source: map[hub.Stream]*inbound{}}
}

// ensure returns the link from an owner. mu is held.
func (l *inbounds) ensure(peer view.Announcement) *inbound {
	in := l.byPeer[peer.ID]
	if in == nil {
		in = &inbound{
			peer: peer, pid: to(peer.ID, peer.Addr), counts: l.t.metrics.link(peer.Name, received),
			receiver: link.NewReceiver(linkPatience, ackBytes, ackBatches),
		}
		l.byPeer[peer.ID] = in
	}
	return in
}

func (l *inbounds) find(peer string) *inbound {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byPeer[peer]
}

// batch takes what an owner sends.
func (l *inbounds) batch(m *wire.Batch) {
	in := l.find(m.GetFrom())
	if in == nil {
		return
	}
	in.taking.Lock()
	defer in.taking.Unlock()
	size := m.Size()
	l.mu.Lock()
	switch in.receiver.Batch(m.GetEpoch(), m.GetNumber(), size, time.Now()) {
	case link.Ignore:
		l.mu.Unlock()
		return
	case link.Broken:
		lost := l.orphans(in)
		l.mu.Unlock()
		l.lose(in, lost, brokeByHole)
		return
	}
	l.sort(in, m.GetItems())
	l.mu.Unlock()
	entries := 0
	for _, item := range m.GetItems() {
		entries += len(item.GetEntries())
		l.give(item)
	}
	in.counts.batches.Inc()
	in.counts.entries.Add(float64(entries))
	in.counts.bytes.Add(float64(size))
	l.acknowledge(in, m.GetEpoch(), false)
}

// sort clears the stream of items that are not for this node any more, and tells
// their owner so. mu is held.
func (l *inbounds) sort(in *inbound, items []*wire.Item) {
	var strangers []hub.Stream
	for _, item := range items {
		stream := hub.Stream(item.GetStream())
		switch {
		case l.source[stream] != in:
			if !item.GetLost() {
				strangers = append(strangers, stream)
			}
			item.Stream = ""
		case item.GetLost():
			delete(l.source, stream)
		}
	}
	l.unfollow(in, strangers)
}

// give gives one item to the follower. in.taking is held.
func (l *inbounds) give(item *wire.Item) {
	if item.GetStream() == "" {
		return
	}
	stream := hub.Stream(item.GetStream())
	if len(item.GetEntries()) > 0 {
		l.t.follower.Deliver(stream, wire.ToEntries(stream, item.GetEntries()))
	}
	if len(item.GetMarks()) > 0 {
		l.t.follower.Marked(stream.Key(), wire.ToMarks(item.GetMarks()))
	}
	if item.GetFloor() > 0 {
		l.t.follower.Retained(stream, item.GetFloor())
	}
	if item.GetLost() {
		l.t.follower.Lost(stream)
	}
}

// acknowledge gives the owner new credit, if the epoch is still the present one
// and it is time, or must be.
func (l *inbounds) acknowledge(in *inbound, epoch uint64, must bool) {
	l.mu.Lock()
	due := in.receiver.In(epoch) && (must || in.receiver.AckDue())
	var number uint64
	if due {
		_, number = in.receiver.Ack()
	}
	l.mu.Unlock()
	if due {
		in.counts.acks.Inc()
		l.t.system.Root.Send(in.pid, &wire.Signal{From: l.t.id, Kind: wire.Signal_ACK, Epoch: epoch, Number: number})
	}
}

// signal takes an owner's word about its link.
func (l *inbounds) signal(m *wire.Signal) {
	in := l.find(m.GetFrom())
	if in == nil {
		return
	}
	in.counts.signals.Inc()
	in.taking.Lock()
	defer in.taking.Unlock()
	reason, verdict := brokeByHole, link.Ignore
	var lost []hub.Stream
	l.mu.Lock()
	switch m.GetKind() {
	case wire.Signal_BEAT:
		verdict = in.receiver.Beat(m.GetEpoch(), m.GetNumber(), time.Now())
	case wire.Signal_CLOSED:
		reason, verdict = brokeByOwner, in.receiver.Closed(m.GetEpoch())
	}
	if verdict == link.Broken {
		lost = l.orphans(in)
	}
	l.mu.Unlock()
	switch verdict {
	case link.Take:
		l.acknowledge(in, m.GetEpoch(), true)
	case link.Broken:
		l.lose(in, lost, reason)
	}
}

// orphans takes all streams off a link. mu is held.
func (l *inbounds) orphans(in *inbound) []hub.Stream {
	var lost []hub.Stream
	for stream, source := range l.source {
		if source == in {
			lost = append(lost, stream)
			delete(l.source, stream)
		}
	}
	return lost
}

// lose tells the follower that streams are lost. in.taking is held.
func (l *inbounds) lose(in *inbound, lost []hub.Stream, reason string) {
	l.t.metrics.repairs.WithLabelValues(in.peer.Name, reason).Inc()
	l.t.log.Info("a link broke; its streams are followed again", "peer", in.peer.Name, "reason", reason, "streams", len(lost))
	for _, stream := range lost {
		l.t.follower.Lost(stream)
	}
}

// breakLink ends the epoch of a link, if one is open, and loses its streams.
func (l *inbounds) breakLink(in *inbound, reason string, still func() bool) bool {
	in.taking.Lock()
	defer in.taking.Unlock()
	l.mu.Lock()
	if !still() {
		l.mu.Unlock()
		return false
	}
	broken := in.receiver.Break() == link.Broken
	lost := l.orphans(in)
	l.mu.Unlock()
	if broken {
		l.lose(in, lost, reason)
	}
	return broken
}

// streams returns how many streams of other nodes this one follows.
func (l *inbounds) streams() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.source)
}

func (l *inbounds) all() []*inbound {
	l.mu.Lock()
	defer l.mu.Unlock()
	links := make([]*inbound, 0, len(l.byPeer))
	for _, in := range l.byPeer {
		links = append(links, in)
	}
	return links
}

// breakSilent breaks the links that were not heard of for too long, and returns
// the ids of their owners.
func (l *inbounds) breakSilent(now time.Time) (ids []string) {
	for _, in := range l.all() {
		if l.breakLink(in, brokeBySilence, func() bool { return in.receiver.Silent(now) }) {
			ids = append(ids, in.peer.ID)
		}
	}
	return ids
}

// viewChanged breaks the links from nodes that have gone, and loses streams that
// have another owner now.
func (l *inbounds) viewChanged(now *view.View) {
	for _, in := range l.all() {
		if _, still := now.Member(in.peer.ID); still {
			l.moveAway(in, now)
			continue
		}
		l.mu.Lock()
		delete(l.byPeer, in.peer.ID)
		l.mu.Unlock()
		l.breakLink(in, brokeByLeaving, func() bool { return true })
	}
}

func (l *inbounds) moveAway(in *inbound, now *view.View) {
	in.taking.Lock()
	defer in.taking.Unlock()
	l.mu.Lock()
	var moved []hub.Stream
	for stream, source := range l.source {
		if source != in {
			continue
		}
		if owner, ok := now.Owner(stream.Shard(now.Shards())); ok && owner != in.peer.ID {
			moved = append(moved, stream)
			delete(l.source, stream)
		}
	}
	l.unfollow(in, moved)
	l.mu.Unlock()
	for _, stream := range moved {
		l.t.follower.Lost(stream)
	}
}

// unfollow tells an owner that streams are not followed any more. A message that
// is lost is made up for when the stream gets its next entry. mu is held, so that
// the call comes before any later one to follow.
func (l *inbounds) unfollow(in *inbound, streams []hub.Stream) {
	for some := range slices.Chunk(streams, maxPlaces) {
		l.t.tell(in.pid, in.peer.Name, &wire.Call{
			Operation: wire.Call_UNFOLLOW, Epoch: in.receiver.Epoch(), Places: wire.FromStreams(some),
		})
	}
}

// drop ends the following of a stream at another node, if there is any.
func (l *inbounds) drop(stream hub.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if in := l.source[stream]; in != nil {
		delete(l.source, stream)
		l.unfollow(in, []hub.Stream{stream})
	}
}

// closeAll ends all links for good.
func (l *inbounds) closeAll() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	for _, in := range l.all() {
		l.breakLink(in, brokeByLeaving, func() bool { return true })
	}
}
