package timelinetest

import (
	"bytes"
	"maps"
	"math"
	"strings"
	"time"

	"bongsu/internal/hub"
)

var writeSpecs = []spec{
	{"an entry is visible when Write has returned", func(b *bench) {
		j := newJournal(1)
		for range 5 {
			b.write(j.next("mall:1"))
			b.wantRange("mall:1", 0, math.MaxUint64, 10)
			b.wantList(hub.Query{Ranges: whole("mall:1"), Limit: 10})
		}
	}},
	{"nothing to write is no error", func(b *bench) { b.write() }},
	{"the same entry written again changes nothing", rewrites},
	{"an entry may come twice in one Write", func(b *bench) {
		j := newJournal(3)
		entries := j.some(50, "all", "admin:7")
		b.write(append(entries, entries...)...)
		b.wantRange("all", 0, math.MaxUint64, 100)
		b.wantList(hub.Query{Ranges: whole("all", "admin:7"), Limit: 100})
	}},
	{"the caller's slices are not kept", func(b *bench) {
		j := newJournal(4)
		entries := j.some(10, "all")
		b.write(entries...)
		clear(entries)
		b.wantRange("all", 0, math.MaxUint64, 10)
	}},
	{"bytes pass through unchanged", passThrough},
	{"numbers pass through up to their limits", func(b *bench) {
		e := newJournal(6).next("mall:1")
		b.write(e)
		far := *e
		far.Seq, far.Offset, far.Time = math.MaxInt64-1, math.MaxInt64-1, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		b.write(&far)
		b.wantRange("mall:1", 0, math.MaxUint64, 10)
		b.wantList(hub.Query{Ranges: whole("mall:1"), Limit: 10})
	}},
	{"100,000 entries go in one Write", func(b *bench) {
		j := newJournal(7)
		streams := many(1000)
		entries := j.some(100_000, streams...)
		began := time.Now()
		b.write(entries...)
		b.Logf("100,000 entries written in %v", time.Since(began))
		b.write(entries[99_000:]...)
		for _, s := range []hub.Stream{streams[0], streams[999]} {
			b.wantRange(s, 0, math.MaxUint64, 1000)
		}
		b.wantList(hub.Query{Ranges: whole(streams[:20]...), Limit: 200})
	}},
}

func rewrites(b *bench) {
	j := newJournal(2)
	streams := []hub.Stream{"all", "mall:1", "partner:x"}
	var all []*hub.Entry
	for range 20 {
		some := j.some(30, streams...)
		all = append(all, some...)
		b.write(some...)
		// A crash replays the journal from some point that was committed.
		b.write(all[j.random.IntN(len(all)):]...)
	}
	for _, s := range streams {
		b.wantRange(s, 0, math.MaxUint64, 1000)
		got := b.load(s, math.MaxInt64)
		if d := differs(got, b.state(hub.LoadRequest{Stream: s, Before: math.MaxInt64})); d != "" {
			b.Errorf("Load of %s: %s", s, d)
		}
	}
	for _, limit := range []int{1, 7, 100, 1000} {
		b.wantList(hub.Query{Ranges: whole(streams...), Limit: limit})
	}
}

func passThrough(b *bench) {
	texts := []string{
		`{"title":"새 주문이 들어왔습니다","body":"봉수 — 烽燧 🔥"}`,
		`{"n":1.10,"big":12345678901234567890,"e":"\u00e9\/\\","dup":1,"dup":2}`,
		"{}", "", "{\"nul\":\"\x00\"}", "not json \xff\xfe at all", "'; DROP TABLE entries; --", `\N \t \' {x:String} ? $1 @p1`,
		`{"long":"` + strings.Repeat("가나다", 60_000) + `"}`,
	}
	key := strings.Repeat("aZ9._@-", 18) + "00"
	var entries []*hub.Entry
	for _, stream := range []hub.Stream{hub.Stream("room:" + key), "mall:A", "mall:a", "admin:it's"} {
		j := newJournal(5)
		for i, text := range texts {
			e := j.next(stream)
			e.Payload = []byte(text)
			e.ID = []string{"plain", "한글 아이디", `q'"\`, "a:b:3:c", "\x00\n", "%_*", "?", "{id:String}", ""}[i]
			e.Type = []string{"NOTICE", "it's", `b\`, "종류", "", "?", `"`, "a,b", "X"}[i]
			entries = append(entries, e)
		}
	}
	before := bytes.Join(payloads(entries), nil)
	b.write(entries...)
	if !bytes.Equal(before, bytes.Join(payloads(entries), nil)) {
		b.Error("Write changed a payload that it was given")
	}
	for stream := range maps.Keys(b.streams) {
		b.wantRange(stream, 0, math.MaxUint64, 100)
		if d := differs(b.load(stream, math.MaxInt64), b.state(hub.LoadRequest{Stream: stream, Before: math.MaxInt64})); d != "" {
			b.Errorf("Load of %s: %s", stream, d)
		}
		for _, e := range entries {
			b.wantList(hub.Query{Ranges: whole(stream), Types: []string{e.Type, `no\'one`}, Limit: 10})
		}
	}
}

func payloads(entries []*hub.Entry) [][]byte {
	out := make([][]byte, len(entries))
	for i, e := range entries {
		out[i] = e.Payload
	}
	return out
}
