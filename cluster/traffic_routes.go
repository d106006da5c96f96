package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"bongsu/cluster/view"
	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

// retryFirst and retryMost bound the wait between tries of a routed call.
const (
	retryFirst = 5 * time.Millisecond
	retryMost  = 200 * time.Millisecond
)

// Follow makes this node's follower follow the stream and returns where it stands.
// A Lost that the follower is given during the call may concern it: the stream is
// to be followed again then.
func (t *traffic) Follow(ctx context.Context, stream hub.Stream) (head hub.Head, err error) {
	err = t.route(ctx, stream, func(ctx context.Context, owner view.Announcement, self bool) (err error) {
		if self {
			t.in.drop(stream)
			head, err = t.owner.Follow(ctx, stream, t.follower)
			return err
		}
		head, err = t.in.follow(ctx, owner, stream)
		return err
	})
	return head, err
}

// Unfollow ends that, without waiting: at another node, and here, for the stream may
// have moved, and its former actor be alive.
func (t *traffic) Unfollow(stream hub.Stream) {
	t.in.drop(stream)
	t.owner.Unfollow(stream, t.follower)
}

// Heads returns where the streams stand, in their order.
func (t *traffic) Heads(ctx context.Context, streams []hub.Stream) ([]hub.Head, error) {
	heads := make([]hub.Head, len(streams))
	err := t.survey(ctx, &survey{
		operation: wire.Call_HEADS,
		streams:   streams,
		local: func(ctx context.Context, i int) (err error) {
			heads[i], err = t.owner.Head(ctx, streams[i])
			return err
		},
		place: func(i int) *wire.Place { return &wire.Place{Stream: string(streams[i])} },
		remote: func(i int, part *wire.Part) {
			heads[i] = headOf(streams[i], part)
		},
	})
	return heads, err
}

// Tail returns what the stream's actor holds after seq. A whole tail of another
// node is bounded in bytes, and may end before the head.
func (t *traffic) Tail(ctx context.Context, stream hub.Stream, after uint64) (tail hub.Tail, err error) {
	err = t.route(ctx, stream, func(ctx context.Context, owner view.Announcement, self bool) (err error) {
		if self {
			tail, err = t.owner.Tail(ctx, stream, after)
			return err
		}
		tail, err = t.tailAt(ctx, owner, stream, after)
		return err
	})
	return tail, err
}

// tailAt asks another node for a tail. One that is not whole comes in as many
// parts as it takes: it must reach the head to be joined with the timeline.
func (t *traffic) tailAt(ctx context.Context, owner view.Announcement, stream hub.Stream, after uint64) (hub.Tail, error) {
	tail, more, err := t.tailPart(ctx, owner, stream, after)
	for err == nil && more && !tail.Whole {
		var part hub.Tail
		part, more, err = t.tailPart(ctx, owner, stream, tail.Entries[len(tail.Entries)-1].Seq)
		if err == nil && !part.Whole {
			err = hub.Unavailablef("the actor of stream %s has let go of a part", stream)
		}
		tail.Head, tail.Entries = part.Head, append(tail.Entries, part.Entries...)
	}
	return tail, err
}

func (t *traffic) tailPart(ctx context.Context, owner view.Announcement, stream hub.Stream, after uint64) (tail hub.Tail, more bool, err error) {
	answer, err := t.ask(ctx, owner, &wire.Call{Operation: wire.Call_TAIL, Places: []*wire.Place{{Stream: string(stream), Seq: after}}})
	if err != nil {
		return tail, false, err
	}
	if len(answer.GetParts()) != 1 {
		return tail, false, hub.Unavailablef("node %s gave a malformed answer", owner.Name)
	}
	part := answer.GetParts()[0]
	tail = hub.Tail{
		Head:    headOf(stream, part),
		Entries: wire.ToEntries(stream, part.GetEntries()),
		Whole:   part.GetWhole(),
	}
	return tail, part.GetMore() && len(tail.Entries) > 0, wire.ToError(part.GetFailure())
}

