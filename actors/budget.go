package actors

import (
	"context"
	"fmt"

	"golang.org/x/sync/semaphore"

	"bongsu/internal/hub"
)

// budget bounds the bytes that wait between the journal and the timeline: in
// mailboxes, in actors that are loading, and in the writer.
type budget struct {
	limit int64
	held  *semaphore.Weighted
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit, held: semaphore.NewWeighted(limit)}
}

// portion returns as many of the records, at least one, as may be taken at once,
// and their size. A quarter of the budget is the most, so that one shard cannot
// wait for all the others.
func (b *budget) portion(records []hub.Record) (part []hub.Record, size int64) {
	for i := range records {
		next := sizeOf(&records[i])
		if i > 0 && size+next > b.limit/4 {
			return records[:i], size
		}
		size += next
	}
	return records, size
}

// take waits until size bytes fit, and fails only when ctx ends.
func (b *budget) take(ctx context.Context, size int64) error {
	if err := b.held.Acquire(ctx, size); err != nil {
		return fmt.Errorf("too much waits for the timeline: %w", err)
	}
	return nil
}

func (b *budget) give(size int64) { b.held.Release(size) }

// sizeOf is what a record costs until it is in the timeline.
func sizeOf(r *hub.Record) int64 { return int64(160 + len(r.ID) + len(r.Payload)) }

func sizeOfAll(records []hub.Record) (size int64) {
	for i := range records {
		size += sizeOf(&records[i])
	}
	return size
}
