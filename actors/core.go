package actors

import (
	"context"
	"slices"
	"time"

	"bongsu/internal/hub"
)

// callPatience is how long Core waits for a stream's owner when the caller's
// context sets no deadline.
const callPatience = 5 * time.Second

// Streams asks the owners of streams, wherever in the cluster they are: the calls
// of Host for this node, tried again until ctx, which has a deadline, ends. Errors
// wrap the ones in hub.
type Streams interface {
	// Follow has this node's follower given what the stream gets.
	Follow(ctx context.Context, stream hub.Stream) (hub.Head, error)
	// Unfollow ends that and does not wait. A Follow called after it comes after it.
	Unfollow(stream hub.Stream)
	// Heads returns where the streams stand, in their order.
	Heads(ctx context.Context, streams []hub.Stream) ([]hub.Head, error)
	// Tail returns what the owner has in memory of the entries after a seq.
	Tail(ctx context.Context, stream hub.Stream, after uint64) (hub.Tail, error)
	// Pending returns the entries of the streams that may not be in the timeline yet.
	Pending(ctx context.Context, streams []hub.Stream) ([]*hub.Entry, error)
	// Person and Mark are commands: what they do, they do once.
	Person(ctx context.Context, admin string, heads []hub.Head) (map[hub.Stream]uint64, error)
	Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64) (map[hub.Stream]uint64, error)
}

// Core answers the gateway's questions by asking the owners of streams, and the
// timeline for what they no longer hold. Errors wrap the ones in hub.
type Core struct {
	streams  Streams
	timeline Timeline
}

// NewCore returns a Core.
func NewCore(streams Streams, timeline Timeline) *Core {
	return &Core{streams: streams, timeline: timeline}
}

func withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callPatience)
}

// Follow makes this node a follower of the stream and returns where it stands.
func (c *Core) Follow(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	return c.streams.Follow(ctx, stream)
}

// Unfollow ends that. It does not wait: the next Follow comes after it.
func (c *Core) Unfollow(stream hub.Stream) { c.streams.Unfollow(stream) }

// Heads returns where the streams stand, in their order.
func (c *Core) Heads(ctx context.Context, streams []hub.Stream) ([]hub.Head, error) {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	return c.streams.Heads(ctx, streams)
}

// Range returns entries of one stream with seq > after, ascending and gapless,
// at most limit of them and hub.MaxRangeBytes. An answer that does not start at
// after+1 means that the entries before it have left by retention; one that ends early
// says nothing of what follows.
func (c *Core) Range(ctx context.Context, stream hub.Stream, after uint64, limit int) ([]*hub.Entry, error) {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	recent, err := c.streams.Tail(ctx, stream, after)
	if err != nil {
		return nil, err
	}
	if recent.Whole {
		return recent.Entries[:hub.Fitting(recent.Entries, limit, hub.MaxRangeBytes)], nil
	}
	after = max(after, recent.Head.Floor)
	to := recent.Head.Seq - uint64(len(recent.Entries))
	entries, err := c.timeline.Range(ctx, stream, after, to, limit)
	if err != nil {
		return nil, err
	}
	// None means that retention has taken all up to there, since the actor knew.
	if len(entries) == 0 || entries[len(entries)-1].Seq == to {
		entries = append(entries, recent.Entries...)
	}
	return entries[:hub.Fitting(entries, limit, hub.MaxRangeBytes)], nil
}

// List returns a page, newest first, those not yet in the timeline included.
func (c *Core) List(ctx context.Context, query hub.Query) ([]*hub.Entry, error) {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	streams := make([]hub.Stream, len(query.Ranges))
	for i, r := range query.Ranges {
		streams[i] = r.Stream
	}
	// First what is not stored yet, then what is: an entry that is stored in
	// between comes twice, and is never missed.
	unstored, err := c.streams.Pending(ctx, streams)
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
func merge(page, unstored []*hub.Entry, query *hub.Query) []*hub.Entry {
	grown := false
	for _, entry := range unstored {
		if query.Holds(entry) {
			page, grown = append(page, entry), true
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
	ctx, cancel := withPatience(ctx)
	defer cancel()
	return c.streams.Person(ctx, admin, heads)
}

// Mark journals read marks and returns those of the named streams after it.
func (c *Core) Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64) (map[hub.Stream]uint64, error) {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	return c.streams.Mark(ctx, admin, marks)
}
