package timelinetest

import (
	"maps"
	"math"
	"slices"
	"time"

	"bongsu/internal/hub"
)

const (
	short = hub.Stream("mall:short") // fewer entries than the duplicate window
	long  = hub.Stream("mall:long")  // many more
	fresh = hub.Stream("mall:fresh") // nothing old
)

var pruneSpecs = []spec{
	{"nothing old leaves everything", func(b *bench) {
		b.write(newJournal(1).some(50, short)...)
		b.prune(epoch)
		b.wantFloors(short)
		b.wantRange(short, 0, math.MaxUint64, 100)
	}},
	{"what is older than the time leaves, from the moment Prune returns", func(b *bench) {
		cut := b.aged()
		b.prune(cut)
		b.wantPruned()
	}},
	{"numbering and the duplicate window survive", func(b *bench) {
		cut := b.aged()
		b.prune(cut)
		b.prune(cut)
		b.wantStates(hub.LoadRequest{Stream: long, Before: math.MaxInt64}, hub.LoadRequest{Stream: short, Before: math.MaxInt64},
			hub.LoadRequest{Stream: fresh, Before: math.MaxInt64})
	}},
	{"a stream of which all is old keeps its head", func(b *bench) {
		j := newJournal(2)
		b.write(j.some(700, short)...)
		b.prune(j.time + 1)
		b.wantFloors(short)
		b.wantRange(short, 0, math.MaxUint64, 1000)
		b.wantStates(hub.LoadRequest{Stream: short, Before: math.MaxInt64})
		b.write(j.some(5, short)...)
		b.wantRange(short, 0, math.MaxUint64, 1000)
		b.wantList(hub.Query{Ranges: whole(short), Limit: 50})
	}},
	{"a floor never goes back", func(b *bench) {
		cut := b.aged()
		b.prune(cut)
		b.prune(epoch + 1)
		b.wantPruned()
	}},
	{"an entry below the floor stays out of sight when it is written again", func(b *bench) {
		cut := b.aged()
		b.prune(cut)
		b.write(b.ordered(long)...)
		b.wantPruned()
		b.prune(cut)
		b.wantPruned()
	}},
	{"floors are named only where there are some", func(b *bench) {
		b.prune(b.aged())
		floors, err := b.timeline.Floors(b.ctx, []hub.Stream{fresh, "mall:none"})
		if err != nil || len(floors) != 0 {
			b.Errorf("got %v, %v; want none", floors, err)
		}
		if floors, err = b.timeline.Floors(b.ctx, nil); err != nil || len(floors) != 0 {
			b.Errorf("of no streams: got %v, %v; want none", floors, err)
		}
	}},
	{"marks survive", func(b *bench) {
		b.mark(hub.Mark{Admin: "7", Stream: long, Seq: 3})
		b.prune(b.aged())
		b.wantMarks("7", map[hub.Stream]uint64{long: 3})
	}},
}

// aged writes streams of which a part is older than the time it returns.
func (b *bench) aged() (cut int64) {
	j := newJournal(9)
	b.write(append(j.some(4000, long, long, long, short), j.some(300, short)...)...)
	j.time += time.Hour.Milliseconds()
	cut = j.time
	b.write(j.some(60, long, short, fresh)...)
	return cut
}

// prune prunes the timeline and moves the reference's floors.
func (b *bench) prune(before int64) {
	b.Helper()
	if err := b.timeline.Prune(b.ctx, time.UnixMilli(before)); err != nil {
		b.Fatalf("Prune: %v", err)
	}
	for stream := range b.streams {
		for _, e := range b.ordered(stream) {
			if e.Time < before {
				b.floors[stream] = max(b.floors[stream], e.Seq)
			}
		}
	}
}

// wantPruned checks all that can be read of the streams that aged wrote.
func (b *bench) wantPruned() {
	b.Helper()
	b.wantFloors(long, short, fresh)
	for _, s := range []hub.Stream{long, short, fresh} {
		b.wantRange(s, 0, math.MaxUint64, 10_000)
		b.wantRange(s, b.floors[s]-min(b.floors[s], 3), math.MaxUint64, 5)
	}
	b.wantList(hub.Query{Ranges: whole(long, short, fresh), Limit: 10_000})
	b.wantList(hub.Query{Ranges: whole(long), Types: entryTypes[:1], Limit: 10_000})
}

func (b *bench) wantFloors(streams ...hub.Stream) {
	b.Helper()
	want := maps.Clone(b.floors)
	maps.DeleteFunc(want, func(s hub.Stream, floor uint64) bool { return floor == 0 || !slices.Contains(streams, s) })
	got, err := b.timeline.Floors(b.ctx, append(streams, "mall:none"))
	if err != nil || !maps.Equal(got, want) {
		b.Fatalf("floors %v, %v; want %v", got, err, want)
	}
}
