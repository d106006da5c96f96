package timelinetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"

	"bongsu/internal/hub"
)

var rangeSpecs = []spec{
	{"after is outside, to is inside, limit cuts at the end", func(b *bench) {
		j := newJournal(1)
		b.write(j.some(100, "mall:1", "mall:2")...)
		for _, r := range [][2]uint64{{0, math.MaxUint64}, {0, 0}, {0, 1}, {5, 5}, {5, 4}, {5, 9}, {20, 1000}, {1000, 2000}, {math.MaxUint64, math.MaxUint64}} {
			for _, limit := range []int{1, 3, 1000} {
				b.wantRange("mall:1", r[0], r[1], limit)
			}
		}
	}},
	{"a stream never seen has nothing", func(b *bench) { b.wantRange("mall:none", 0, math.MaxUint64, 10) }},
	{"a long range comes in parts that join", func(b *bench) {
		j := newJournal(2)
		entries := j.some(5000, "all")
		b.write(entries...)
		b.write(entries[2500:]...)
		for after := uint64(0); after < 5000; after += 700 {
			b.wantRange("all", after, 5000, 700)
		}
	}},
	{"a range of large entries ends early, and is gone on from its end", func(b *bench) {
		j := newJournal(6)
		entries := j.some(60, "all")
		for i, e := range entries {
			e.Payload = fmt.Appendf(nil, `{"body":"%s"}`, strings.Repeat("x", hub.MaxEvent/2*(i%3)))
		}
		b.write(entries...)
		b.write(entries[30:]...)
		for after := uint64(0); after < 60; after += 5 {
			b.wantRange("all", after, math.MaxUint64, 500)
			b.wantRange("all", after, after+30, 30)
			b.wantRange("all", after, math.MaxUint64, 8)
		}
	}},
}

var listSpecs = []spec{
	{"streams merge newest first, by time, stream and seq", func(b *bench) {
		j := newJournal(1)
		b.write(j.some(200, "all", "mall:1", "mall:2", "partner:3", "admin:4")...)
		for _, limit := range []int{1, 2, 50, 199, 200, 201} {
			b.wantList(hub.Query{Ranges: whole("all", "mall:1", "mall:2", "partner:3", "admin:4"), Limit: limit})
			b.wantList(hub.Query{Ranges: whole("mall:2", "mall:none", "all"), Limit: limit})
		}
	}},
	{"no streams, or none that was ever seen, give nothing", func(b *bench) {
		b.write(newJournal(1).some(3, "all")...)
		b.wantList(hub.Query{Limit: 10})
		b.wantList(hub.Query{Ranges: whole("mall:none"), Limit: 10})
	}},
	{"any query answers as the reference does", anyQuery},
	{"pages join without a gap or a double", func(b *bench) {
		j := newJournal(3)
		streams := many(12)
		b.write(j.some(200, streams...)...)
		for _, limit := range []int{3, 64} {
			b.wantPages(hub.Query{Ranges: whole(streams...), Limit: limit}, 200)
		}
	}},
	{"entries that come while someone pages disturb nothing", pagesWhileWriting},
	{"thousands of streams merge", func(b *bench) {
		j := newJournal(4)
		streams := many(1000)
		b.write(j.some(4000, streams...)...)
		page := b.wantList(hub.Query{Ranges: whole(streams...), Limit: 200})
		before := page[len(page)-1].Place()
		b.wantList(hub.Query{Ranges: whole(streams...), Before: &before, Limit: 200})
	}},
	{"a rare type is found far back", func(b *bench) {
		j := newJournal(5)
		entries := j.some(4000, "all", "mall:1")
		entries[3].Type, entries[1500].Type = "RARE", "RARE"
		b.write(entries...)
		for _, limit := range []int{1, 2, 3} {
			b.wantList(hub.Query{Ranges: whole("all", "mall:1"), Types: []string{"RARE", "NEVER"}, Limit: limit})
		}
	}},
}

// anyQuery is the property: a store's filter agrees with hub.Query.Holds.
func anyQuery(b *bench) {
	j := newJournal(2)
	streams := []hub.Stream{"all", "mall:1", "mall:10", "mall:2", "partner:3", "admin:4", "admin:none"}
	var all []*hub.Entry
	for round := range 6 {
		some := j.some(100, streams[:6]...)
		all = append(all, some...)
		b.write(some...)
		b.write(all[len(all)-min(len(all), 150):]...)
		for range 60 {
			b.wantList(randomQuery(j.random, all, streams))
		}
		if round == 3 {
			j.time += 40 * 24 * 3600 * 1000 // more than a month of silence
		}
	}
}

func randomQuery(random *rand.Rand, all []*hub.Entry, streams []hub.Stream) hub.Query {
	query := hub.Query{Limit: 1 + random.IntN(80)}
	for _, s := range streams {
		if random.IntN(4) == 0 {
			continue
		}
		r := hub.Range{Stream: s}
		if random.IntN(3) == 0 {
			r.After = uint64(random.IntN(110))
		}
		if random.IntN(3) == 0 {
			r.Before = uint64(random.IntN(110))
		}
		query.Ranges = append(query.Ranges, r)
	}
	for _, t := range append(entryTypes[:], "NEVER") {
		if random.IntN(5) == 0 {
			query.Types = append(query.Types, t)
		}
	}
	query.Before, query.After = randomPlace(random, all, streams), randomPlace(random, all, streams)
	return query
}

// randomPlace is no place, an entry's, or one beside an entry's.
func randomPlace(random *rand.Rand, all []*hub.Entry, streams []hub.Stream) *hub.Place {
	place := all[random.IntN(len(all))].Place()
	switch random.IntN(5) {
	case 0, 1:
		return nil
	case 2:
		place.Stream = streams[random.IntN(len(streams))]
	case 3:
		place.Time += random.Int64N(3) - 1
		place.Seq = random.Uint64N(120)
	}
	return &place
}

// wantPages reads a query to its end and checks that the pages hold exactly the
// entries that the reference has.
func (b *bench) wantPages(query hub.Query, total int) {
	b.Helper()
	var all []*hub.Entry
	for {
		page, err := b.timeline.List(b.ctx, query)
		if err != nil {
			b.Fatalf("List %s: %v", show(query), err)
		}
		all = append(all, page...)
		if len(page) < query.Limit {
			break
		}
		before := page[len(page)-1].Place()
		query.Before = &before
	}
	query.Before, query.Limit = nil, math.MaxInt
	b.same("all pages together", all, b.list(query))
	if len(all) != total {
		b.Errorf("%d entries in all pages, want %d", len(all), total)
	}
}

// pagesWhileWriting pages back from a place while newer entries are written and
// old ones written again: the pages are what they were when the paging began.
func pagesWhileWriting(b *bench) {
	j := newJournal(6)
	streams := many(10)
	old := j.some(1500, streams...)
	b.write(old...)
	j.time++ // what comes now stands after all that
	var writing sync.WaitGroup
	stop := make(chan struct{})
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			some := append(j.some(20, streams...), old[len(old)-20:]...)
			if err := b.timeline.Write(b.ctx, some, nil); err != nil {
				b.Errorf("Write beside paging: %v", err)
				return
			}
		}
	})
	defer writing.Wait()
	defer close(stop)
	for _, limit := range []int{40, 130} {
		newest := b.list(hub.Query{Ranges: whole(streams...), Limit: 1})[0].Place()
		newest.Seq++ // so that the newest is on the first page
		b.wantPages(hub.Query{Ranges: whole(streams...), Before: &newest, Limit: limit}, 1500)
	}
}
