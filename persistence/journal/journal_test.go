package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"bongsu/internal/await"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/internal/testenv"
)

const testShards = 8

// bench is a journal on a Kafka of its own.
type bench struct {
	t      testing.TB
	broker testenv.Broker
	cfg    kafka.Config
	log    *slog.Logger
}

func newBench(t testing.TB) *bench {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("BONGSU_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	broker := testenv.NewBroker(t)
	b := &bench{t: t, broker: broker, cfg: kafka.Config{Brokers: []string{broker.Addr()}, ClientID: "test"}, log: log}
	if shards, err := Ensure(t.Context(), b.cfg, testShards, log); err != nil || shards != testShards {
		t.Fatalf("%d shards, %v; want %d", shards, err, testShards)
	}
	return b
}

func (b *bench) producer() *Producer {
	b.t.Helper()
	p, err := NewProducer(b.cfg, testShards, nil, b.log)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return p
}

// consume runs a consumer until the returned function is called, or the test ends.
func (b *bench) consume(h Handler) (*Consumer, func()) {
	b.t.Helper()
	c := NewConsumer(b.cfg, testShards, nil, b.log)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := c.Run(ctx, h); err != nil {
			b.t.Error(err)
		}
	})
	stop := sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
	b.t.Cleanup(stop)
	return c, stop
}

// recorder is a Handler that keeps what it is given.
type recorder struct {
	mu      sync.Mutex
	owned   map[int32]int64 // shard → from
	next    map[int32]int64
	records map[hub.Stream][]hub.Record
	claims  int
	// assigned is what came to Assigned.
	assigned []assignment
	errs     []string
	// hold blocks Apply of the shards it names until it is closed.
	hold map[int32]chan struct{}
}

type assignment struct {
	generation int32
	shards     []int32
}

func newRecorder() *recorder {
	return &recorder{owned: map[int32]int64{}, next: map[int32]int64{}, records: map[hub.Stream][]hub.Record{}}
}

func (r *recorder) Assigned(generation int32, shards []int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.assigned) > 0 && generation <= r.assigned[len(r.assigned)-1].generation {
		r.errs = append(r.errs, fmt.Sprint("an old generation: ", generation))
	}
	r.assigned = append(r.assigned, assignment{generation, shards})
}

func (r *recorder) Own(_ context.Context, shard, _ int32, from, _ int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.owned[shard]; twice {
		r.errs = append(r.errs, fmt.Sprint("owned twice: ", shard))
	}
	r.owned[shard] = from
	r.claims++
	return nil
}

func (r *recorder) Apply(ctx context.Context, shard int32, records []hub.Record, next int64) error {
	if hold := r.hold[shard]; hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	from, owned := r.owned[shard]
	if !owned {
		r.errs = append(r.errs, fmt.Sprint("applied without owning: ", shard))
	}
	for _, record := range records {
		if record.Offset < from || record.Offset >= next {
			r.errs = append(r.errs, fmt.Sprintf("offset %d not in [%d, %d)", record.Offset, from, next))
		}
		r.records[record.Stream] = append(r.records[record.Stream], record)
		from = record.Offset + 1
	}
	r.owned[shard], r.next[shard] = next, next
	return nil
}

func (r *recorder) Release(_ context.Context, shard int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.owned, shard)
}

// ids returns the ids of the stream's records in order, repetitions dropped as a
// stream does.
func (r *recorder) ids(stream hub.Stream) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	var ids []string
	for _, record := range r.records[stream] {
		if !seen[record.ID] {
			seen[record.ID] = true
			ids = append(ids, record.ID)
		}
	}
	return ids
}

func (r *recorder) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.errs {
		t.Error(err)
	}
}

func record(stream hub.Stream, id string) hub.Record {
	return hub.Record{Stream: stream, Kind: hub.Notification, ID: id, Type: "T", Payload: []byte(`{"id":"` + id + `"}`)}
}

// numbered returns the ids 0 … n-1 of a sender.
func numbered(sender string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", sender, i)
	}
	return ids
}

