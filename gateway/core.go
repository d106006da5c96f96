package gateway

import (
	"context"

	"bongsu/internal/hub"
)

// Core is what the gateway needs of the stream actors. Its calls may block on
// another part until ctx ends; errors wrap the ones in hub. Rights are the
// gateway's to check before it calls.
type Core interface {
	// Follow makes this node a follower of the stream, wherever its owner is, and
	// returns where the stream stands. From that head on every entry is given to
	// the Gateway, in order, perhaps before Follow has returned, until the Gateway
	// is told that the stream is lost. Following again is harmless and returns
	// the head as it is then. Thousands of these calls may run at once.
	Follow(ctx context.Context, stream hub.Stream) (hub.Head, error)

	// Unfollow ends that, without waiting: a Follow that is called after it comes
	// after it. Entries on their way may still reach the Gateway.
	Unfollow(stream hub.Stream)

	// Heads returns where the streams stand, in their order, following none.
	Heads(ctx context.Context, streams []hub.Stream) ([]hub.Head, error)

	// Range returns entries of one stream with seq > after, ascending and
	// gapless, at most limit of them, those not yet in the timeline included. An
	// answer that does not start at after+1 means that the entries before it
	// have left by retention; one that ends early, which the first of large entries do
	// (see hub.MaxRangeBytes), says nothing of what follows.
	Range(ctx context.Context, stream hub.Stream, after uint64, limit int) ([]*hub.Entry, error)

	// List returns a page, newest first, those not yet in the timeline included.
	List(ctx context.Context, query hub.Query) ([]*hub.Entry, error)

	// Person returns the person's read mark on each stream that heads names. For
	// a stream on which the person has none yet it first journals one: 0 on the
	// person's own stream, the given head on others.
	Person(ctx context.Context, admin string, heads []hub.Head) (map[hub.Stream]uint64, error)

	// Mark journals read marks of a person and returns the marks of the named
	// streams as they are after it. A mark never goes back.
	Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64) (map[hub.Stream]uint64, error)
}

// Journal appends records to the journal. Append returns when all in-sync
// replicas have all records; on an error some of them may have been appended. An
// error that wraps hub.ErrUnavailable means that Kafka is away, and comes at
// once when that is known already.
type Journal interface {
	Append(ctx context.Context, records []hub.Record) error
}
