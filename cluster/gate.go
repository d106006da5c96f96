package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"bongsu/cluster/link"
	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

const (
	// gateBound is how many streams the calls of other nodes may be about at once:
	// those to follow, which wait for streams to load, and as many of the others, which
	// must not wait for that.
	gateBound = 8192
	// maxPlaces is how many streams one call is about at most.
	maxPlaces = 512
	// askAtOnce is how many streams of one call are asked at the same time.
	askAtOnce = 64
	// maxAnswer bounds the entries of one answer, in bytes, if there is more than
	// one; an answer with one entry, however large, is no more than maxMessage.
	maxAnswer = 384 << 10
	// lull is how long streams to follow are waited for after one that could be, and
	// mostWait how long in all after the first: some may have to be loaded, or cannot be.
	lull     = 100 * time.Millisecond
	mostWait = 300 * time.Millisecond
)

// gate answers the calls of other nodes. It never waits: what takes time runs on
// goroutines, whose number is bounded; beyond that calls are refused.
type gate struct {
	t       *traffic
	bound   *semaphore.Weighted // of all calls but those to follow
	follows *semaphore.Weighted // of these
}

func newGate(t *traffic) *gate {
	return &gate{t, semaphore.NewWeighted(gateBound), semaphore.NewWeighted(gateBound)}
}

// take begins to answer a call.
func (g *gate) take(call *wire.Call) {
	if call.GetOperation() == wire.Call_UNFOLLOW {
		g.t.out.unfollow(call)
		return
	}
	weight := int64(max(1, len(call.GetPlaces())))
	if weight > maxPlaces && !perPerson(call.GetOperation()) {
		g.answer(call, &wire.Answer{Failure: wire.FromError(hub.Invalidf("a call is about at most %d streams", maxPlaces))})
		return
	}
	if perPerson(call.GetOperation()) {
		weight = 1
	}
	// The link is opened even if the call is then refused: its beats tell the follower,
	// who has opened it too, that this node lives.
	bound, out := g.bound, (*outbound)(nil)
	if call.GetOperation() == wire.Call_FOLLOW {
		bound = g.follows
		var err error
		if out, err = g.t.out.open(call); err != nil {
			g.answer(call, &wire.Answer{Failure: wire.FromError(err)})
			return
		}
	}
	if !bound.TryAcquire(weight) {
		g.t.metrics.refused.Inc()
		g.answer(call, &wire.Answer{Failure: wire.FromError(hub.Unavailablef("node %s has too many calls under way", g.t.id))})
		return
	}
	if out != nil {
		out.want(call) // here, for wishes to be taken in the order in which they come
	}
	go func() {
		defer bound.Release(weight)
		ctx, cancel := context.WithTimeout(g.t.ctx, time.Duration(call.GetPatienceMs())*time.Millisecond)
		defer cancel()
		g.answer(call, g.serve(ctx, call, out))
	}()
}

// perPerson reports whether the call is about one person, whatever its places.
func perPerson(op wire.Call_Operation) bool {
	return op == wire.Call_PERSON || op == wire.Call_MARK
}

func (g *gate) answer(call *wire.Call, answer *wire.Answer) {
	answer.Id = call.GetId()
	g.t.metrics.count(g.t.nameOf(call.GetFrom()), "answer", sent)
	g.t.system.Root.Send(to(call.GetFrom(), call.GetAddress()), answer)
}

func (g *gate) serve(ctx context.Context, call *wire.Call, out *outbound) *wire.Answer {
	switch call.GetOperation() {
	case wire.Call_FOLLOW:
		return g.follow(ctx, call, out)
	case wire.Call_HEADS:
		return g.each(call, func(stream hub.Stream, _ *wire.Place) (*wire.Part, error) {
			head, err := g.t.owner.Head(ctx, stream)
			return headPart(head), err
		})
	case wire.Call_TAIL:
		if len(call.GetPlaces()) != 1 {
			return &wire.Answer{Failure: wire.FromError(hub.Invalidf("a call for a tail is about one stream"))}
		}
		return g.tail(ctx, call)
	case wire.Call_PENDING:
		return g.pending(ctx, call)
	case wire.Call_PERSON:
		return marksAnswer(g.t.owner.Person(ctx, call.GetAdmin(), wire.ToHeads(call.GetPlaces()), call.GetKey()))
	case wire.Call_MARK:
		return marksAnswer(g.t.owner.Mark(ctx, call.GetAdmin(), wire.ToMarks(call.GetPlaces()), call.GetKey()))
	case wire.Call_STATUS:
		status := g.t.ownStatus()
		return &wire.Answer{Sessions: status.Sessions, Lag: status.Lag}
	}
	return &wire.Answer{Failure: wire.FromError(hub.Invalidf("unknown operation %d", call.GetOperation()))}
}

