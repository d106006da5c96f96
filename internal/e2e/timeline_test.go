//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mixed publishes n entries, in turn to the person's own stream and to their
// mall, half of them orders, and returns the ids, newest first.
func (s *suite) mixed(t *testing.T, p person, n int) []string {
	t.Helper()
	targets := []string{"admin:" + p.admin, "mall:" + p.malls[0]}
	ids := make([]string, n)
	for i := range ids {
		id := fmt.Sprintf("mixed-%s-%d", p.admin, i)
		event := notice(id, targets[i%2])
		if i%4 < 2 {
			event["type"] = "ORDER_PLACED"
		}
		s.post(t, event)
		ids[n-1-i] = id
	}
	s.awaitHead(t, targets[0], uint64(n+1)/2)
	s.awaitHead(t, targets[1], uint64(n)/2)
	return ids
}

// awaitHead waits until a mall's or a person's stream has so many entries: an
// event that was acknowledged is in the journal, and a moment later in its
// stream. It leaves a person's marks on malls alone.
func (s *suite) awaitHead(t *testing.T, stream string, seq uint64) {
	t.Helper()
	watcher := person{admin: strings.TrimPrefix(stream, "admin:")}
	if mall, ok := strings.CutPrefix(stream, "mall:"); ok {
		watcher = person{admin: s.fresh(), malls: []string{mall}}
	}
	awaitThat(t, fmt.Sprintf("%s at %d", stream, seq), func() bool {
		got := s.timeline(t, watcher, url.Values{"stream": {stream}, "limit": {"1"}}).Entries
		return len(got) == 1 && got[0].Seq >= seq
	})
}

func only(name, value string) url.Values { return url.Values{name: {value}} }

// own keeps what is not in the stream that all tests share.
func own(entries []entry) []entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.Stream == "all" })
}

func (s *suite) testPaging(t *testing.T) {
	p := person{admin: s.fresh(), malls: []string{s.fresh()}}
	ids := s.mixed(t, p, 25)
	for _, limit := range []int{1, 7, 25, 200} {
		streams := fmt.Sprintf("admin:%s,mall:%s", p.admin, p.malls[0])
		got := s.wholeTimeline(t, p, only("stream", streams), limit)
		if limit > 1 || len(got) == len(ids) {
			// Entries that the journal took in one millisecond stand by stream.
			sameInAnyOrder(t, fmt.Sprint("pages of ", limit), got, ids)
		}
		for i := 1; i < len(got); i++ {
			if got[i].Stream == got[i-1].Stream && got[i].Seq >= got[i-1].Seq {
				t.Errorf("limit %d: %s %d is listed after %d", limit, got[i].Stream, got[i].Seq, got[i-1].Seq)
			}
		}
	}
	// Merged over everything: what belongs to all is in between.
	whole := s.wholeTimeline(t, p, nil, 200)
	sameInAnyOrder(t, "the merged timeline", own(whole), ids)
	if first := s.timeline(t, p, nil); len(first.Entries) > 50 {
		t.Errorf("a page without limit has %d entries", len(first.Entries))
	}
	s.testStablePages(t, p)
}

// testStablePages checks that what arrives between two pages moves nothing.
func (s *suite) testStablePages(t *testing.T, p person) {
	t.Helper()
	query := url.Values{"stream": {"mall:" + p.malls[0]}, "limit": {"5"}}
	first := s.timeline(t, p, query)
	for i := range 3 {
		s.post(t, notice(fmt.Sprintf("between-%s-%d", p.admin, i), "mall:"+p.malls[0]))
	}
	query.Set("before", first.Next)
	second := s.timeline(t, p, query)
	last := first.Entries[len(first.Entries)-1]
	if second.Entries[0].Seq != last.Seq-1 {
		t.Errorf("page two begins at seq %d, page one ended at %d", second.Entries[0].Seq, last.Seq)
	}
}

func sameInAnyOrder(t *testing.T, what string, got []entry, want []string) {
	t.Helper()
	if !slices.Equal(slices.Sorted(slices.Values(idsOf(got))), slices.Sorted(slices.Values(want))) {
		t.Errorf("%s: got %v, want %v", what, idsOf(got), want)
	}
}

