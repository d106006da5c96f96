package sqlite_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"bongsu/internal/hub"
	"bongsu/persistence/sqlite"
)

// people is how many people the benchmarks' entries are for, each with a stream
// of their own; malls how many malls there are beside them.
const (
	people = 10_000
	malls  = 500
)

// traffic makes entries of about 300 bytes: a hundredth for everybody, a third
// for malls, the rest for single people.
type traffic struct {
	random *rand.Rand
	heads  map[hub.Stream]uint64
	n      int64
}

func newTraffic() *traffic {
	return &traffic{random: rand.New(rand.NewPCG(1, 2)), heads: map[hub.Stream]uint64{}}
}

func (g *traffic) batch(n int) []*hub.Entry {
	entries := make([]*hub.Entry, n)
	for i := range entries {
		stream := hub.All
		switch dice := g.random.IntN(100); {
		case dice >= 34:
			stream = hub.AdminStream(strconv.Itoa(g.random.IntN(people)))
		case dice > 0:
			stream = hub.MallStream(strconv.Itoa(g.random.IntN(malls)))
		}
		entries[i] = g.entry(stream)
	}
	return entries
}

func (g *traffic) entry(stream hub.Stream) *hub.Entry {
	g.n++
	g.heads[stream]++
	id := fmt.Sprintf("ord-20261120-%08d", g.n)
	return &hub.Entry{
		Stream: stream, Seq: g.heads[stream], Offset: g.n, Time: 1_790_000_000_000 + g.n/60,
		Kind: hub.Notification, ID: id, Type: "ORDER_PLACED",
		Payload: fmt.Appendf(nil, `{"id":"%s","kind":"notification","type":"ORDER_PLACED","title":"새 주문","body":"주문 %d, 3건 59,000원","link":"/orders/%d","data":{"orderNo":"%d"},"sound":"order","priority":"high","at":"2026-11-20T10:30:00.123Z"}`, id, g.n, g.n, g.n),
	}
}

// person returns the ranges of somebody with eight malls.
func (g *traffic) person() []hub.Range {
	ranges := []hub.Range{{Stream: hub.All}, {Stream: hub.AdminStream(strconv.Itoa(g.random.IntN(people)))}}
	for len(ranges) < 10 {
		mall := hub.Range{Stream: hub.MallStream(strconv.Itoa(g.random.IntN(malls)))}
		if !slices.Contains(ranges, mall) {
			ranges = append(ranges, mall)
		}
	}
	return ranges
}

// BenchmarkWrite stores batches of several sizes into a new file.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{1, 100, 2_000, 10_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			store := open(b, filepath.Join(b.TempDir(), "timeline.db"))
			g, written := newTraffic(), 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				entries := g.batch(size)
				b.StartTimer()
				if err := store.Write(b.Context(), entries, nil); err != nil {
					b.Fatal(err)
				}
				written += size
			}
			b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkTimeline fills a file with the number of entries that
// BONGSU_BENCH_ENTRIES says (200,000 by default), and measures what people and
// starting actors ask of it.
func BenchmarkTimeline(b *testing.B) {
	store, g := filled(b)
	b.Run("first page", func(b *testing.B) {
		measure(b, func(ctx context.Context) error {
			return page(ctx, store, hub.Query{Ranges: g.person(), Limit: 51}, 51)
		})
	})
	b.Run("page far back", func(b *testing.B) {
		measure(b, func(ctx context.Context) error {
			place := hub.Place{Time: 1_790_000_000_000 + g.random.Int64N(g.n/60)}
			return page(ctx, store, hub.Query{Ranges: g.person(), Limit: 51, Before: &place}, 0)
		})
	})
	b.Run("first page of a rare type", func(b *testing.B) {
		measure(b, func(ctx context.Context) error {
			return page(ctx, store, hub.Query{Ranges: g.person(), Limit: 51, Types: []string{"FDS_DETECTED"}}, 0)
		})
	})
	b.Run("load 1000 streams", func(b *testing.B) {
		measure(b, func(ctx context.Context) error {
			requests := make([]hub.LoadRequest, 1000)
			for i := range requests {
				requests[i] = hub.LoadRequest{Stream: hub.AdminStream(strconv.Itoa(g.random.IntN(people))), Before: math.MaxInt64}
			}
			_, err := store.Load(ctx, requests)
			return err
		})
	})
	b.Run("write 2000", func(b *testing.B) {
		measure(b, func(ctx context.Context) error {
			return store.Write(ctx, g.batch(2000), nil)
		})
	})
}

func filled(b *testing.B) (*sqlite.Store, *traffic) {
	total := 200_000
	if text := os.Getenv("BONGSU_BENCH_ENTRIES"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	path := filepath.Join(b.TempDir(), "timeline.db")
	store, g := open(b, path), newTraffic()
	var spent time.Duration
	for g.n < int64(total) {
		entries := g.batch(5000)
		began := time.Now()
		if err := store.Write(b.Context(), entries, nil); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(began)
	}
	b.Logf("%d entries stored at %.0f/s", g.n, float64(g.n)/spent.Seconds())
	return store, g
}

func page(ctx context.Context, store *sqlite.Store, query hub.Query, want int) error {
	entries, err := store.List(ctx, query)
	if err == nil && len(entries) < want {
		err = fmt.Errorf("%d entries, want %d", len(entries), want)
	}
	return err
}

// measure reports the p99 and the worst of a call's latency.
func measure(b *testing.B, call func(ctx context.Context) error) {
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := call(b.Context()); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
}
