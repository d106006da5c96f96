//go:build servers

package clickhouse_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bongsu/internal/hub"
	"bongsu/internal/testenv"
	"bongsu/persistence/clickhouse"
)

// BenchmarkFirstPage writes a million entries of 1,000 malls and all, in
// batches as a busy hub does, and reads pages of a person with 100 malls.
func BenchmarkFirstPage(b *testing.B) {
	for name, run := range map[string]func(*testing.B) *clickhouse.Store{
		"old": func(b *testing.B) *clickhouse.Store { return open(b, start(b, testenv.ClickHouse18).DSN()) },
		"new": func(b *testing.B) *clickhouse.Store { return open(b, start(b, testenv.ClickHouseCurrent).DSN()) },
	} {
		b.Run(name, func(b *testing.B) { firstPage(b, run(b)) })
	}
}

func firstPage(b *testing.B, store *clickhouse.Store) {
	const total, size, malls = 1_000_000, 10_000, 1000
	seqs := make([]uint64, malls+1)
	began := time.Now()
	for n := 0; n < total; n += size {
		entries := make([]*hub.Entry, size)
		for i := range entries {
			// One in five is for all.
			of, stream := malls, hub.All
			if k := n + i; k%5 != 0 {
				of = k * 7919 % malls
				stream = hub.MallStream(fmt.Sprint(of))
			}
			seqs[of]++
			e := batch(stream, seqs[of], 1)[0]
			e.Time = 1_790_000_000_000 + int64(n+i)
			e.Payload = fmt.Appendf(nil, `{"type":"ORDER_PLACED","title":"새 주문","body":"주문 %d, 59,000원","data":{"n":%d}}`, n, i)
			entries[i] = e
		}
		if err := store.Write(b.Context(), entries, nil); err != nil {
			b.Fatal(err)
		}
	}
	rate := total / time.Since(began).Seconds()
	query := hub.Query{Limit: 50, Ranges: []hub.Range{{Stream: hub.All}}}
	for i := range 100 {
		query.Ranges = append(query.Ranges, hub.Range{Stream: hub.MallStream(fmt.Sprint(i))})
	}
	var first, second, loads []time.Duration
	for b.Loop() {
		began := time.Now()
		page, err := store.List(b.Context(), query)
		if err != nil || len(page) != query.Limit {
			b.Fatalf("%d entries, %v", len(page), err)
		}
		first = append(first, time.Since(began))

		before, next := page[len(page)-1].Place(), query
		next.Before, began = &before, time.Now()
		if _, err := store.List(b.Context(), next); err != nil {
			b.Fatal(err)
		}
		second = append(second, time.Since(began))

		began = time.Now()
		requests := make([]hub.LoadRequest, 100)
		for i := range requests {
			requests[i] = hub.LoadRequest{Stream: query.Ranges[i].Stream, Before: 1 << 60}
		}
		if _, err := store.Load(b.Context(), requests); err != nil {
			b.Fatal(err)
		}
		loads = append(loads, time.Since(began))
	}
	for name, times := range map[string][]time.Duration{"first": first, "second": second, "load100": loads} {
		slices.Sort(times)
		b.ReportMetric(times[len(times)/2].Seconds()*1000, name+"-p50-ms")
		b.ReportMetric(times[len(times)*99/100].Seconds()*1000, name+"-p99-ms")
	}
	b.ReportMetric(rate, "entries/s")
}
