package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

// rawProducer returns a function that puts any message into the journal.
func (b *bench) rawProducer() func(shard int32, key, value string) {
	b.t.Helper()
	settings, err := b.cfg.Producer()
	if err != nil {
		b.t.Fatal(err)
	}
	settings.Producer.Partitioner = sarama.NewManualPartitioner
	raw, err := sarama.NewSyncProducer(b.cfg.Brokers, settings)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = raw.Close() })
	return func(shard int32, key, value string) {
		b.t.Helper()
		_, _, err := raw.SendMessage(&sarama.ProducerMessage{
			Topic: TopicName, Partition: shard, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value),
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestAppendAnswersAtOnceWhileKafkaIsAway(t *testing.T) {
	b := newBench(t)
	p := b.producer()
	away := false
	await.AtMost(t, 3500*time.Millisecond, func() time.Duration { // the first failure
		if away {
			b.broker.Start()
		}
		await.That(t, "appends succeed", func() bool {
			return p.Append(t.Context(), []hub.Record{record(hub.All, "before")}) == nil
		})
		b.broker.Stop()
		away = true
		start := time.Now()
		if err := p.Append(t.Context(), []hub.Record{record(hub.All, "first")}); !errors.Is(err, hub.ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
		return time.Since(start)
	})
	await.AtMost(t, 200*time.Millisecond, func() time.Duration {
		start := time.Now()
		for i := range 100 { // of every shard
			if err := p.Append(t.Context(), []hub.Record{record(hub.MallStream(fmt.Sprint(i)), "next")}); !errors.Is(err, hub.ErrUnavailable) {
				t.Fatalf("got %v", err)
			}
		}
		return time.Since(start)
	})
	b.broker.Start()
	await.That(t, "appends succeed again", func() bool {
		return p.Append(t.Context(), []hub.Record{record(hub.All, "after")}) == nil
	})
}

func TestAProducerStartsWhileKafkaIsAway(t *testing.T) {
	b := newBench(t)
	b.broker.Stop()
	p := b.producer()
	if err := p.Append(t.Context(), []hub.Record{record(hub.All, "x")}); !errors.Is(err, hub.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	b.broker.Start()
	await.That(t, "appends succeed", func() bool {
		return p.Append(t.Context(), []hub.Record{record(hub.All, "x")}) == nil
	})
}

func TestAppendEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	p := b.producer()
	b.broker.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Append(ctx, []hub.Record{record(hub.All, "x")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestAClosedProducerRefuses(t *testing.T) {
	b := newBench(t)
	p := b.producer()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Append(t.Context(), []hub.Record{record(hub.All, "x")}); !errors.Is(err, hub.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
}

// A sender that repeats what failed until it succeeds loses nothing and keeps
// its order, however often Kafka goes away in between.
func TestNothingIsLostOrReorderedAcrossOutages(t *testing.T) {
	b := newBench(t)
	p, got := b.producer(), newRecorder()
	b.consume(got)
	const senders, batch = 6, 20
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := make([]int, senders)
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			stream := hub.MallStream(fmt.Sprint(sender))
			for ctx.Err() == nil {
				records := make([]hub.Record, batch)
				for i := range records {
					records[i] = record(stream, fmt.Sprintf("%s-%d", stream, sent[sender]+i))
				}
				for p.Append(context.Background(), records) != nil {
					time.Sleep(20 * time.Millisecond)
				}
				sent[sender] += batch
			}
		})
	}
	// Short outages are ridden out; in the long one appends fail and are repeated.
	for _, outage := range []time.Duration{200 * time.Millisecond, 2600 * time.Millisecond, 200 * time.Millisecond} {
		time.Sleep(300 * time.Millisecond) // of load
		b.broker.Stop()
		time.Sleep(outage)
		b.broker.Start()
	}
	time.Sleep(300 * time.Millisecond)
	cancel()
	wg.Wait()
	for sender := range senders {
		stream := hub.MallStream(fmt.Sprint(sender))
		want := numbered(string(stream), sent[sender])
		if len(want) == 0 {
			t.Fatal("nothing was sent")
		}
		await.That(t, "all records applied", func() bool { return len(got.ids(stream)) >= len(want) })
		if !slices.Equal(got.ids(stream), want) {
			t.Errorf("%s: lost or out of order", stream)
		}
	}
	got.check(t)
}

func TestABlockedShardHoldsUpNoOther(t *testing.T) {
	b := newBench(t)
	p, got := b.producer(), newRecorder()
	shard := hub.All.Shard(testShards)
	free := make(chan struct{})
	got.hold = map[int32]chan struct{}{shard: free}
	b.consume(got)
	other := hub.MallStream("1")
	for i := 2; other.Shard(testShards) == shard; i++ {
		other = hub.MallStream(fmt.Sprint(i))
	}
	const many = 4000
	for i := 0; i < many; i += 100 {
		records := make([]hub.Record, 0, 200)
		for k := range 100 {
			records = append(records, record(hub.All, fmt.Sprintf("a-%d", i+k)), record(other, fmt.Sprintf("a-%d", i+k)))
		}
		if err := p.Append(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	await.That(t, "the other shard is done", func() bool { return len(got.ids(other)) == many })
	if n := len(got.ids(hub.All)); n != 0 {
		t.Fatalf("%d records of the blocked shard", n)
	}
	// Longer than the session time-out: heartbeats must go on meanwhile.
	if !testing.Short() {
		time.Sleep(8 * time.Second)
	}
	close(free)
	await.That(t, "the blocked shard is done", func() bool { return len(got.ids(hub.All)) == many })
	if !slices.Equal(got.ids(hub.All), numbered("a", many)) {
		t.Error("out of order")
	}
	got.check(t)
	got.mu.Lock()
	defer got.mu.Unlock()
	if got.claims != testShards {
		t.Errorf("%d claims, want %d: the group was lost meanwhile", got.claims, testShards)
	}
}

func TestTwoConsumersShareTheShards(t *testing.T) {
	b := newBench(t)
	first, second := newRecorder(), newRecorder()
	b.consume(first)
	owns := func(r *recorder) int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.owned)
	}
	await.That(t, "the first owns all", func() bool { return owns(first) == testShards })
	await.AtMost(t, 5*time.Second, func() time.Duration {
		_, stop := b.consume(second)
		await.That(t, "each owns half", func() bool { return owns(first) == testShards/2 && owns(second) == testShards/2 })
		start := time.Now()
		stop()
		await.That(t, "the first owns all again", func() bool { return owns(first) == testShards })
		return time.Since(start)
	})
	first.check(t)
	second.check(t)
}
