package redis_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway/ingest"
	"bongsu/gateway/redis"
	"bongsu/internal/hub"
)

// kafka is a journal and a dead-letter topic in memory. The journal drops what
// it has among the last entries of a stream, as stream owners do.
type kafka struct {
	mu      sync.Mutex
	ids     map[hub.Stream][]string
	records []hub.Record
	letters []ingest.Letter
	err     error // of all calls
	refuse  func(hub.Record) error
}

func (k *kafka) Append(_ context.Context, records []hub.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	for _, r := range records {
		if k.refuse != nil {
			if err := k.refuse(r); err != nil {
				return err
			}
		}
	}
	for _, r := range records {
		ids := k.ids[r.Stream]
		if slices.Contains(ids[max(0, len(ids)-hub.DuplicateWindow):], r.ID) {
			continue
		}
		k.ids[r.Stream] = append(ids, r.ID)
		k.records = append(k.records, r)
	}
	return nil
}

func (k *kafka) Write(letters []ingest.Letter) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		k.letters = append(k.letters, letters...)
	}
	return k.err
}

// fail makes all calls fail, or work again with nil.
func (k *kafka) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// entries returns the ids of the stream.
func (k *kafka) entries(stream hub.Stream) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.ids[stream])
}

func (k *kafka) dead() []ingest.Letter {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.letters)
}

// lines is what was logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// bench is a source that runs.
type bench struct {
	t       *testing.T
	server  *server
	kafka   *kafka
	log     *lines
	metrics *prometheus.Registry
	stop    func()
}

// run runs a source until the test ends, and returns once it listens.
func run(t *testing.T, s *server, change ...func(*redis.Options)) *bench {
	t.Helper()
	b := &bench{
		t: t, server: s, log: &lines{}, metrics: prometheus.NewRegistry(),
		kafka: &kafka{ids: map[hub.Stream][]string{}},
	}
	b.start(s.url(), change...)
	b.logged("listening to Redis")
	return b
}

func (b *bench) start(url string, change ...func(*redis.Options)) {
	b.t.Helper()
	o := redis.Options{
		URL: url, Topic: "EVENTS", Journal: b.kafka, DeadLetters: b.kafka, Metrics: b.metrics,
		Zone: time.FixedZone("KST", 9*3600), Log: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	source, err := redis.New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		if err := source.Run(ctx); err != nil {
			b.t.Error(err)
		}
	})
	b.stop = sync.OnceFunc(func() { cancel(); work.Wait() })
	b.t.Cleanup(b.stop)
}

// publish publishes a message that the source gets.
func (b *bench) publish(channel, text string) {
	b.t.Helper()
	if b.server.publish(channel, text) == 0 {
		b.t.Fatalf("nobody listens to %s", channel)
	}
}

// await waits until the stream has exactly the ids.
func (b *bench) await(stream hub.Stream, ids ...string) {
	b.t.Helper()
	b.until(func() bool { return slices.Equal(b.kafka.entries(stream), ids) }, func() string {
		return fmt.Sprintf("%s has %v, want %v", stream, b.kafka.entries(stream), ids)
	})
}

// logged waits until the text is logged.
func (b *bench) logged(text string) {
	b.t.Helper()
	b.until(func() bool { return strings.Contains(b.log.String(), text) }, func() string {
		return fmt.Sprintf("no %q in %s", text, b.log)
	})
}

func (b *bench) until(done func() bool, failure func() string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatal(failure())
		}
	}
}

// metric returns the sum of a metric's values.
func (b *bench) metric(name string) float64 {
	b.t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// order is a message of the order channel.
func order(mart, order int) string { return fmt.Sprintf(`{"martId":%d,"orderId":%d}`, mart, order) }
