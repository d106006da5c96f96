package cluster

import (
	"sync/atomic"
	"testing"
	"time"

	"bongsu/internal/hub"
)

// counter counts entries and nothing more.
type counter struct {
	*recorder
	entries atomic.Int64
	came    chan struct{} // told of each delivery if it is not nil
}

func (c *counter) Deliver(_ hub.Stream, entries []*hub.Entry) {
	c.entries.Add(int64(len(entries)))
	if c.came != nil {
		c.came <- struct{}{}
	}
}

func benchLink(b *testing.B) (deliver func(), got *counter) {
	w := newTown(b, 2)
	owner, node := w.stations[0], w.stations[1]
	w.move(0, "all")
	got = &counter{recorder: newRecorder()}
	node.traffic.follower = got
	node.follow(b, "all")
	payload := make([]byte, 250)
	var seq uint64
	var follower hub.Follower
	for f := range owner.owner.owns["all"].followers {
		follower = f
	}
	return func() {
		seq++
		entry := &hub.Entry{Stream: "all", Seq: seq, Offset: 5, Time: 6, Kind: 1, ID: "ord-20261120-0001", Type: "ORDER_PLACED", Payload: payload}
		follower.Deliver("all", []*hub.Entry{entry})
	}, got
}

// BenchmarkLink is what an entry costs from an actor of one node to the gateway
// of another, both ends together, when many come.
func BenchmarkLink(b *testing.B) {
	deliver, got := benchLink(b)
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		deliver()
		if n++; n-got.entries.Load() > 20_000 { // as a gateway that keeps up
			for n-got.entries.Load() > 10_000 {
				time.Sleep(100 * time.Microsecond)
			}
		}
	}
	for got.entries.Load() < n {
		time.Sleep(100 * time.Microsecond)
	}
}

// BenchmarkLinkAlone is how long one entry takes by itself.
func BenchmarkLinkAlone(b *testing.B) {
	deliver, got := benchLink(b)
	got.came = make(chan struct{})
	b.ReportAllocs()
	for b.Loop() {
		deliver()
		<-got.came
	}
}
