package actors

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"bongsu/internal/hub"
)

// requestPatience is how long Core waits for an actor when the caller's context
// sets no deadline.
const requestPatience = 5 * time.Second

// Requester asks the actor of a stream, wherever in the cluster it lives.
type Requester interface {
	// Request waits for the actor's answer until ctx, which has a deadline, ends.
	Request(ctx context.Context, stream hub.Stream, message any) (any, error)
	// Tell sends and does not wait. Messages from one caller to one stream arrive
	// in order, those of Request included, while the actor does not move.
	Tell(stream hub.Stream, message any)
}

// Core answers the gateway's questions by asking stream actors, and the timeline
// for what they no longer hold. Errors wrap the ones in hub.
type Core struct {
	actors   Requester
	timeline Timeline
}

// NewCore returns a Core.
func NewCore(requester Requester, timeline Timeline) *Core {
	return &Core{actors: requester, timeline: timeline}
}

// ask sends a request and gives its answer the type that the request has.
func ask[T any](ctx context.Context, c *Core, stream hub.Stream, message any) (T, error) {
	var none T
	ctx, cancel := withPatience(ctx)
	defer cancel()
	answer, err := c.actors.Request(ctx, stream, message)
	if err != nil {
		return none, err
	}
	switch a := answer.(type) {
	case *T:
		return *a, nil
	case *failure:
		return none, a.err
	}
	return none, hub.Unavailablef("stream %s: unexpected answer %T", stream, answer)
}

func withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, requestPatience)
}

// Follow makes this node a follower of the stream and returns where it stands.
func (c *Core) Follow(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	return ask[hub.Head](ctx, c, stream, &follow{})
}

// Unfollow ends that. It does not wait: the next Follow comes after it.
func (c *Core) Unfollow(stream hub.Stream) { c.actors.Tell(stream, &unfollow{}) }

// Heads returns where the streams stand, in their order.
func (c *Core) Heads(ctx context.Context, streams []hub.Stream) ([]hub.Head, error) {
	return gather(streams, func(stream hub.Stream) (hub.Head, error) {
		return ask[hub.Head](ctx, c, stream, &headOf{})
	})
}

// askAtOnce is how many actors one caller asks at the same time.
const askAtOnce = 16

// gather asks for each stream, some at the same time, and returns the answers in
// the order of the streams, or the first error.
func gather[T any](streams []hub.Stream, ask func(hub.Stream) (T, error)) ([]T, error) {
	answers := make([]T, len(streams))
	group := errgroup.Group{}
	group.SetLimit(askAtOnce)
	for i, stream := range streams {
		group.Go(func() (err error) {
			answers[i], err = ask(stream)
			return err
		})
	}
	return answers, group.Wait()
}

// Range returns entries of one stream with seq > after, ascending and gapless,
// at most limit of them. An answer that does not start at after+1 means that
// the entries before it have left by retention.
func (c *Core) Range(ctx context.Context, stream hub.Stream, after uint64, limit int) ([]*hub.Entry, error) {
	recent, err := ask[tail](ctx, c, stream, &tailOf{after})
	if err != nil {
		return nil, err
	}
	if recent.whole {
		return recent.entries[:min(limit, len(recent.entries))], nil
	}
	after = max(after, recent.head.Floor)
	to := recent.head.Seq - uint64(len(recent.entries))
	entries, err := c.timeline.Range(ctx, stream, after, to, limit)
	if err != nil {
		return nil, err
	}
	// None means that retention has taken all up to there, since the actor knew.
	if len(entries) == 0 || entries[len(entries)-1].Seq == to {
		room := min(limit-len(entries), len(recent.entries))
		entries = append(entries, recent.entries[:room]...)
	}
	return entries, nil
}

// List returns a page, newest first, those not yet in the timeline included.
func (c *Core) List(ctx context.Context, query hub.Query) ([]*hub.Entry, error) {
	streams := make([]hub.Stream, len(query.Ranges))
	for i, r := range query.Ranges {
		streams[i] = r.Stream
	}
	// First what is not stored yet, then what is: an entry that is stored in
	// between comes twice, and is never missed.
	unstored, err := gather(streams, func(stream hub.Stream) (pending, error) {
		return ask[pending](ctx, c, stream, &pendingOf{})
	})
	if err != nil {
		return nil, err
	}
	page, err := c.timeline.List(ctx, query)
	if err != nil {
		return nil, err
	}
	return merge(page, unstored, &query), nil
}

// merge adds to a page the pending entries that belong on it.
func merge(page []*hub.Entry, unstored []pending, query *hub.Query) []*hub.Entry {
	grown := false
	for _, p := range unstored {
		for _, entry := range p.entries {
			if query.Holds(entry) {
				page, grown = append(page, entry), true
			}
		}
	}
	if grown {
		slices.SortFunc(page, func(a, b *hub.Entry) int { return b.Place().Compare(a.Place()) })
		page = slices.CompactFunc(page, func(a, b *hub.Entry) bool { return a.Place() == b.Place() })
	}
	return page[:min(len(page), query.Limit)]
}

// Person returns the person's mark on each stream that heads names, and starts
// those that it does not have.
func (c *Core) Person(ctx context.Context, admin string, heads []hub.Head) (map[hub.Stream]uint64, error) {
	answer, err := ask[marksNow](ctx, c, hub.AdminStream(admin), &personOf{heads})
	return answer.marks, err
}

// Mark journals read marks and returns those of the named streams after it.
func (c *Core) Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64) (map[hub.Stream]uint64, error) {
	answer, err := ask[marksNow](ctx, c, hub.AdminStream(admin), &raise{marks})
	return answer.marks, err
}