// Pending returns the entries of all the streams that the timeline may not have yet.
func (t *traffic) Pending(ctx context.Context, streams []hub.Stream) ([]*hub.Entry, error) {
	found := make([][]*hub.Entry, len(streams))
	err := t.survey(ctx, &survey{
		operation: wire.Call_PENDING,
		streams:   streams,
		local: func(ctx context.Context, i int) (err error) {
			found[i], err = t.owner.Pending(ctx, streams[i])
			return err
		},
		place: func(i int) *wire.Place {
			place := &wire.Place{Stream: string(streams[i])}
			if n := len(found[i]); n > 0 {
				place.Seq = found[i][n-1].Seq
			}
			return place
		},
		remote: func(i int, part *wire.Part) {
			found[i] = append(found[i], wire.ToEntries(streams[i], part.GetEntries())...)
		},
	})
	return slices.Concat(found...), err
}

// Person returns the person's read mark on each stream that heads names, and
// starts those that it does not have.
func (t *traffic) Person(ctx context.Context, admin string, heads []hub.Head) (map[hub.Stream]uint64, error) {
	key := rand.Text() // names the command, however often it is tried
	return t.command(ctx, admin, func(ctx context.Context) (map[hub.Stream]uint64, error) {
		return t.owner.Person(ctx, admin, heads, key)
	}, func() *wire.Call {
		return &wire.Call{Operation: wire.Call_PERSON, Admin: admin, Key: key, Places: wire.FromHeads(heads)}
	})
}

// Mark moves read marks of the person up and returns those of the named streams.
func (t *traffic) Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64) (map[hub.Stream]uint64, error) {
	key := rand.Text()
	return t.command(ctx, admin, func(ctx context.Context) (map[hub.Stream]uint64, error) {
		return t.owner.Mark(ctx, admin, marks, key)
	}, func() *wire.Call {
		return &wire.Call{Operation: wire.Call_MARK, Admin: admin, Key: key, Places: wire.FromMarks(marks)}
	})
}

// command routes what is about one person to the owner of the person's own stream.
func (t *traffic) command(
	ctx context.Context, admin string, local func(context.Context) (map[hub.Stream]uint64, error), remote func() *wire.Call,
) (marks map[hub.Stream]uint64, err error) {
	err = t.route(ctx, hub.AdminStream(admin), func(ctx context.Context, owner view.Announcement, self bool) (err error) {
		if self {
			marks, err = local(ctx)
			return err
		}
		answer, err := t.ask(ctx, owner, remote())
		if err == nil {
			marks = wire.ToMarks(answer.GetMarks())
		}
		return err
	})
	return marks, err
}

// statusOf asks a node how it fares, once.
func (t *traffic) statusOf(ctx context.Context, id string) (Status, error) {
	if id == t.id {
		return t.ownStatus(), nil
	}
	member, ok := t.view().Member(id)
	if !ok {
		return Status{}, hub.Unavailablef("node %s is not in the cluster", id)
	}
	answer, err := t.ask(ctx, member, &wire.Call{Operation: wire.Call_STATUS})
	if err != nil {
		return Status{}, err
	}
	return Status{Sessions: answer.GetSessions(), Lag: answer.GetLag()}, nil
}

// ownerOf returns the owner of a stream by the present view.
func (t *traffic) ownerOf(stream hub.Stream) (owner view.Announcement, self bool, err error) {
	v := t.view()
	id, ok := v.Owner(stream.Shard(v.Shards()))
	if !ok {
		return owner, false, hub.Unavailablef("its shard has no owner yet")
	}
	owner, _ = v.Member(id)
	return owner, id == t.id, nil
}

// route tries a call at the owner of one stream, by the view, until it succeeds, fails
// for good, or ctx ends, which has a deadline: with a jittered backoff, and at every
// change of the view. Errors wrap hub.ErrUnavailable unless the owner gave another, or
// ctx was cancelled.
func (t *traffic) route(ctx context.Context, stream hub.Stream, try func(ctx context.Context, owner view.Announcement, self bool) error) error {
	return t.retry(ctx, string(stream), func(ctx context.Context) error {
		owner, self, err := t.ownerOf(stream)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, tryPatience)
		defer cancel()
		return try(ctx, owner, self)
	})
}