func (s *suite) testFilters(t *testing.T) {
	p := person{admin: s.fresh(), malls: []string{s.fresh()}}
	ids := s.mixed(t, p, 12) // newest first: 11 is to the mall, 10 to the person, …
	stream := "mall:" + p.malls[0]
	pick := func(keep func(i int) bool) []string {
		var out []string
		for i := range 12 {
			if keep(11 - i) {
				out = append(out, ids[i])
			}
		}
		return out
	}
	toMall := func(i int) bool { return i%2 == 1 }
	order := func(i int) bool { return i%4 < 2 }
	tests := map[string]struct {
		query url.Values
		want  []string
	}{
		"stream":          {only("stream", stream), pick(toMall)},
		"type":            {url.Values{"type": {"ORDER_PLACED"}, "stream": {stream + ",admin:" + p.admin}}, pick(order)},
		"stream and type": {url.Values{"stream": {stream}, "type": {"NOTICE"}}, pick(func(i int) bool { return toMall(i) && !order(i) })},
		"before a seq":    {url.Values{"stream": {stream}, "before": {"3"}}, pick(func(i int) bool { return toMall(i) && i/2+1 < 3 })},
		"after a seq":     {url.Values{"stream": {stream}, "after": {"4"}}, pick(func(i int) bool { return toMall(i) && i/2+1 > 4 })},
		"an unused type":  {only("type", "NOBODY_SENDS_THIS"), nil},
	}
	for name, test := range tests {
		sameInAnyOrder(t, name, s.wholeTimeline(t, p, test.query, 5), test.want)
	}
	// First seen with 6 entries in the mall: those are not new; the person's own are.
	unreadOnly := own(s.wholeTimeline(t, p, only("unread", "true"), 50))
	sameInAnyOrder(t, "unread", unreadOnly, pick(func(i int) bool { return !toMall(i) }))
}

func (s *suite) testBadQueries(t *testing.T) {
	p := person{admin: s.fresh()}
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "stream=nonsense", "before=garbage", "unread=perhaps", "type=lower"} {
		a := s.do(t, http.MethodGet, "/api/v1/timeline?"+query, p.token(t), nil)
		if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s: %s", query, a.Status, a.body)
			continue
		}
		a.wantProblem(t, a.StatusCode)
	}
	for _, body := range []any{map[string]any{}, map[string]any{"stream": "admin:" + p.admin},
		map[string]any{"all": true, "stream": "admin:" + p.admin, "seq": 1}, map[string]any{"stream": "x", "seq": 1}, []byte("{")} {
		a := s.do(t, http.MethodPost, "/api/v1/timeline/read", p.token(t), body)
		if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("read %v: %s: %s", body, a.Status, a.body)
		}
	}
	s.do(t, http.MethodGet, "/api/v1/nothing", p.token(t), nil).wantProblem(t, http.StatusNotFound)
	s.do(t, http.MethodDelete, "/api/v1/timeline", p.token(t), nil).wantProblem(t, http.StatusMethodNotAllowed)
}

func (s *suite) testReadMarks(t *testing.T) {
	p := person{admin: s.fresh()}
	stream := "admin:" + p.admin
	s.socket(t, p, nil) // first seen
	for i := range 5 {
		s.post(t, notice("read-"+strconv.Itoa(i), stream))
	}
	s.wantUnread(t, p, stream, 5)
	before := s.unread(t, p)
	after := s.read(t, p, map[string]any{"stream": stream, "seq": 3})
	if after.Streams[stream] != 2 || after.Version <= before.Version {
		t.Errorf("after reading 3 of 5: %+v, before %+v", after, before)
	}
	s.wantUnread(t, p, stream, 2)
	if again := s.read(t, p, map[string]any{"stream": stream, "seq": 1}); again.Streams[stream] != 2 {
		t.Errorf("the mark went back: %+v", again)
	}
	for _, e := range s.timeline(t, p, only("stream", stream)).Entries {
		if e.Read == nil || *e.Read != (e.Seq <= 3) {
			t.Errorf("seq %d is listed with read %v", e.Seq, e.Read)
		}
	}
	if beyond := s.read(t, p, map[string]any{"stream": stream, "seq": 1000}); beyond.Streams[stream] != 0 {
		t.Errorf("beyond the head: %+v", beyond)
	}
	// A mark beyond the head means the head: what comes next is unread.
	s.post(t, notice("read-next", stream))
	s.wantUnread(t, p, stream, 1)
}

// wantUnread waits until the stream has so many unread entries, and checks that
// the counts are those of the list.
func (s *suite) wantUnread(t *testing.T, p person, stream string, want uint64) {
	t.Helper()
	awaitThat(t, fmt.Sprintf("%d unread of %s", want, stream), func() bool {
		got := s.unread(t, p)
		listed := map[string]uint64{}
		for _, e := range s.wholeTimeline(t, p, only("unread", "true"), 200) {
			listed[e.Stream]++
		}
		after := s.unread(t, p)
		if after.Version == got.Version && !maps.Equal(got.Streams, listed) {
			t.Errorf("counts %v, list %v", got.Streams, listed)
		}
		return got.Streams[stream] == want
	})
}

