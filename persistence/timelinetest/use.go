package timelinetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"bongsu/internal/hub"
)

var useSpecs = []spec{
	{"Ping answers", func(b *bench) {
		if err := b.timeline.Ping(b.ctx); err != nil {
			b.Error(err)
		}
		if every := b.timeline.FlushEvery(); every < 0 || every > 5*time.Second {
			b.Errorf("FlushEvery is %v", every)
		}
	}},
	{"a call whose context is over fails with the context's error", func(b *bench) {
		over, cancel := context.WithCancel(b.ctx)
		cancel()
		for name, call := range b.calls(over) {
			if err := call(); !errors.Is(err, context.Canceled) {
				b.Errorf("%s gave %v, want context.Canceled", name, err)
			}
		}
		b.write(newJournal(1).some(3, "all")...)
		b.wantRange("all", 0, math.MaxUint64, 10)
	}},
	{"a Write that is cancelled can be made again", func(b *bench) {
		j := newJournal(2)
		entries := j.some(5000, "all", "mall:1")
		for after := time.Microsecond; ; after *= 4 {
			ctx, cancel := context.WithTimeout(b.ctx, after)
			err := b.timeline.Write(ctx, entries, nil)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				b.Fatalf("Write gave %v, want context.DeadlineExceeded", err)
			}
		}
		b.add(entries)
		b.wantRange("all", 0, math.MaxUint64, 20_000)
		b.wantList(hub.Query{Ranges: whole("all", "mall:1"), Limit: 300})
	}},
	{"many use it at once", manyUsers},
	{"after Close every call fails, and closing again does not", func(b *bench) {
		b.write(newJournal(3).some(3, "all")...)
		for range 2 {
			if err := b.timeline.Close(); err != nil {
				b.Fatalf("Close: %v", err)
			}
		}
		for name, call := range b.calls(b.ctx) {
			if call() == nil {
				b.Errorf("%s after Close gave no error", name)
			}
		}
	}},
	{"Close ends calls under way", func(b *bench) {
		j := newJournal(4)
		b.write(j.some(1000, "all")...)
		var using sync.WaitGroup
		for range 4 {
			using.Go(func() {
				for b.ctx.Err() == nil {
					if _, err := b.timeline.Range(b.ctx, "all", 0, math.MaxUint64, 1000); err != nil {
						return
					}
				}
			})
		}
		if err := b.timeline.Close(); err != nil {
			b.Errorf("Close: %v", err)
		}
		using.Wait()
		if b.ctx.Err() != nil {
			b.Error("calls went on after Close")
		}
	}},
}

// calls returns a call of every method that can fail.
func (b *bench) calls(ctx context.Context) map[string]func() error {
	e := newJournal(99).next("all")
	return map[string]func() error{
		"Write": func() error { return b.timeline.Write(ctx, []*hub.Entry{e}, nil) },
		"Load": func() error {
			_, err := b.timeline.Load(ctx, []hub.LoadRequest{{Stream: "all", Before: 1}})
			return err
		},
		"Range":  func() error { _, err := b.timeline.Range(ctx, "all", 0, 9, 9); return err },
		"List":   func() error { _, err := b.timeline.List(ctx, hub.Query{Ranges: whole("all"), Limit: 9}); return err },
		"Prune":  func() error { return b.timeline.Prune(ctx, time.UnixMilli(epoch)) },
		"Floors": func() error { _, err := b.timeline.Floors(ctx, []hub.Stream{"all"}); return err },
		"Ping":   func() error { return b.timeline.Ping(ctx) },
	}
}

// manyUsers writes streams from several goroutines while others read them: what
// a reader sees of a stream is always a gapless beginning of it that never shrinks.
func manyUsers(b *bench) {
	const writers, rounds, batch = 4, 8, 50
	var using, writing sync.WaitGroup
	done := make(chan struct{})
	written := make([][]*hub.Entry, writers)
	for w := range writers {
		stream := hub.MallStream(fmt.Sprint(w))
		writing.Go(func() {
			j := newJournal(uint64(w))
			for range rounds {
				some := j.some(batch, stream)
				written[w] = append(written[w], some...)
				marks := []hub.Mark{{Admin: "7", Stream: stream, Seq: some[0].Seq}}
				if err := b.timeline.Write(b.ctx, some, marks); err != nil {
					b.Errorf("Write: %v", err)
					return
				}
			}
		})
		using.Go(func() { b.watch(stream, done) })
	}
	writing.Wait()
	close(done)
	using.Wait()
	want := map[hub.Stream]uint64{}
	for w, entries := range written {
		b.add(entries)
		stream := hub.MallStream(fmt.Sprint(w))
		b.wantRange(stream, 0, math.MaxUint64, rounds*batch)
		want[stream] = (rounds-1)*batch + 1
	}
	b.wantMarks("7", want)
}

// watch reads a stream until done and checks that it only grows.
func (b *bench) watch(stream hub.Stream, done <-chan struct{}) {
	seen := 0
	for {
		entries, err := b.timeline.Range(b.ctx, stream, 0, math.MaxUint64, math.MaxInt32)
		if err != nil {
			b.Errorf("Range: %v", err)
			return
		}
		for i, e := range entries {
			if e.Seq != uint64(i+1) {
				b.Errorf("%s: entry %d has seq %d", stream, i, e.Seq)
				return
			}
		}
		if len(entries) < seen {
			b.Errorf("%s: %d entries after %d", stream, len(entries), seen)
		}
		seen = len(entries)
		select {
		case <-done:
			return
		default:
		}
	}
}
