package cluster

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/cluster/link"
	"bongsu/cluster/view"
	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

const (
	// beatEvery is how often a follower is told how much it should have got.
	beatEvery = 500 * time.Millisecond
	// maxBatch bounds what goes to another node in one message, in bytes.
	maxBatch = 1 << 20
	// linkCredit is how many bytes may be on their way to another node: several
	// times what a fast network takes between two acknowledgements.
	linkCredit = 4 << 20
	// linkFlight is how many batches may be.
	linkFlight = 8 * ackBatches
	// linkQueue is how many bytes may wait for another node. The entries are shared
	// with the streams' actors, so it costs less than it says.
	linkQueue = 32 << 20
	// linkSilence is how long another node may acknowledge nothing.
	linkSilence = 5 * time.Second
)

// outbounds are the links to the nodes that follow streams of this one.
type outbounds struct {
	t      *traffic
	limits link.Limits

	mu     sync.Mutex
	byPeer map[string]*outbound // the newest, closed or not, of each
	over   bool                 // none is opened any more
}

func newOutbounds(t *traffic) *outbounds {
	return &outbounds{
		t:      t,
		limits: link.Limits{Batch: maxBatch, Credit: linkCredit, Flight: linkFlight, Queue: linkQueue, Silence: linkSilence, DropEvery: dropEvery()},
		byPeer: map[string]*outbound{},
	}
}

// open returns the link on which a call wants to follow streams. A higher epoch ends
// what was before.
func (l *outbounds) open(call *wire.Call) (*outbound, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	member, ok := l.t.view().Member(call.GetFrom())
	if !ok || l.over {
		return nil, hub.Unavailablef("node %s does not know node %s", l.t.id, call.GetFrom())
	}
	out := l.byPeer[member.ID]
	switch {
	case out != nil && out.epoch > call.GetEpoch():
		return nil, hub.Unavailablef("epoch %d has ended", call.GetEpoch())
	case out != nil && out.epoch == call.GetEpoch() && out.isClosed():
		out.sayClosed() // again: the first word may have been lost
		return nil, hub.Unavailablef("the link of epoch %d has closed", call.GetEpoch())
	case out == nil || out.epoch < call.GetEpoch():
		if out != nil {
			out.close()
		}
		out = newOutbound(l.t, member, call.GetEpoch(), l.limits)
		l.byPeer[member.ID] = out
		l.t.running.Go(out.run)
	}
	return out, nil
}

func (l *outbounds) find(peer string, epoch uint64) *outbound {
	l.mu.Lock()
	defer l.mu.Unlock()
	if out := l.byPeer[peer]; out != nil && out.epoch == epoch {
		return out
	}
	return nil
}

func (l *outbounds) unfollow(call *wire.Call) {
	if out := l.find(call.GetFrom(), call.GetEpoch()); out != nil {
		out.unwant(call)
	}
}

func (l *outbounds) ack(m *wire.Signal) {
	if out := l.find(m.GetFrom(), m.GetEpoch()); out != nil {
		out.ack(m.GetNumber())
	}
}

// streams returns how many streams of this node others follow, once for each.
func (l *outbounds) streams() int {
	l.mu.Lock()
	links := slices.Collect(maps.Values(l.byPeer))
	l.mu.Unlock()
	followed := 0
	for _, out := range links {
		out.wishes.Lock()
		followed += len(out.wanted)
		out.wishes.Unlock()
	}
	return followed
}

// stop closes all links; none is opened after it.
func (l *outbounds) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, out := range l.byPeer {
		out.close()
	}
}

// viewChanged closes the links to nodes that have gone.
func (l *outbounds) viewChanged(now *view.View) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for peer, out := range l.byPeer {
		if _, still := now.Member(peer); !still {
			out.close()
			delete(l.byPeer, peer)
		}
	}
}

// outbound is the link to one node in one epoch: the follower that this node's
// streams give what they get. One goroutine sends whatever has gathered, as soon
// as credit allows.
type outbound struct {
	t      *traffic
	peer   view.Announcement
	epoch  uint64
	pid    *actor.PID
	counts linkCounts
	wake   chan struct{}

	mu     sync.Mutex // of the sender, for moments only
	sender *link.Sender

	wishes sync.Mutex            // held while the owner is told to unfollow
	wanted map[hub.Stream]uint64 // the number of the newest call that wished it
	ended  atomic.Bool           // nothing is followed any more; set under wishes
}

func newOutbound(t *traffic, peer view.Announcement, epoch uint64, limits link.Limits) *outbound {
	return &outbound{
		t: t, peer: peer, epoch: epoch, pid: to(peer.ID, peer.Addr),
		counts: t.metrics.link(peer.Name, sent),
		wake:   make(chan struct{}, 1),
		sender: link.NewSender(epoch, limits, time.Now()),
		wanted: map[hub.Stream]uint64{},
	}
}

// Deliver implements hub.Follower.
func (o *outbound) Deliver(stream hub.Stream, entries []*hub.Entry) {
	o.put(link.Item{Stream: stream, Entries: entries})
}

// Marked implements hub.Follower.
func (o *outbound) Marked(admin string, marks map[hub.Stream]uint64) {
	o.put(link.Item{Stream: hub.AdminStream(admin), Marks: marks})
}