func (s *suite) testAllRead(t *testing.T) {
	mall := s.fresh()
	p := person{admin: s.fresh(), malls: []string{mall}}
	colleague := person{admin: s.fresh(), malls: []string{mall}}
	phone, laptop := s.socket(t, p, nil), s.events(t, p, "")
	other := s.socket(t, colleague, nil)
	for i := range 3 {
		s.kafka.publish(t, notice(fmt.Sprintf("both-%s-%d", p.admin, i), "admin:"+p.admin, "mall:"+mall))
	}
	counted := func(own, mallCount uint64) func(unread) bool {
		return func(u unread) bool { return u.Streams["admin:"+p.admin] == own && u.Streams["mall:"+mall] == mallCount }
	}
	for _, session := range []follower{phone, laptop} {
		session.awaitUnread(t, "3 and 3", counted(3, 3))
	}
	answer := s.read(t, p, map[string]any{"all": true})
	if answer.Total != 0 || len(answer.Streams) != 0 {
		t.Fatalf("after all was read: %+v", answer)
	}
	for _, session := range []follower{phone, laptop} {
		got := session.awaitUnread(t, "none, after all was read", func(u unread) bool {
			return u.Total == 0 && u.Version >= answer.Version
		})
		if len(got.Streams) != 0 {
			t.Errorf("total 0 with streams %v", got.Streams)
		}
	}
	// Read marks are a person's own.
	other.awaitUnread(t, "3 of the mall", func(u unread) bool { return u.Streams["mall:"+mall] == 3 })
	s.wantUnread(t, colleague, "mall:"+mall, 3)
}

// testFirstSeen: what came before a person was first seen is unread if it was
// for them alone, and read if it was for everybody.
func (s *suite) testFirstSeen(t *testing.T) {
	mall := s.fresh()
	p := person{admin: s.fresh(), malls: []string{mall}}
	for i := range 3 {
		s.post(t, notice(fmt.Sprintf("early-%s-%d", p.admin, i), "admin:"+p.admin, "mall:"+mall))
	}
	s.awaitHead(t, "admin:"+p.admin, 3)
	s.awaitHead(t, "mall:"+mall, 3)
	w := s.socket(t, p, nil).welcome
	if own := w.stream(t, "admin:"+p.admin); own.Head != 3 || own.Read != 0 || own.Unread != 3 {
		t.Errorf("own stream: %+v, want 3 unread", own)
	}
	if of := w.stream(t, "mall:"+mall); of.Head != 3 || of.Read != 3 || of.Unread != 0 {
		t.Errorf("the mall's stream: %+v, want nothing unread", of)
	}
	if w.Unread.Total != 3 {
		t.Errorf("total %d, want 3", w.Unread.Total)
	}
	s.post(t, notice("later-"+p.admin, "mall:"+mall))
	s.wantUnread(t, p, "mall:"+mall, 1)
	// A mall that is granted later begins at its head on that day.
	granted := s.fresh()
	s.post(t, notice("granted-"+granted, "mall:"+granted))
	s.awaitHead(t, "mall:"+granted, 1)
	p.malls = append(p.malls, granted)
	if of := s.socket(t, p, nil).welcome.stream(t, "mall:"+granted); of.Read != 1 || of.Unread != 0 {
		t.Errorf("a mall granted later: %+v", of)
	}
	s.wantUnread(t, p, "mall:"+mall, 1)
}

// testSocketCalls: the socket's calls give what their HTTP twins give.
func (s *suite) testSocketCalls(t *testing.T) {
	p := person{admin: s.fresh()}
	stream := "admin:" + p.admin
	ws := s.socket(t, p, nil)
	for i := range 4 {
		s.post(t, notice("call-"+strconv.Itoa(i), stream))
	}
	ws.awaitEntry(t, stream, "call-3")
	var got page
	if err := ws.call("timeline.list", map[string]any{"stream": stream, "limit": 3}, &got); err != nil {
		t.Fatal(err)
	}
	twin := s.timeline(t, p, url.Values{"stream": {stream}, "limit": {"3"}})
	if !slices.Equal(idsOf(got.Entries), idsOf(twin.Entries)) || got.Next != twin.Next || got.Next == "" {
		t.Errorf("timeline.list %v next %q, GET %v next %q", idsOf(got.Entries), got.Next, idsOf(twin.Entries), twin.Next)
	}
	var after unread
	if err := ws.call("timeline.read", map[string]any{"stream": stream, "seq": 3}, &after); err != nil {
		t.Fatal(err)
	}
	var count unread
	if err := ws.call("unread", map[string]any{}, &count); err != nil {
		t.Fatal(err)
	}
	if after.Streams[stream] != 1 || count.Streams[stream] != 1 || s.unread(t, p).Streams[stream] != 1 {
		t.Errorf("read answers %+v, unread %+v", after, count)
	}
}
