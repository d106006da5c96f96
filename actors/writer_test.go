package actors

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/hub"
)

// patient is a timeline that wants its batches to grow, and counts them.
type patient struct {
	*memory
	writes atomic.Int32
}

func (p *patient) FlushEvery() time.Duration { return 100 * time.Millisecond }

func (p *patient) Write(ctx context.Context, entries []*hub.Entry, marks []hub.Mark) error {
	p.writes.Add(1)
	time.Sleep(30 * time.Millisecond) // more comes while a batch is written
	return p.memory.Write(ctx, entries, marks)
}

func TestAStreamOfEntriesIsWrittenInBatchesThatHaveGrown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &patient{memory: newMemory()}
		host := NewHost(Options{Shards: 1, Timeline: store, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			host.writer.run(ctx)
			close(ended)
		}()
		tenure := newTenure(nil, 0)
		for seq := range uint64(1000) {
			entry := &hub.Entry{Stream: "all", Seq: seq + 1}
			host.writer.add([]item{{tenure: tenure, offset: int64(seq), entry: entry, stored: new(progress)}})
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		cancel()
		<-ended
		if n := store.writes.Load(); n > 12 {
			t.Errorf("1,000 entries in a second took %d writes; a batch should grow for 100 ms", n)
		}
		store.mu.Lock()
		defer store.mu.Unlock()
		if n := len(store.entries["all"]); n != 1000 {
			t.Errorf("%d entries are stored, want 1000", n)
		}
	})
}
