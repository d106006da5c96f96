package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"

	"bongsu/internal/hub"
)

const (
	// ringFollowed and ringBytes are how many flushed entries a followed stream's
	// actor keeps, so that a node that comes back a moment late need not ask the
	// timeline, and about how large they may be together.
	ringFollowed = 64
	ringBytes    = 32 << 10
	// maxWaiting bounds the requests that wait for a stream's state to load.
	maxWaiting = 1024
	// commandPatience is how long a command's record may take through the journal.
	commandPatience = 10 * time.Second
)

// Sink is the node's receiver of what it follows. Its methods never block.
type Sink interface {
	// Deliver gives newly applied entries of one stream, ascending and gapless.
	Deliver(stream hub.Stream, entries []*hub.Entry)
	// Marked gives read marks of a person that have grown.
	Marked(admin string, marks map[hub.Stream]uint64)
	// Retained says that a followed stream's floor has moved up.
	Retained(stream hub.Stream, floor uint64)
	// Lost says that a followed stream's actor has been let go.
	Lost(stream hub.Stream)
}

// Journal appends records to the journal.
type Journal interface {
	// Append returns when all in-sync replicas have all records.
	Append(ctx context.Context, records []hub.Record) error
}

// streamActor is the virtual actor of one stream: it turns messages into calls
// on its state and the state's answers into effects. It never blocks.
type streamActor struct {
	host   *Host
	stream hub.Stream
	shard  *shard
	state  *streamState // nil until loaded
	stored *progress

	waiting  []waiting             // requests until the state is loaded
	stash    []hub.Record          // records until then
	inHand   []hub.Record          // records that are being taken
	commands map[string]*actor.PID // who waits for a record of ours, by its id
	deadline map[string]time.Time

	followed bool
	applied  uint64 // how many apply messages have been taken
	last     int64  // offset of the last record taken
	active   bool   // something happened since the last sweep
}

type waiting struct {
	message any
	sender  *actor.PID
}

// Receive implements actor.Actor.
func (a *streamActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *activate:
		a.onActivate(ctx, m)
	case *apply:
		a.onApply(ctx, m)
	case *loaded:
		a.onLoaded(ctx, m)
	case *follow, *unfollow, *headOf, *tailOf, *pendingOf, *personOf, *raise:
		a.onRequest(ctx, m, ctx.Sender())
	case *appendFailed:
		a.answer(ctx, m.id, &failure{m.err})
	case *retained:
		a.onRetained(m)
	case *sweep:
		a.onSweep(ctx, m)
	case *actor.Stopping:
		a.onStopping(ctx)
	case *actor.Restarting:
		a.onPanic(ctx)
	case *actor.Started, *actor.Stopped, *pcluster.ClusterInit:
	default:
		a.host.metrics.unknown.Inc()
		a.host.log.Warn("stream actor got an unknown message", "stream", a.stream, "type", fmt.Sprintf("%T", m))
	}
}

func (a *streamActor) onActivate(ctx actor.Context, m *activate) {
	a.stream, a.shard, a.stored, a.last = m.stream, m.shard, new(progress), m.from-1
	a.stored.offset.Store(a.last)
	a.host.loader.load(hub.LoadRequest{Stream: m.stream, Before: m.from}, ctx.Self())
}

func (a *streamActor) onLoaded(ctx actor.Context, m *loaded) {
	a.state = newStreamState(m.state)
	a.stored.seq.Store(m.state.Seq)
	records, requests := a.stash, a.waiting
	a.stash, a.waiting = nil, nil
	a.take(ctx, records)
	for _, w := range requests {
		a.onRequest(ctx, w.message, w.sender)
	}
}

func (a *streamActor) onApply(ctx actor.Context, m *apply) {
	a.applied++
	a.active = true
	if a.state == nil {
		a.stash = append(a.stash, m.records...)
		return
	}
	a.take(ctx, m.records)
}

// take folds records into the state and sends out what comes of them.
func (a *streamActor) take(ctx actor.Context, records []hub.Record) {
	a.inHand = records
	var fresh []*hub.Entry
	items := make([]item, 0, len(records))
	for i := range records {
		r := &records[i]
		it := item{shard: a.shard, offset: r.Offset, size: sizeOf(r), stored: a.stored}
		switch r.Kind {
		case hub.Marks, hub.FirstMarks:
			it.marks = a.takeMarks(ctx, r)
		default:
			if entry := a.state.number(r); entry != nil {
				it.entry = entry
				fresh = append(fresh, entry)
			} else {
				a.host.metrics.duplicates.Inc()
			}
		}
		items = append(items, it)
		a.last = r.Offset
	}
	if len(fresh) > 0 && a.followed {
		a.host.sink.Deliver(a.stream, fresh)
	}
	a.host.writer.add(items)
	a.inHand = nil
	a.trim()
}

