package actors

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bongsu/internal/hub"
	"bongsu/internal/outage"
)

const (
	// maxWrite is how many items one write to the timeline carries at most.
	maxWrite = 10_000
	// maxWriteBytes is how large they may be together, the first aside.
	maxWriteBytes = 16 << 20
	// writePatience is how long one write may take.
	writePatience = 30 * time.Second
	// writeRetryMost is the longest wait between tries while the timeline is away.
	writeRetryMost = 2 * time.Second
)

// item is one journal record on its way to the timeline.
type item struct {
	tenure *tenure
	offset int64
	size   int64
	stored *progress  // of the record's stream
	entry  *hub.Entry // nil for marks and for what is not stored
	marks  []hub.Mark
}

// progress is how far one stream is in the timeline. The writer moves it on.
type progress struct {
	seq    atomic.Uint64 // of the newest entry
	offset atomic.Int64  // of the newest record, whatever it was
}

// writer carries entries and marks to the timeline in batches, in the order in
// which it got them, and tries until they are stored. Only then it finishes
// their offsets.
type writer struct {
	timeline Timeline
	log      *slog.Logger
	metrics  *metrics
	budget   *budget
	every    time.Duration

	away   outage.Log // of run alone
	stride stride     // of run alone

	mu      sync.Mutex
	items   []item
	oldest  time.Time // when the first of items came, at the latest
	writing time.Time // what oldest was for the batch under way; zero if there is none
	wake    chan struct{}
	rush    chan struct{}
}

func newWriter(timeline Timeline, log *slog.Logger, budget *budget) *writer {
	return &writer{
		timeline: timeline,
		log:      log,
		budget:   budget,
		every:    timeline.FlushEvery(),
		stride:   newStride(maxWrite),
		wake:     make(chan struct{}, 1),
		rush:     make(chan struct{}, 1),
	}
}

// add queues items; items of one stream come in the order of their offsets. The
// queue is bounded by the budget that the items hold.
func (w *writer) add(items []item) {
	w.mu.Lock()
	if len(w.items) == 0 {
		w.oldest = time.Now()
	}
	w.items = append(w.items, items...)
	w.mu.Unlock()
	signal(w.wake)
}

// hurry makes the writer not wait for more items before its next write.
func (w *writer) hurry() { signal(w.rush) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *writer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		w.gather(ctx)
		batch := w.next()
		if len(batch) > 0 && !w.write(ctx, batch) {
			return
		}
		if w.written() > 0 {
			signal(w.wake)
		}
	}
}

// written notes that nothing is being written, and returns how many items have
// come in the meantime.
func (w *writer) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = time.Time{}
	return len(w.items)
}

// gather waits as long as the store wants a batch to grow. A full batch does not
// wait.
func (w *writer) gather(ctx context.Context) {
	if w.every <= 0 || w.queued() >= maxWrite {
		return
	}
	timer := time.NewTimer(w.every)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.rush:
	case <-ctx.Done():
	}
}

func (w *writer) queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.items)
}

func (w *writer) next() []item {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for size := int64(0); n < min(len(w.items), maxWrite); n++ {
		if size += w.items[n].size; n > 0 && size > maxWriteBytes {
			break
		}
	}
	batch := w.items[:n:n]
	if w.items = w.items[n:]; len(w.items) == 0 {
		w.items = nil
	}
	if n > 0 {
		w.writing, w.oldest = w.oldest, time.Now()
	}
	return batch
}

// write stores a batch, however long the timeline is away: in parts, one after the
// other, where it is too slow for all at once. It finishes the offsets of each part that
// is stored, and returns false if ctx ended before the last.
func (w *writer) write(ctx context.Context, batch []item) bool {
	for len(batch) > 0 {
		n := w.writeSome(ctx, batch)
		if n == 0 {
			return false
		}
		w.finish(batch[:n])
		batch = batch[n:]
	}
	return true
}

// writeSome stores as much of a batch, from its front, as the timeline takes at once,
// and returns how much that was: nothing only if ctx ended first.
func (w *writer) writeSome(ctx context.Context, batch []item) int {
	wait := 20 * time.Millisecond
	start := time.Now()
	for {
		n := w.stride.of(len(batch))
		entries, marks := split(batch[:n])
		if len(entries)+len(marks) == 0 {
			return n
		}
		limit, cancel := context.WithTimeout(ctx, writePatience)
		err := w.timeline.Write(limit, entries, marks)
		cancel()
		if err == nil {
			w.stride.more()
			w.metrics.flushSeconds.Observe(time.Since(start).Seconds())
			w.metrics.stored.Add(float64(len(entries)))
			w.away.Over(w.log, "the timeline takes entries again")
			return n
		}
		if ctx.Err() != nil {
			return 0
		}
		if tooMuch(err) {
			w.stride.less(n)
		}
		w.metrics.timelineErrors.Inc()
		w.away.Failed(w.log, "entries wait: the timeline does not take them", err, "entries", len(entries))
		if !pause(ctx, wait) {
			return 0
		}
		wait = min(2*wait, writeRetryMost)
	}
}

func split(batch []item) (entries []*hub.Entry, marks []hub.Mark) {
	entries = make([]*hub.Entry, 0, len(batch))
	for i := range batch {
		if batch[i].entry != nil {
			entries = append(entries, batch[i].entry)
		}
		marks = append(marks, batch[i].marks...)
	}
	return entries, marks
}

func (w *writer) finish(batch []item) {
	size := int64(0)
	for i := range batch {
		it := &batch[i]
		if it.entry != nil {
			it.stored.seq.Store(it.entry.Seq)
		}
		it.stored.offset.Store(it.offset)
		it.tenure.finish(it.offset)
		size += it.size
	}
	w.budget.give(size)
}

// drain waits until everything that was added is stored, or ctx ends.
func (w *writer) drain(ctx context.Context) {
	w.hurry()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for w.waiting() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// waiting returns how many items are not stored yet, at least 1 while a batch is
// being written.
func (w *writer) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.writing.IsZero() {
		return len(w.items) + 1
	}
	return len(w.items)
}

// lag returns for how long the oldest item, of the batch under way or queued, has
// waited: at least, if it was left in the queue by a full batch.
func (w *writer) lag() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.writing.IsZero():
		return time.Since(w.writing)
	case len(w.items) > 0:
		return time.Since(w.oldest)
	}
	return 0
}