// follow answers for every stream by itself, and for those that hold up the others
// that they are unavailable: who asked asks again. The owner may follow such a stream
// still, once it can, unless it is told before that the wish has ended.
func (g *gate) follow(ctx context.Context, call *wire.Call, out *outbound) *wire.Answer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	places := call.GetPlaces()
	answer := &wire.Answer{Parts: make([]*wire.Part, len(places))}
	rest := stragglers{giveUp: cancel}
	var group sync.WaitGroup
	for i, place := range places {
		group.Go(func() {
			stream := hub.Stream(place.GetStream())
			head, err := g.t.owner.Follow(ctx, stream, out)
			out.settle(stream)
			switch {
			case err == nil:
				rest.wait()
			case errors.Is(err, context.Canceled):
				err = hub.Unavailablef("stream %s is not ready yet", stream)
			}
			answer.Parts[i] = headPart(head)
			answer.Parts[i].Failure = wire.FromError(err)
		})
	}
	group.Wait()
	return answer
}

// stragglers bounds how long those of a call are waited for that take longer than
// the others.
type stragglers struct {
	giveUp func()

	mu    sync.Mutex
	timer *time.Timer // nil until the first of the call is done
	last  time.Time   // when the wait is over in any case
}

// wait waits for the others a little longer, because one is done. It does not block.
func (s *stragglers) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		s.timer, s.last = time.AfterFunc(lull, s.giveUp), time.Now().Add(mostWait)
		return
	}
	s.timer.Reset(min(lull, time.Until(s.last)))
}

// each answers for every stream of a call by itself: one that fails does not
// spoil the others.
func (g *gate) each(call *wire.Call, ask func(hub.Stream, *wire.Place) (*wire.Part, error)) *wire.Answer {
	places := call.GetPlaces()
	answer := &wire.Answer{Parts: make([]*wire.Part, len(places))}
	each(len(places), func(i int) {
		part, err := ask(hub.Stream(places[i].GetStream()), places[i])
		if err != nil {
			part = &wire.Part{Failure: wire.FromError(err)}
		}
		answer.Parts[i] = part
	})
	return answer
}

// each calls do for 0 … n-1, some at the same time, and waits for all.
func each(n int, do func(i int)) {
	if n == 1 {
		do(0)
		return
	}
	group := errgroup.Group{}
	group.SetLimit(askAtOnce)
	for i := range n {
		group.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = group.Wait() // there are no errors
}

func headPart(head hub.Head) *wire.Part {
	return &wire.Part{Seq: head.Seq, Floor: head.Floor, Unsure: head.Unsure}
}

// headOf returns the head that a part of an answer holds.
func headOf(stream hub.Stream, part *wire.Part) hub.Head {
	return hub.Head{Stream: stream, Seq: part.GetSeq(), Floor: part.GetFloor(), Unsure: part.GetUnsure()}
}

func marksAnswer(marks map[hub.Stream]uint64, err error) *wire.Answer {
	return &wire.Answer{Marks: wire.FromMarks(marks), Failure: wire.FromError(err)}
}

// tail answers with as many of the first entries as an answer holds.
func (g *gate) tail(ctx context.Context, call *wire.Call) *wire.Answer {
	return g.each(call, func(stream hub.Stream, after *wire.Place) (*wire.Part, error) {
		tail, err := g.t.owner.Tail(ctx, stream, after.GetSeq())
		if err != nil {
			return nil, err
		}
		part, some := headPart(tail.Head), first(tail.Entries, maxAnswer)
		part.Entries, part.Whole, part.More = wire.FromEntries(some), tail.Whole, len(some) < len(tail.Entries)
		return part, nil
	})
}

// pending answers with as many entries as an answer holds, and says of which
// streams there are more.
func (g *gate) pending(ctx context.Context, call *wire.Call) *wire.Answer {
	places := call.GetPlaces()
	found, errs := make([][]*hub.Entry, len(places)), make([]error, len(places))
	each(len(places), func(i int) {
		found[i], errs[i] = g.t.owner.Pending(ctx, hub.Stream(places[i].GetStream()))
	})
	answer := &wire.Answer{Parts: make([]*wire.Part, len(places))}
	room := maxAnswer
	for i, entries := range found {
		part := &wire.Part{Failure: wire.FromError(errs[i])}
		answer.Parts[i] = part
		for len(entries) > 0 && entries[0].Seq <= places[i].GetSeq() {
			entries = entries[1:]
		}
		if len(entries) == 0 {
			continue
		}
		some := first(entries, room)
		if room < maxAnswer && len(some) == 1 && link.EntrySize(some[0]) > room {
			some = nil // only the first entry of all may be larger than the room
		}
		part.Entries, part.More = wire.FromEntries(some), len(some) < len(entries)
		for _, entry := range some {
			room -= link.EntrySize(entry)
		}
	}
	return answer
}

// first returns as many of the first entries as fit into room, at least one.
func first(entries []*hub.Entry, room int) []*hub.Entry {
	for i, entry := range entries {
		if room -= link.EntrySize(entry); room < 0 {
			return entries[:max(i, 1)]
		}
	}
	return entries
}

func (t *traffic) ownStatus() Status {
	if t.status == nil {
		return Status{}
	}
	return t.status()
}
