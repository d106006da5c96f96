package actors

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/hub"
)

// sunk is a timeline that keeps nothing.
type sunk struct{ *memory }

func (sunk) Write(context.Context, []*hub.Entry, []hub.Mark) error { return nil }

// idle is a Follower that does nothing.
type idle struct{}

func (idle) Deliver(hub.Stream, []*hub.Entry)     {}
func (idle) Marked(string, map[hub.Stream]uint64) {}
func (idle) Retained(hub.Stream, uint64)          {}
func (idle) Lost(hub.Stream)                      {}

func benchRecords(count, streams int) []hub.Record {
	records := make([]hub.Record, count)
	for i := range records {
		records[i] = note(hub.MallStream(fmt.Sprint(i%streams)), fmt.Sprint(i))
		records[i].Offset = int64(i)
	}
	return records
}

// BenchmarkApply is what a record costs from the journal's consumer to a follower
// and out of the timeline's writer, in batches of 100 over 1,000 streams.
func BenchmarkApply(b *testing.B) {
	const streams, batch = 1000, 100
	n := &node{system: newSystem()}
	n.host = NewHost(Options{Shards: 1, Timeline: sunk{newMemory()}, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	n.host.Start(n)
	defer n.host.Stop(context.Background())
	n.host.Assigned(1, []int32{0})
	if err := n.host.Own(b.Context(), 0, 1, 0, 0); err != nil {
		b.Fatal(err)
	}
	for i := range streams {
		if _, err := n.host.Follow(b.Context(), hub.MallStream(fmt.Sprint(i)), idle{}); err != nil {
			b.Fatal(err)
		}
	}
	records := benchRecords(b.N, streams)
	b.ReportAllocs()
	b.ResetTimer()
	for at := 0; at < len(records); at += batch {
		part := records[at:min(at+batch, len(records))]
		if err := n.host.Apply(b.Context(), 0, part, part[len(part)-1].Offset+1); err != nil {
			b.Fatal(err)
		}
	}
	for n.host.shards[0].present().unfinished() > 0 {
		time.Sleep(100 * time.Microsecond)
	}
}

// BenchmarkHead is what a question to an actor of this node costs.
func BenchmarkHead(b *testing.B) {
	n := &node{system: newSystem()}
	n.host = NewHost(Options{Shards: 1, Timeline: sunk{newMemory()}, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	n.host.Start(n)
	defer n.host.Stop(context.Background())
	n.host.Assigned(1, []int32{0})
	if err := n.host.Own(b.Context(), 0, 1, 0, 0); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.host.Head(b.Context(), "all"); err != nil {
			b.Fatal(err)
		}
	}
}
