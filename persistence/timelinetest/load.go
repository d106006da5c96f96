package timelinetest

import (
	"fmt"
	"math"
	"time"

	"bongsu/internal/hub"
)

var loadSpecs = []spec{
	{"a stream never seen is at zero", func(b *bench) {
		if d := differs(b.load("mall:none", math.MaxInt64), b.state(hub.LoadRequest{Stream: "mall:none"})); d != "" {
			b.Error(d)
		}
	}},
	{"no requests give no states", func(b *bench) {
		if states, err := b.timeline.Load(b.ctx, nil); err != nil || len(states) != 0 {
			b.Errorf("got %v, %v", states, err)
		}
	}},
	{"entries at or beyond the offset do not count", func(b *bench) {
		j := newJournal(1)
		entries := j.some(60, "mall:1", "mall:2")
		b.write(entries...)
		for _, e := range entries {
			b.wantStates(hub.LoadRequest{Stream: e.Stream, Before: e.Offset}, hub.LoadRequest{Stream: e.Stream, Before: e.Offset + 1})
		}
		b.wantStates(hub.LoadRequest{Stream: "mall:1", Before: 0}, hub.LoadRequest{Stream: "mall:1", Before: math.MaxInt64})
	}},
	{"the ids are exactly the duplicate window before the offset", func(b *bench) {
		j := newJournal(2)
		entries := j.some(2*hub.DuplicateWindow+40, "mall:1")
		b.write(entries...)
		for _, n := range []int{1, hub.DuplicateWindow - 1, hub.DuplicateWindow, hub.DuplicateWindow + 1, len(entries) - 1} {
			b.wantStates(hub.LoadRequest{Stream: "mall:1", Before: entries[n].Offset})
		}
		b.write(entries[hub.DuplicateWindow:]...) // replayed, so perhaps held twice
		b.wantStates(hub.LoadRequest{Stream: "mall:1", Before: entries[len(entries)-5].Offset},
			hub.LoadRequest{Stream: "mall:1", Before: math.MaxInt64})
	}},
	{"states come in the order of the requests, a stream as often as it is asked for", func(b *bench) {
		j := newJournal(3)
		entries := j.some(200, "all", "mall:1", "admin:7")
		b.write(entries...)
		var requests []hub.LoadRequest
		for range 40 {
			e := entries[j.random.IntN(len(entries))]
			requests = append(requests, hub.LoadRequest{Stream: e.Stream, Before: e.Offset})
			requests = append(requests, hub.LoadRequest{Stream: hub.MallStream(fmt.Sprint("none", j.random.IntN(5))), Before: 500})
		}
		b.wantStates(requests...)
	}},
	{"thousands of streams load in seconds", func(b *bench) {
		j := newJournal(4)
		streams := many(3000)
		b.write(j.some(15_000, streams...)...)
		bound := j.offset + 1
		b.write(j.some(2000, streams[:500]...)...)
		requests := make([]hub.LoadRequest, len(streams))
		for i, s := range streams {
			requests[i] = hub.LoadRequest{Stream: s, Before: bound}
		}
		began := time.Now()
		b.wantStates(requests...)
		took := time.Since(began)
		b.Logf("3,000 streams loaded in %v", took)
		if took > 20*time.Second {
			b.Errorf("Load of 3,000 streams took %v: it must not ask for each alone", took)
		}
	}},
}

// wantStates checks a Load against the reference, marks aside.
func (b *bench) wantStates(requests ...hub.LoadRequest) {
	b.Helper()
	states, err := b.timeline.Load(b.ctx, requests)
	if err != nil {
		b.Fatalf("Load of %d streams: %v", len(requests), err)
	}
	if len(states) != len(requests) {
		b.Fatalf("Load of %d streams gave %d states", len(requests), len(states))
	}
	for i, state := range states {
		if d := differs(state, b.state(requests[i])); d != "" {
			b.Fatalf("Load of %s before %d: %s", requests[i].Stream, requests[i].Before, d)
		}
	}
}
