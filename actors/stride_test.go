package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

func TestStreamsWakeThoughTheTimelineIsTooSlowForAllAtOnce(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	const streams = 200
	for i := range streams {
		n.publish(t, note(hub.MallStream(fmt.Sprint(i)), "a"))
	}
	await.That(t, "all actors wait to be woken", func() bool { return n.asleep() == streams })
	n.timeline.setMost(3)
	n.timeline.setAway(false)
	await.That(t, "all streams wake", func() bool { return n.held() == 0 })

	n.timeline.setMost(0)
	n.timeline.mu.Lock()
	before := n.timeline.loads
	n.timeline.mu.Unlock()
	n.timeline.setAway(true)
	for i := range 10 * streams {
		n.publish(t, note(hub.MallStream(fmt.Sprint("more-", i)), "a"))
	}
	await.That(t, "more actors wait to be woken", func() bool { return n.asleep() == 10*streams })
	n.timeline.setAway(false)
	await.That(t, "more streams wake", func() bool { return n.held() == 0 })
	n.timeline.mu.Lock()
	defer n.timeline.mu.Unlock()
	if took := n.timeline.loads - before; took > 30 {
		t.Errorf("%d streams took %d queries once the timeline was quick again", 10*streams, took)
	}
}

func TestAStreamThatTakesTooLongToLoadHoldsUpNoOther(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	n.timeline.mu.Lock()
	n.timeline.slow = "mall:slow"
	n.timeline.mu.Unlock()
	n.publish(t, note("mall:slow", "a"))
	for i := range 20 {
		n.publish(t, note(hub.MallStream(fmt.Sprint(i)), "a"))
	}
	await.That(t, "all actors wait to be woken", func() bool { return n.asleep() == 21 })
	n.timeline.setAway(false)
	one := sizeOf(&hub.Record{ID: "a", Payload: note("all", "a").Payload})
	await.That(t, "all others wake", func() bool { return n.held() == one })
	n.timeline.mu.Lock()
	n.timeline.slow = ""
	n.timeline.mu.Unlock()
	await.That(t, "the slow one wakes", func() bool { return n.held() == 0 })
}

// sluggish is a timeline that takes a while for each entry and gives up after five
// seconds, as a store does with a statement. It checks that what it stores has no hole.
type sluggish struct {
	t *testing.T
	*memory
	each   time.Duration
	full   uint64 // it is away once it has so many entries, if not 0
	newest uint64
	writes int
}

func (s *sluggish) Write(_ context.Context, entries []*hub.Entry, _ []hub.Mark) error {
	const patience = 5 * time.Second
	if s.full > 0 && s.newest >= s.full {
		return hub.Unavailablef("away")
	}
	took := time.Duration(len(entries)) * s.each
	time.Sleep(min(took, patience))
	if took > patience {
		return hub.Unavailablef("%w: too slow", context.DeadlineExceeded)
	}
	for _, e := range entries {
		if e.Seq != s.newest+1 {
			s.t.Errorf("%d is stored after %d", e.Seq, s.newest)
		}
		s.newest = e.Seq
	}
	s.writes++
	return nil
}

func TestABatchThatIsTooMuchAtOnceIsStoredAndFinishedInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &sluggish{t: t, memory: newMemory(), each: 10 * time.Millisecond, full: 4000} // 500 in time
		host := NewHost(Options{Shards: 1, Timeline: store, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
		tenure := newTenure(nil, 0)
		tenure.claim(0)
		// batch is a full one, from an offset on.
		batch := func(from int) []item {
			items, records := make([]item, maxWrite), make([]hub.Record, maxWrite)
			for i := range items {
				records[i].Offset = int64(from + i)
				entry := &hub.Entry{Stream: "all", Seq: uint64(from + i + 1)}
				items[i] = item{tenure: tenure, offset: records[i].Offset, entry: entry, stored: new(progress)}
			}
			tenure.take(records, int64(from+maxWrite))
			return items
		}
		first := batch(0)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if host.writer.write(ctx, first) {
			t.Fatal("all of it was written to a timeline that is away")
		}
		low, ok := tenure.committable()
		if !ok || low != int64(store.newest) || low < 4000 {
			t.Fatalf("offset %d could be committed (%t); %d entries are stored, of 4000 that there is room for", low, ok, store.newest)
		}
		store.full = 0
		if !host.writer.write(t.Context(), first[low:]) {
			t.Fatal("the rest was not written")
		}
		if low, _ := tenure.committable(); low != maxWrite {
			t.Errorf("offset %d could be committed, and all is stored", low)
		}
		store.each, store.writes = 0, 0
		for i := range 5 {
			host.writer.write(t.Context(), batch((i+1)*maxWrite))
		}
		if store.newest != 6*maxWrite || store.writes > 20 {
			t.Errorf("%d entries took %d writes once the timeline was quick again", 5*maxWrite, store.writes)
		}
	})
}

func TestWhatIsTooMuchIsTriedWithLessDownToOne(t *testing.T) {
	s := newStride(1000)
	for range 20 {
		s.less(s.of(5000))
	}
	if n := s.of(5000); n != 1 {
		t.Errorf("%d at once, want 1", n)
	}
	for range 25 {
		s.more()
	}
	if n := s.of(5000); n != 1000 {
		t.Errorf("%d at once, want 1000", n)
	}
	if !tooMuch(fmt.Errorf("load: %w", hub.Unavailablef("%w", context.DeadlineExceeded))) || tooMuch(errors.New("x")) {
		t.Error("a time-out is not told from other failures")
	}
}
