package actors

import (
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"

	"bongsu/actors/rules"
	"bongsu/internal/hub"
)

const (
	// ringFollowed and ringBytes are how many flushed entries a followed stream's
	// actor keeps, so that a node that comes back a moment late need not ask the
	// timeline, and about how large they may be together.
	ringFollowed = 64
	ringBytes    = 32 << 10
	// maxWaiting bounds the requests that wait for a stream's state to load, and
	// the commands under way.
	maxWaiting = 1024
)

// streamActor is the virtual actor of one stream: it turns messages into calls
// on its state and the state's answers into effects. It never blocks.
type streamActor struct {
	host   *Host
	stream hub.Stream
	shard  *shard
	tenure *tenure
	state  *rules.Stream // nil until loaded
	stored *progress

	followers []hub.Follower      // each once
	commands  map[string]*command // under way through the journal, by key
	waiting   []request           // until the state is loaded
	stash     []hub.Record        // records until then
	inHand    []hub.Record        // records that are being taken

	taken  uint64 // how many messages of those that are counted have come
	last   int64  // offset of the last record taken
	active bool   // something happened since the last sweep
}

// Receive implements actor.Actor.
func (a *streamActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *apply:
		a.onApply(m)
	case request:
		a.taken++
		a.onRequest(ctx, m)
	case *activate:
		a.onActivate(ctx, m)
	case *loaded:
		a.onLoaded(ctx, m)
	case *appendFailed:
		a.finish(m.key, answer{err: m.err})
	case *retained:
		a.onRetained(m)
	case *sweep:
		a.onSweep(ctx, m)
	case *actor.Stopping:
		a.onStopping()
	case *actor.Restarting:
		a.onPanic()
	case *actor.Started, *actor.Stopped, *pcluster.ClusterInit:
	default:
		a.host.metrics.unknown.Inc()
		a.host.log.Warn("stream actor got an unknown message", "stream", a.stream, "type", fmt.Sprintf("%T", m))
	}
}

func (a *streamActor) onActivate(ctx actor.Context, m *activate) {
	a.stream, a.shard, a.tenure, a.stored, a.last = m.stream, m.shard, m.tenure, new(progress), m.from-1
	a.stored.offset.Store(a.last)
	a.host.loader.load(sleeper{hub.LoadRequest{Stream: m.stream, Before: m.from}, ctx.Self(), m.tenure})
}

func (a *streamActor) onLoaded(ctx actor.Context, m *loaded) {
	a.state = rules.Wake(m.state, mutant(), a.host.counts.of(a.stream))
	a.stored.seq.Store(m.state.Seq)
	records, requests := a.stash, a.waiting
	a.stash, a.waiting = nil, nil
	a.take(records)
	for _, m := range requests {
		a.onRequest(ctx, m)
	}
}

func (a *streamActor) onApply(m *apply) {
	a.taken++
	a.active = true
	if a.state == nil {
		a.stash = append(a.stash, m.records...)
		return
	}
	a.take(m.records)
}

// take folds records into the state and sends out what comes of them.
func (a *streamActor) take(records []hub.Record) {
	a.inHand = records
	var fresh []*hub.Entry
	items := make([]item, 0, len(records))
	for i := range records {
		r := &records[i]
		it := item{tenure: a.tenure, offset: r.Offset, size: sizeOf(r), stored: a.stored}
		switch r.Kind {
		case hub.Marks, hub.FirstMarks:
			it.marks = a.takeMarks(r)
		default:
			if entry := a.state.Number(r); entry != nil {
				it.entry = entry
				fresh = append(fresh, entry)
			} else {
				a.host.metrics.duplicates.Inc()
			}
		}
		items = append(items, it)
		a.last = r.Offset
	}
	if len(fresh) > 0 {
		a.host.counts.note(a.stream, fresh[len(fresh)-1].Seq)
		a.deliver(fresh)
	}
	a.host.writer.add(items)
	a.inHand = nil
	a.trim()
}

// deliver gives new entries to all followers. Those of a tenure that is over get
// no more: they are about to be told that the stream is lost, and somebody else
// may give them the same by now.
func (a *streamActor) deliver(entries []*hub.Entry) {
	if a.tenure.over.Load() {
		return
	}
	for _, f := range a.followers {
		f.Deliver(a.stream, slices.Clip(entries))
	}
}

