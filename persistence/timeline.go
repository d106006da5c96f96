// Package persistence states what Bongsu asks of a timeline store, the
// queryable projection of the journal. The implementations are in the packages
// below it, and persistence/timelinetest holds the suite that each must pass.
package persistence

import (
	"context"
	"time"

	"bongsu/internal/hub"
)

// Timeline stores numbered entries and read marks. All methods may be called
// at once from many goroutines. Every error that a later call can overcome (the
// server is away, overloaded or restarting) wraps hub.ErrUnavailable; one that might
// not have come if less had been asked for, since the time or the memory was not enough,
// wraps context.DeadlineExceeded, too, or is it, if it was the caller's time. No method
// changes or keeps the slices it is given; entries it returns belong to the caller.
type Timeline interface {
	// Write stores entries and marks and returns when they are durable and
	// visible to every later read. It is idempotent: an entry is identified by
	// stream and seq, and the same entry written again changes nothing; a mark
	// never goes back. Entries of one stream come in the order of their seq. On
	// an error any part may have been stored, and the caller writes all again.
	Write(ctx context.Context, entries []*hub.Entry, marks []hub.Mark) error

	// Load returns the state of every stream asked for, in the order of the
	// requests. A stream it has never seen has a zero Head. It takes a handful of
	// queries whatever the number of requests.
	Load(ctx context.Context, requests []hub.LoadRequest) ([]hub.StreamState, error)

	// Range returns entries of one stream with after < seq <= to, ascending, at
	// most limit of them and about hub.MaxRangeBytes: it may end early, with at least
	// one entry if there is one.
	Range(ctx context.Context, stream hub.Stream, after, to uint64, limit int) ([]*hub.Entry, error)

	// List returns the page that the query asks for, newest first: descending by
	// (Time, Stream, Seq), each entry once.
	List(ctx context.Context, query hub.Query) ([]*hub.Entry, error)

	// Prune lets go of entries older than before (by Entry.Time), and of those that the
	// store has emptied for their age. A store may take the space back later, but the
	// Floor in Load and Floors moves before Prune returns, and never back. The newest
	// hub.DuplicateWindow entries of a stream stay stored, below the floor if they
	// are old: numbering and duplicate detection must survive retention.
	Prune(ctx context.Context, before time.Time) error

	// Floors returns the floor of each stream that has one above 0.
	Floors(ctx context.Context, streams []hub.Stream) (map[hub.Stream]uint64, error)

	// Ping reports whether the store can be used now.
	Ping(ctx context.Context) error

	// FlushEvery is how long the writer should gather entries before it calls
	// Write: 0 for a store that takes small batches well.
	FlushEvery() time.Duration

	// Close releases the store's resources; calls under way fail.
	Close() error
}
