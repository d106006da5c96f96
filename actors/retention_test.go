package actors

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

func TestRetentionGoesByTheClockThatIsBehind(t *testing.T) {
	const retention = 24 * time.Hour
	stamp := time.UnixMilli(1_790_000_000_000) // the brokers' time
	for name, test := range map[string]struct{ clock, want time.Time }{
		"the node's is years ahead": {stamp.AddDate(9, 0, 0), stamp.Add(-retention)},
		"the node's is behind":      {stamp.Add(-time.Hour), stamp.Add(-time.Hour - retention)},
	} {
		t.Run(name, func(t *testing.T) {
			n := startWith(t, func(o *Options) {
				o.Retention, o.Now = retention, func() time.Time { return test.clock }
			})
			record := note("all", "a")
			record.Time = stamp.UnixMilli()
			if err := n.host.Apply(t.Context(), hub.All.Shard(shards), []hub.Record{record}, 1); err != nil {
				t.Fatal(err)
			}
			await.That(t, "something is let go", func() bool { return len(some(n.timeline.cuts())) > 0 })
			// The first time of pruning may come before the record or after it.
			if cuts := slices.CompactFunc(some(n.timeline.cuts()), time.Time.Equal); !slices.EqualFunc(cuts, []time.Time{test.want}, time.Time.Equal) {
				t.Errorf("what is from before %v was let go, want %v", cuts, test.want)
			}
		})
	}
}

func TestNothingIsLetGoBeforeThereIsARecordAndThenEveryHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const retention = 24 * time.Hour
		store := newMemory()
		host := NewHost(Options{
			Shards: 1, Timeline: store, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Retention: retention,
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			host.pruneLoop(ctx)
			close(ended)
		}()
		time.Sleep(3*pruneEvery + pruneEvery/4)
		if cuts := some(store.cuts()); len(cuts) != 0 {
			t.Errorf("what is from before %v was let go", cuts)
		}
		var want []time.Time
		wait := pruneEvery / 2                                           // between two times of pruning
		for _, age := range []time.Duration{time.Minute, time.Hour, 0} { // a shard that lags takes nothing back
			stamp := time.Now().Add(-age).Truncate(time.Millisecond)
			host.newest.note([]hub.Record{{Time: stamp.UnixMilli()}, {Time: stamp.UnixMilli() - 5000}})
			if age == time.Hour {
				stamp = want[0].Add(retention)
			}
			want = append(want, stamp.Add(-retention))
			time.Sleep(wait)
			wait = pruneEvery
		}
		cancel()
		<-ended
		if cuts := some(store.cuts()); !slices.EqualFunc(cuts, want, time.Time.Equal) {
			t.Errorf("what is from before %v was let go, want %v", cuts, want)
		}
	})
}

// some leaves out the times before which there is nothing.
func some(cuts []time.Time) []time.Time {
	return slices.DeleteFunc(cuts, func(cut time.Time) bool { return !cut.After(time.UnixMilli(0)) })
}