// trim lets go of ring entries that need not be in memory. For a stream that
// nobody follows these are all that are stored.
func (a *streamActor) trim() {
	switch {
	case !a.followed:
		a.state.trim(a.stored.seq.Load(), 0, 0)
	case len(a.state.ring) > 2*ringFollowed || a.state.ringSize > 2*ringBytes:
		a.state.trim(a.stored.seq.Load(), ringFollowed, ringBytes)
	}
}

func (a *streamActor) takeMarks(ctx actor.Context, r *hub.Record) []hub.Mark {
	marks, err := hub.DecodeMarks(r.Payload)
	if err != nil || a.stream.Kind() != hub.KindAdmin {
		a.host.log.Warn("unusable marks in the journal", "stream", a.stream, "offset", r.Offset, "err", err)
		a.answer(ctx, r.ID, &failure{hub.Invalidf("unusable marks")})
		return nil
	}
	admin := a.stream.Key()
	grown := a.state.mark(marks, r.Kind == hub.FirstMarks)
	if len(grown) > 0 && a.followed {
		a.host.sink.Marked(admin, grown)
	}
	a.answer(ctx, r.ID, &marksNow{a.state.marksOf(keys(marks))})
	stored := make([]hub.Mark, 0, len(grown))
	for stream, seq := range grown {
		stored = append(stored, hub.Mark{Admin: admin, Stream: stream, Seq: seq})
	}
	return stored
}

// onRequest answers a request, or keeps it until the state is loaded.
func (a *streamActor) onRequest(ctx actor.Context, message any, sender *actor.PID) {
	a.active = true
	if a.state == nil {
		if len(a.waiting) >= maxWaiting {
			a.refuse(ctx, sender, hub.Unavailablef("stream %s: too many requests wait for it", a.stream))
			return
		}
		a.waiting = append(a.waiting, waiting{message, sender})
		return
	}
	switch m := message.(type) {
	case *follow:
		a.followed = true
		a.sendHead(ctx, sender)
	case *unfollow:
		a.followed = false
	case *headOf:
		a.sendHead(ctx, sender)
	case *tailOf:
		entries, whole := a.state.since(m.after)
		ctx.Send(sender, &tail{a.state.head, clone(entries), whole})
	case *pendingOf:
		entries, _ := a.state.since(a.stored.seq.Load())
		ctx.Send(sender, &pending{clone(entries)})
	case *personOf:
		a.onPerson(ctx, m, sender)
	case *raise:
		a.onRaise(ctx, m, sender)
	}
}

// sendHead sends a copy: the state's own head goes on changing.
func (a *streamActor) sendHead(ctx actor.Context, to *actor.PID) {
	head := a.state.head
	ctx.Send(to, &head)
}

func (a *streamActor) onPerson(ctx actor.Context, m *personOf, sender *actor.PID) {
	missing := a.state.unmarked(m.heads)
	if len(missing) == 0 {
		streams := make([]hub.Stream, len(m.heads))
		for i, head := range m.heads {
			streams[i] = head.Stream
		}
		ctx.Send(sender, &marksNow{a.state.marksOf(streams)})
		return
	}
	for _, head := range m.heads { // known ones too, so that the answer names all
		if seq, ok := a.state.marks[head.Stream]; ok {
			missing[head.Stream] = seq
		}
	}
	a.command(ctx, hub.FirstMarks, missing, sender)
}

func (a *streamActor) onRaise(ctx actor.Context, m *raise, sender *actor.PID) {
	if len(a.state.higher(m.marks)) == 0 {
		ctx.Send(sender, &marksNow{a.state.marksOf(keys(m.marks))})
		return
	}
	a.command(ctx, hub.Marks, m.marks, sender)
}

