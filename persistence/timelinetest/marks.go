package timelinetest

import (
	"fmt"
	"maps"
	"math"

	"bongsu/internal/hub"
)

var markSpecs = []spec{
	{"a mark never goes back", func(b *bench) {
		want := map[hub.Stream]uint64{}
		for _, seq := range []uint64{5, 3, 9, 9, 1, 8} {
			b.mark(hub.Mark{Admin: "7", Stream: "mall:1", Seq: seq})
			want["mall:1"] = max(want["mall:1"], seq)
			b.wantMarks("7", want)
		}
	}},
	{"of several marks in one Write the highest counts", func(b *bench) {
		b.mark(hub.Mark{Admin: "7", Stream: "all", Seq: 4}, hub.Mark{Admin: "7", Stream: "all", Seq: 6},
			hub.Mark{Admin: "7", Stream: "all", Seq: 5}, hub.Mark{Admin: "8", Stream: "all", Seq: 2})
		b.wantMarks("7", map[hub.Stream]uint64{"all": 6})
		b.wantMarks("8", map[hub.Stream]uint64{"all": 2})
	}},
	{"a mark at 0 is a mark", func(b *bench) {
		b.mark(hub.Mark{Admin: "7", Stream: "admin:7"})
		if marks := b.load("admin:7", 0).Marks; len(marks) != 1 {
			b.Errorf("marks %v, want one at 0", marks)
		}
	}},
	{"marks come with admin streams only, empty before the first", func(b *bench) {
		b.mark(hub.Mark{Admin: "7", Stream: "mall:1", Seq: 1})
		if marks := b.load("mall:7", math.MaxInt64).Marks; marks != nil {
			b.Errorf("marks of a mall's stream: %v, want nil", marks)
		}
		if marks := b.load("admin:70", math.MaxInt64).Marks; len(marks) != 0 || marks == nil {
			b.Errorf("marks of a person without any: %#v, want an empty map", marks)
		}
	}},
	{"marks are the newest whatever the offset", func(b *bench) {
		j := newJournal(1)
		b.write(j.some(3, "admin:7")...)
		b.mark(hub.Mark{Admin: "7", Stream: "admin:7", Seq: 3})
		if state := b.load("admin:7", 0); state.Seq != 0 || state.Marks["admin:7"] != 3 {
			b.Errorf("state before offset 0 is %+v, want head 0 and a mark at 3", state)
		}
	}},
	{"marks of many people load together", func(b *bench) {
		var marks []hub.Mark
		var requests []hub.LoadRequest
		for i := range 2000 {
			admin := fmt.Sprintf("a%d", i)
			requests = append(requests, hub.LoadRequest{Stream: hub.AdminStream(admin), Before: math.MaxInt64})
			for k := range 3 {
				marks = append(marks, hub.Mark{Admin: admin, Stream: hub.MallStream(fmt.Sprint(k)), Seq: uint64(i + k)})
			}
		}
		b.mark(marks...)
		states, err := b.timeline.Load(b.ctx, requests)
		if err != nil {
			b.Fatal(err)
		}
		for i, state := range states {
			want := map[hub.Stream]uint64{"mall:0": uint64(i), "mall:1": uint64(i + 1), "mall:2": uint64(i + 2)}
			if !maps.Equal(state.Marks, want) {
				b.Fatalf("marks of %s: %v, want %v", state.Stream, state.Marks, want)
			}
		}
	}},
}

func (b *bench) mark(marks ...hub.Mark) {
	b.Helper()
	if err := b.timeline.Write(b.ctx, nil, marks); err != nil {
		b.Fatalf("Write of %d marks: %v", len(marks), err)
	}
}

func (b *bench) wantMarks(admin string, want map[hub.Stream]uint64) {
	b.Helper()
	if got := b.load(hub.AdminStream(admin), math.MaxInt64).Marks; !maps.Equal(got, want) {
		b.Errorf("marks of %s: %v, want %v", admin, got, want)
	}
}