// retry makes a call again while its error is temporary.
func (t *traffic) retry(ctx context.Context, what string, try func(ctx context.Context) error) error {
	wait := retryFirst
	for {
		changed := *t.changed.Load()
		err := try(ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(ctx.Err(), context.Canceled):
			return ctx.Err()
		case !hub.Temporary(err) && !errors.Is(err, context.DeadlineExceeded):
			return err
		}
		timer := time.NewTimer(wait/2 + mathrand.N(wait/2+1))
		select {
		case <-timer.C:
			wait = min(2*wait, retryMost)
		case <-changed:
			wait = retryFirst
		case <-ctx.Done():
		case <-t.ctx.Done():
			timer.Stop()
			return hub.Unavailablef("stream %s: this node is leaving", what)
		}
		timer.Stop()
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return ctx.Err()
		case ctx.Err() != nil:
			return hub.Unavailablef("stream %s: %w", what, err)
		}
		t.metrics.retries.Inc()
	}
}

// survey asks the same of many streams, with one call to each of their owners.
type survey struct {
	operation wire.Call_Operation
	streams   []hub.Stream
	// local asks this node's owner for the stream at i.
	local func(ctx context.Context, i int) error
	// place says what to ask another node for the stream at i, remote takes what it
	// answers. They are not called at once for one i.
	place  func(i int) *wire.Place
	remote func(i int, part *wire.Part)
}

// survey repeats it for the streams that have not been answered for.
func (t *traffic) survey(ctx context.Context, s *survey) error {
	if len(s.streams) == 0 {
		return nil
	}
	todo := make([]int, len(s.streams))
	for i := range todo {
		todo[i] = i
	}
	return t.retry(ctx, string(s.streams[0]), func(ctx context.Context) (err error) {
		for len(todo) > 0 && err == nil {
			todo, err = t.round(ctx, s, todo)
		}
		return err
	})
}

// round asks once for each of the streams todo, and returns those to ask for again:
// with an error if that has to wait, without where an answer was only a part.
func (t *traffic) round(ctx context.Context, s *survey, todo []int) (rest []int, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryPatience)
	defer cancel()
	var mu sync.Mutex
	again := func(because error, indexes ...int) {
		mu.Lock()
		defer mu.Unlock()
		rest = append(rest, indexes...)
		if err == nil || hub.Temporary(err) { // one that stays matters more
			err = firstError(because, err)
		}
	}
	byOwner := map[string][]int{}
	for _, i := range todo {
		owner, _, err := t.ownerOf(s.streams[i])
		if err != nil {
			again(err, i)
			continue
		}
		byOwner[owner.ID] = append(byOwner[owner.ID], i)
	}
	var group sync.WaitGroup
	for id, indexes := range maps.All(byOwner) {
		if id == t.id {
			group.Go(func() {
				each(len(indexes), func(n int) {
					if err := s.local(ctx, indexes[n]); err != nil {
						again(err, indexes[n])
					}
				})
			})
			continue
		}
		for some := range slices.Chunk(indexes, maxPlaces) {
			group.Go(func() { t.askFor(ctx, s, id, some, again) })
		}
	}
	group.Wait()
	return rest, err
}

// firstError returns the first that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// askFor asks one other node for some streams.
func (t *traffic) askFor(ctx context.Context, s *survey, id string, indexes []int, again func(error, ...int)) {
	owner, ok := t.view().Member(id)
	if !ok {
		again(hub.Unavailablef("node %s has gone", id), indexes...)
		return
	}
	call := &wire.Call{Operation: s.operation, Places: make([]*wire.Place, len(indexes))}
	for n, i := range indexes {
		call.Places[n] = s.place(i)
	}
	answer, err := t.ask(ctx, owner, call)
	if err == nil && len(answer.GetParts()) != len(indexes) {
		err = hub.Unavailablef("node %s gave a malformed answer", owner.Name)
	}
	if err != nil {
		again(err, indexes...)
		return
	}
	for n, i := range indexes {
		part := answer.GetParts()[n]
		if err := wire.ToError(part.GetFailure()); err != nil {
			again(err, i)
			continue
		}
		s.remote(i, part)
		if part.GetMore() {
			again(nil, i)
		}
	}
}
