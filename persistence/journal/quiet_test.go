package journal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/await"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// fragile is a recorder that loses what it knows of a shard when it is told to, until
// the shard is owned anew.
type fragile struct {
	*recorder
	shard  int32
	broken atomic.Bool
}

var errBroken = errors.New("what was known is lost")

func (f *fragile) Own(ctx context.Context, shard, generation int32, from, end int64) error {
	if shard == f.shard {
		f.broken.Store(false)
	}
	return f.recorder.Own(ctx, shard, generation, from, end)
}

func (f *fragile) Apply(ctx context.Context, shard int32, records []hub.Record, next int64) error {
	if shard == f.shard && f.broken.Load() {
		return errBroken
	}
	return f.recorder.Apply(ctx, shard, records, next)
}

func TestAQuietShardWhoseHandlerFailsIsOwnedAnew(t *testing.T) {
	b := newBench(t)
	h := &fragile{recorder: newRecorder(), shard: hub.All.Shard(testShards)}
	b.consume(h)
	if err := b.producer().Append(t.Context(), []hub.Record{record(hub.All, "a")}); err != nil {
		t.Fatal(err)
	}
	given := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.records[hub.All])
	}
	await.That(t, "a is applied", func() bool { return given() == 1 })
	h.broken.Store(true) // and nothing is appended any more
	await.That(t, "a, which is not committed, is applied again", func() bool { return given() > 1 })
	h.check(t)
}

// step is one call of Apply.
type step struct {
	records int
	next    int64
}

// stepwise is a recorder that keeps how it was called.
type stepwise struct {
	*recorder
	steps []step
}

func (s *stepwise) Apply(ctx context.Context, shard int32, records []hub.Record, next int64) error {
	s.steps = append(s.steps, step{len(records), next})
	return s.recorder.Apply(ctx, shard, records, next)
}

func TestAskingAHandlerIsNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewConsumer(kafka.Config{}, testShards, nil, slog.New(slog.DiscardHandler))
		h := &stepwise{recorder: newRecorder()}
		batches := make(chan []sarama.ConsumerMessage)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- c.consume(ctx, kafka.Claim{From: 5, HighWater: func() int64 { return 9 }, Batches: batches}, h)
		}()
		time.Sleep(askEvery + askEvery/2)
		batches <- []sarama.ConsumerMessage{{Offset: 7}} // no record
		time.Sleep(askEvery)
		if lag := c.Lag()[0]; lag != 1 {
			t.Errorf("it lags by %d messages, want 1", lag)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if want := []step{{0, 5}, {0, 8}, {0, 8}}; !slices.Equal(h.steps, want) {
			t.Errorf("applied %v, want %v", h.steps, want)
		}
	})
}