func TestWhatIsAppendedIsAppliedInOrder(t *testing.T) {
	b := newBench(t)
	p, got := b.producer(), newRecorder()
	b.consume(got)
	before := time.Now().Add(-time.Minute)
	const senders, each = 16, 50
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			stream := hub.MallStream(fmt.Sprint(sender))
			for _, id := range numbered(string(stream), each) {
				if err := p.Append(t.Context(), []hub.Record{record(stream, id), record(hub.All, id)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	await.That(t, "all records applied", func() bool { return len(got.ids(hub.All)) == senders*each })
	for sender := range senders {
		stream := hub.MallStream(fmt.Sprint(sender))
		await.That(t, "the stream's records applied", func() bool { return len(got.ids(stream)) == each })
		if !slices.Equal(got.ids(stream), numbered(string(stream), each)) {
			t.Errorf("%s out of order: %v", stream, got.ids(stream))
		}
	}
	got.check(t)
	for _, r := range got.records[hub.All] {
		if at := time.UnixMilli(r.Time); at.Before(before) || at.After(time.Now().Add(time.Minute)) {
			t.Fatalf("the journal took it at %v", at)
		}
	}
}

func TestTenThousandTargetsAtOnce(t *testing.T) {
	b := newBench(t)
	p, got := b.producer(), newRecorder()
	b.consume(got)
	payload := []byte(`{"id":"big"}`)
	records := make([]hub.Record, 10_000)
	for i := range records {
		records[i] = hub.Record{Stream: hub.MallStream(fmt.Sprint(i)), Kind: hub.Notification, ID: "big", Type: "T", Payload: payload}
	}
	if err := p.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	await.That(t, "all streams have it", func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		return len(got.records) == len(records)
	})
	got.check(t)
}

func TestLargeRecordsFillSeveralBatches(t *testing.T) {
	b := newBench(t)
	p, got := b.producer(), newRecorder()
	b.consume(got)
	records := make([]hub.Record, 40)
	for i := range records {
		records[i] = record(hub.All, fmt.Sprint("large-", i))
		records[i].Payload = []byte(fmt.Sprintf(`{"body":"%0*d"}`, 250<<10, i))
	}
	if err := p.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	await.That(t, "all applied", func() bool { return len(got.ids(hub.All)) == len(records) })
	if !slices.Equal(got.ids(hub.All), numbered("large", len(records))) {
		t.Errorf("out of order: %v", got.ids(hub.All))
	}
}

func TestAnExistingJournalKeepsItsShards(t *testing.T) {
	b := newBench(t)
	if shards, err := Ensure(t.Context(), b.cfg, 3*testShards, b.log); err != nil || shards != testShards {
		t.Errorf("%d shards, %v; want %d", shards, err, testShards)
	}
}

func TestAnInvalidRecordAppendsNothing(t *testing.T) {
	b := newBench(t)
	p := b.producer()
	bad := record(hub.All, "bad")
	bad.Payload = make([]byte, MaxRecord)
	if err := p.Append(t.Context(), []hub.Record{record(hub.All, "good"), bad}); !errors.Is(err, hub.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
	if err := p.Append(t.Context(), nil); err != nil {
		t.Errorf("appending nothing: %v", err)
	}
}

func TestConsumptionGoesOnAtTheCommittedOffset(t *testing.T) {
	b := newBench(t)
	p, first := b.producer(), newRecorder()
	shard := hub.All.Shard(testShards)
	c, stop := b.consume(first)
	for _, id := range numbered("a", 3) {
		if err := p.Append(t.Context(), []hub.Record{record(hub.All, id)}); err != nil {
			t.Fatal(err)
		}
	}
	await.That(t, "the first three", func() bool { return len(first.ids(hub.All)) == 3 })
	if err := c.Commit(map[int32]int64{shard: 2}); err != nil {
		t.Fatal(err)
	}
	await.That(t, "no shard lags", func() bool { lag := c.Lag(); return len(lag) == testShards && lag[shard] == 0 })
	stop()
	if err := c.Commit(map[int32]int64{shard: 3}); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("committed without a session: %v", err)
	}
	second := newRecorder()
	b.consume(second)
	await.That(t, "the third again", func() bool { return len(second.ids(hub.All)) == 1 })
	if got := second.ids(hub.All); got[0] != "a-2" {
		t.Errorf("went on at %v", got)
	}
	first.check(t)
	second.check(t)
}

func TestABrokenMessageIsLeftOut(t *testing.T) {
	b := newBench(t)
	got := newRecorder()
	b.consume(got)
	shard := hub.All.Shard(testShards)
	raw := b.rawProducer()
	for _, value := range []string{"garbage", "\x07\x01\x00\x00{}", ""} {
		raw(shard, "all", value)
	}
	raw((shard+1)%testShards, "all", "\x01\x01\x01x\x01T{}") // the wrong shard
	if err := b.producer().Append(t.Context(), []hub.Record{record(hub.All, "good")}); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the good one", func() bool { return len(got.ids(hub.All)) == 1 })
	await.That(t, "past the broken one", func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		return got.next[(shard+1)%testShards] == 1
	})
	got.check(t)
	if ids := got.ids(hub.All); ids[0] != "good" {
		t.Errorf("got %v", ids)
	}
}