// Retained implements hub.Follower.
func (o *outbound) Retained(stream hub.Stream, floor uint64) {
	o.put(link.Item{Stream: stream, Floor: floor})
}

// Lost implements hub.Follower.
func (o *outbound) Lost(stream hub.Stream) { o.put(link.Item{Stream: stream, Lost: true}) }

func (o *outbound) put(item link.Item) {
	o.mu.Lock()
	taken := o.sender.Put(item)
	awake := !taken || o.sender.Ready()
	o.mu.Unlock()
	switch {
	case awake && !o.ended.Load():
		o.stir()
	case !taken && !item.Lost:
		// The link has ended, yet a stream's actor gives to it still: a wish to
		// follow must have reached it late.
		go o.t.owner.Unfollow(item.Stream, o)
	}
}

// stir wakes the sending goroutine.
func (o *outbound) stir() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbound) ack(number uint64) {
	o.counts.acks.Inc()
	o.mu.Lock()
	o.sender.Ack(o.epoch, number, time.Now())
	ready := o.sender.Ready()
	o.mu.Unlock()
	if ready {
		o.stir()
	}
}

func (o *outbound) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sender.Closed()
}

func (o *outbound) close() {
	o.mu.Lock()
	o.sender.Close()
	o.mu.Unlock()
	o.stir()
}

// run sends until the link closes.
func (o *outbound) run() {
	defer o.end()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	var items []link.Item // used again for each batch
	for {
		due := false
		select {
		case <-o.wake:
		case <-beat.C:
			due = true
		case <-o.t.ctx.Done():
			return
		}
		for {
			batch, more, open := o.next(items[:0])
			if !open {
				return
			}
			if !more {
				break
			}
			o.send(&batch)
			clear(batch.Items)
			items = batch.Items
		}
		if due {
			o.beat()
		}
	}
}

func (o *outbound) next(into []link.Item) (batch link.Batch, more, open bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sender.Closed() {
		return link.Batch{}, false, false
	}
	batch, more = o.sender.Next(into)
	return batch, more, true
}

func (o *outbound) send(batch *link.Batch) {
	entries := 0
	for i := range batch.Items {
		entries += len(batch.Items[i].Entries)
		if batch.Items[i].Lost {
			o.forget(batch.Items[i].Stream)
		}
	}
	o.counts.batches.Inc()
	o.counts.entries.Add(float64(entries))
	o.counts.bytes.Add(float64(batch.Size))
	o.t.system.Root.Send(o.pid, wire.FromBatch(o.t.id, batch))
}

// beat tells the follower how much it should have got, or ends a link that the
// follower says nothing on.
func (o *outbound) beat() {
	o.mu.Lock()
	last, silent := o.sender.Last(), o.sender.Silent(time.Now())
	o.mu.Unlock()
	if silent {
		o.t.log.Info("a node acknowledges nothing; its link is closed", "peer", o.peer.Name)
		o.close()
		return
	}
	o.signal(wire.Signal_BEAT, last)
}

func (o *outbound) signal(kind wire.Signal_Kind, number uint64) {
	o.counts.signals.Inc()
	o.t.system.Root.Send(o.pid, &wire.Signal{From: o.t.id, Kind: kind, Epoch: o.epoch, Number: number})
}

func (o *outbound) sayClosed() { o.signal(wire.Signal_CLOSED, 0) }

// end lets go of all streams that were followed through the link.
func (o *outbound) end() {
	o.mu.Lock()
	overrun := o.sender.Overrun()
	o.sender.Close()
	o.mu.Unlock()
	if overrun {
		o.t.metrics.overflows.WithLabelValues(o.peer.Name).Inc()
		o.t.log.Warn("a node takes less than its streams get; its link is closed and it will fetch", "peer", o.peer.Name)
	}
	o.sayClosed()
	o.wishes.Lock()
	defer o.wishes.Unlock()
	o.ended.Store(true)
	for stream := range o.wanted {
		o.t.owner.Unfollow(stream, o)
	}
	o.wanted = nil
}

// want notes that the node wishes to follow streams, before they are followed.
func (o *outbound) want(call *wire.Call) {
	o.wishes.Lock()
	defer o.wishes.Unlock()
	if o.ended.Load() {
		return
	}
	for _, place := range call.GetPlaces() {
		stream := hub.Stream(place.GetStream())
		o.wanted[stream] = max(o.wanted[stream], call.GetId())
	}
}

// unwant ends the following of streams, unless a later wish has overtaken it.
func (o *outbound) unwant(call *wire.Call) {
	o.wishes.Lock()
	defer o.wishes.Unlock()
	for _, place := range call.GetPlaces() {
		stream := hub.Stream(place.GetStream())
		if o.wanted[stream] < call.GetId() {
			delete(o.wanted, stream)
			o.t.owner.Unfollow(stream, o)
		}
	}
}

// settle ends the following of a stream that has been followed, if the wish ended
// meanwhile. A later wish waits for it, so that its own following comes after.
func (o *outbound) settle(stream hub.Stream) {
	o.wishes.Lock()
	defer o.wishes.Unlock()
	if _, wanted := o.wanted[stream]; !wanted {
		o.t.owner.Unfollow(stream, o)
	}
}

// forget notes that a stream's actor gives nothing more.
func (o *outbound) forget(stream hub.Stream) {
	o.wishes.Lock()
	defer o.wishes.Unlock()
	delete(o.wanted, stream)
}