// command sends marks through the journal; the sender is answered when the
// record comes back as any other.
func (a *streamActor) command(ctx actor.Context, kind hub.Kind, marks map[hub.Stream]uint64, sender *actor.PID) {
	if len(a.commands) >= maxWaiting {
		ctx.Send(sender, &failure{hub.Unavailablef("stream %s: too many commands are under way", a.stream)})
		return
	}
	record := hub.Record{Stream: a.stream, Kind: kind, ID: rand.Text(), Payload: hub.EncodeMarks(marks)}
	if a.commands == nil {
		a.commands = make(map[string]*actor.PID)
		a.deadline = make(map[string]time.Time)
	}
	a.commands[record.ID] = sender
	a.deadline[record.ID] = a.host.now().Add(commandPatience)
	self := ctx.Self()
	go func() { // the journal blocks, an actor must not
		limit, cancel := context.WithTimeout(context.Background(), commandPatience)
		defer cancel()
		if err := a.host.journal.Append(limit, []hub.Record{record}); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = hub.Unavailablef("the journal did not take the record in time: %w", err)
			}
			a.host.system.Root.Send(self, &appendFailed{record.ID, err})
		}
	}()
}

// answer tells whoever waits for the record what came of it.
func (a *streamActor) answer(ctx actor.Context, id string, result any) {
	sender, ok := a.commands[id]
	if !ok {
		return
	}
	delete(a.commands, id)
	delete(a.deadline, id)
	if len(a.commands) == 0 {
		a.commands, a.deadline = nil, nil
	}
	ctx.Send(sender, result)
}

func (a *streamActor) onRetained(m *retained) {
	if a.state == nil || m.floor <= a.state.head.Floor {
		return
	}
	a.state.head.Floor = m.floor
	if a.followed {
		a.host.sink.Retained(a.stream, m.floor)
	}
}

// onSweep gives back memory, gives up commands that took too long, and stops
// the actor when nobody needs it: a virtual actor comes back when it is needed.
func (a *streamActor) onSweep(ctx actor.Context, m *sweep) {
	for id, deadline := range a.deadline {
		if m.now.After(deadline) {
			a.answer(ctx, id, &failure{hub.Unavailablef("stream %s: the journal did not bring the record back", a.stream)})
		}
	}
	wasActive := a.active
	a.active = false
	if a.state == nil {
		return
	}
	if wasActive {
		a.trim()
		return
	}
	a.state.trim(a.stored.seq.Load(), 0, 0)
	idle := !a.followed && len(a.commands) == 0 && a.stored.offset.Load() >= a.last
	if idle && a.shard.forget(a.stream, ctx.Self(), a.applied) {
		a.host.metrics.passivated.Inc()
		ctx.Poison(ctx.Self()) // behind the requests that have come already
	}
}

// onPanic comes after a panic, before the actor is made anew without its state.
// Its shard is applied again, by new actors; this one is let go with the others.
func (a *streamActor) onPanic(ctx actor.Context) {
	a.onStopping(ctx)
	if a.shard != nil {
		a.host.log.Error("a stream actor panicked; its shard is applied again", "stream", a.stream, "shard", a.shard.id)
		a.shard.fail(fmt.Errorf("the actor of stream %s panicked", a.stream))
	}
}

// onStopping tells all who wait, and gives back the budget of records that will
// not come to the writer.
func (a *streamActor) onStopping(ctx actor.Context) {
	for _, records := range [][]hub.Record{a.stash, a.inHand} {
		for i := range records {
			a.host.budget.give(sizeOf(&records[i]))
		}
	}
	a.stash, a.inHand = nil, nil
	for _, w := range a.waiting {
		a.refuse(ctx, w.sender, hub.Unavailablef("stream %s is moving", a.stream))
	}
	for id := range a.commands {
		a.answer(ctx, id, &failure{hub.Unavailablef("stream %s is moving", a.stream)})
	}
	if a.followed {
		a.host.sink.Lost(a.stream)
	}
}

// refuse answers a request with an error, unless it was told rather than asked.
func (a *streamActor) refuse(ctx actor.Context, to *actor.PID, err error) {
	if to != nil {
		ctx.Send(to, &failure{err})
	}
}

func keys(marks map[hub.Stream]uint64) []hub.Stream {
	streams := make([]hub.Stream, 0, len(marks))
	for stream := range marks {
		streams = append(streams, stream)
	}
	return streams
}

// clone copies a part of the ring, which goes on changing after the answer.
func clone(entries []*hub.Entry) []*hub.Entry {
	return append([]*hub.Entry(nil), entries...)
}