// trim lets go of ring entries that need not be in memory. For a stream that
// nobody follows these are all that are stored.
func (a *streamActor) trim() {
	if len(a.followers) == 0 {
		a.state.Trim(a.stored.seq.Load(), 0, 0)
		return
	}
	if entries, size := a.state.Ring(); entries > 2*ringFollowed || size > 2*ringBytes {
		a.state.Trim(a.stored.seq.Load(), ringFollowed, ringBytes)
	}
}

// head returns where the stream stands, and whether that is certain.
func (a *streamActor) head() hub.Head {
	head := a.state.Head()
	head.Unsure = !a.tenure.claimed() || !a.host.fresh()
	return head
}

// onRequest answers a request, or keeps it until the state is loaded.
func (a *streamActor) onRequest(ctx actor.Context, message request) {
	a.active = true
	if a.state == nil {
		if len(a.waiting) >= maxWaiting {
			message.answer(answer{err: hub.Unavailablef("stream %s: too many requests wait for it", a.stream)})
			return
		}
		a.waiting = append(a.waiting, message)
		return
	}
	switch m := message.(type) {
	case *follow:
		if !slices.Contains(a.followers, m.follower) {
			a.followers = append(a.followers, m.follower)
		}
		m.answer(answer{head: a.head()})
	case *unfollow:
		a.unfollow(m.follower)
	case *headOf:
		m.answer(answer{head: a.head()})
	case *tailOf:
		entries, whole := a.state.Since(m.after)
		m.answer(answer{head: a.head(), entries: slices.Clone(entries), whole: whole})
	case *pendingOf:
		entries, _ := a.state.Since(a.stored.seq.Load())
		m.answer(answer{entries: slices.Clone(entries)})
	case *personOf:
		a.onPerson(ctx, m)
	case *raise:
		a.onRaise(ctx, m)
	}
}

func (a *streamActor) unfollow(f hub.Follower) {
	if i := slices.Index(a.followers, f); i >= 0 {
		a.followers = slices.Delete(a.followers, i, i+1)
	}
	if len(a.followers) == 0 {
		a.followers = nil
	}
}

func (a *streamActor) onRetained(m *retained) {
	if a.state == nil || !a.state.Retain(m.floor) {
		return
	}
	for _, f := range a.followers {
		f.Retained(a.stream, m.floor)
	}
}

// onSweep gives back memory, gives up commands that took too long, and stops
// the actor when nobody needs it: a virtual actor comes back when it is needed.
func (a *streamActor) onSweep(ctx actor.Context, m *sweep) {
	a.giveUp(m.now)
	wasActive := a.active
	a.active = false
	if a.state == nil {
		return
	}
	if wasActive {
		a.trim()
		return
	}
	a.state.Trim(a.stored.seq.Load(), 0, 0)
	idle := len(a.followers) == 0 && len(a.commands) == 0 && a.stored.offset.Load() >= a.last
	if idle && a.shard.forget(a.tenure, a.stream, ctx.Self(), a.taken) {
		a.host.metrics.passivated.Inc()
		ctx.Poison(ctx.Self()) // nothing that is waited for can come any more
	}
}

// onPanic comes after a panic, before the actor is made anew without its state.
// Its shard is applied again, by new actors; this one is let go with the others.
func (a *streamActor) onPanic() {
	a.onStopping()
	if a.shard != nil {
		a.host.log.Error("a stream actor panicked; its shard is applied again", "stream", a.stream, "shard", a.shard.id)
		a.shard.fail(a.tenure, fmt.Errorf("the actor of stream %s panicked", a.stream))
	}
}

// onStopping tells all who wait, and gives back the budget of records that will
// not come to the writer.
func (a *streamActor) onStopping() {
	a.host.budget.give(sizeOfAll(a.stash) + sizeOfAll(a.inHand))
	a.stash, a.inHand = nil, nil
	moving := answer{err: hub.Unavailablef("stream %s is moving", a.stream)}
	for _, m := range a.waiting {
		m.answer(moving)
	}
	a.waiting = nil
	for key := range a.commands {
		a.finish(key, moving)
	}
	for _, f := range a.followers {
		f.Lost(a.stream)
	}
	a.followers = nil
	if mutant() == rules.StaleWriter {
		a.writeStale()
	}
}
