package journal

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"bongsu/internal/hub"
)

// counter is a Handler that only counts, and tells when each batch came.
type counter struct {
	total   atomic.Int64
	applied chan struct{}
}

func (c *counter) Assigned(int32, []int32) {}

func (c *counter) Own(context.Context, int32, int32, int64, int64) error { return nil }

func (c *counter) Apply(_ context.Context, _ int32, records []hub.Record, _ int64) error {
	c.total.Add(int64(len(records)))
	select {
	case c.applied <- struct{}{}:
	default:
	}
	return nil
}

func (c *counter) Release(context.Context, int32) {}

// ready appends until the consumer applies, so that what follows is warm.
func (c *counter) ready(b *testing.B, p *Producer) {
	b.Helper()
	for c.total.Load() == 0 {
		if err := p.Append(b.Context(), []hub.Record{sample()}); err != nil {
			b.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
}

// BenchmarkAppendToApply measures one record at a time from Append to Apply.
func BenchmarkAppendToApply(b *testing.B) {
	j := newBench(b)
	p, c := j.producer(), &counter{applied: make(chan struct{}, 1)}
	j.consume(c)
	c.ready(b, p)
	for len(c.applied) > 0 {
		<-c.applied
	}
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if err := p.Append(b.Context(), []hub.Record{sample()}); err != nil {
			b.Fatal(err)
		}
		<-c.applied
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkThroughput measures how many records a second pass from batches of
// 128 appended by several callers to Apply.
func BenchmarkThroughput(b *testing.B) {
	j := newBench(b)
	p, c := j.producer(), &counter{applied: make(chan struct{}, 1)}
	j.consume(c)
	c.ready(b, p)
	start, before := time.Now(), c.total.Load()
	const batch = 128
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			records := make([]hub.Record, batch)
			for i := range records {
				records[i] = sample()
				records[i].Stream = hub.MallStream(fmt.Sprint(i))
			}
			if err := p.Append(context.Background(), records); err != nil {
				b.Error(err)
				return
			}
		}
	})
	for c.total.Load()-before < int64(b.N)*batch {
		<-c.applied
	}
	b.ReportMetric(float64(b.N*batch)/time.Since(start).Seconds(), "records/s")
}
