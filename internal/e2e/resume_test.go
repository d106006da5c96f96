//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// series publishes ids prefix-from … prefix-(to-1), acknowledged by the journal,
// and returns them.
func (s *suite) series(t *testing.T, prefix string, from, to int, target string) []string {
	t.Helper()
	var ids []string
	for i := from; i < to; i++ {
		ids = append(ids, s.post(t, notice(fmt.Sprintf("%s-%d", prefix, i), target)))
	}
	return ids
}

func (s *suite) testResume(t *testing.T) {
	s.transports(t, func(t *testing.T, open func(person, map[string]uint64) follower) {
		mall := s.fresh()
		p := person{admin: s.fresh(), malls: []string{mall}}
		stream := "mall:" + mall
		first := open(p, nil)
		seen := first.awaitIDs(t, stream, s.series(t, "r"+mall, 0, 5, stream)...)
		hangUp(first)
		ids := s.series(t, "r"+mall, 5, 12, stream)
		second := open(p, map[string]uint64{stream: seen[4].Seq})
		ids = append(ids, s.series(t, "r"+mall, 12, 15, stream)...)
		if got := second.awaitIDs(t, stream, ids...); got[0].Seq != 6 {
			t.Errorf("resumed at seq %d, want 6", got[0].Seq)
		}
	})
}

func hangUp(f follower) {
	switch f := f.(type) {
	case *socket:
		f.close()
	case *events:
		f.cancel()
	}
}

func (s *suite) testResumeUnnamed(t *testing.T) {
	s.transports(t, func(t *testing.T, open func(person, map[string]uint64) follower) {
		mall := s.fresh()
		p := person{admin: s.fresh(), malls: []string{mall}}
		s.series(t, "u"+mall, 0, 3, "mall:"+mall)
		own := s.series(t, "u"+mall, 3, 5, "admin:"+p.admin)
		s.awaitHead(t, "mall:"+mall, 3)
		f := open(p, map[string]uint64{"admin:" + p.admin: 0})
		f.awaitIDs(t, "admin:"+p.admin, own...)
		f.awaitIDs(t, "mall:"+mall, s.series(t, "u"+mall, 5, 6, "mall:"+mall)...)
	})
}

func (s *suite) testLastEventID(t *testing.T) {
	p := person{admin: s.fresh()}
	stream := "admin:" + p.admin
	ids := s.series(t, "l"+p.admin, 0, 6, stream)
	query := url.Values{"lastEventId": {stream + "=1"}, "access_token": {p.token(t)}}
	byQuery, _, err := openEvents(s.addr, "", nil, query)
	if err != nil || byQuery == nil {
		t.Fatalf("token and cursor in the query were refused: %v", err)
	}
	defer byQuery.cancel()
	byQuery.awaitIDs(t, stream, ids[1:]...)
	both, _, err := openEvents(s.addr, "", http.Header{"Last-Event-Id": {stream + "=4"}}, query)
	if err != nil || both == nil {
		t.Fatal(err)
	}
	defer both.cancel()
	both.awaitIDs(t, stream, ids[4:]...)
	// Every event's id is the whole cursor.
	if at := parseCursor(t, both.lastID()); at[stream] != 6 {
		t.Errorf("the last id is %q, want %s=6 in it", both.lastID(), stream)
	} else if _, ok := at["all"]; !ok {
		t.Errorf("the last id %q does not name all", both.lastID())
	}
	// retry comes before anything else.
	pushes, _, _ := both.look()
	if pushes[0].name != "retry" {
		t.Errorf("first came %s, want retry", pushes[0].name)
	}
}

func (s *suite) testBehind(t *testing.T) {
	const entries, limit = 1010, 1000
	s.transports(t, func(t *testing.T, open func(person, map[string]uint64) follower) {
		mall := s.fresh()
		p := person{admin: s.fresh(), malls: []string{mall}}
		stream := "mall:" + mall
		ids := make([]string, entries)
		for i := range ids {
			ids[i] = fmt.Sprintf("b%s-%d", mall, i)
		}
		s.kafka.publishAll(t, ids, stream)
		s.awaitHead(t, stream, entries)
		// Within the limit everything comes.
		near := open(p, map[string]uint64{stream: entries - limit})
		near.awaitIDs(t, stream, ids[entries-limit:]...)
		// Beyond it a gap is announced, and live pushes go on.
		far := open(p, map[string]uint64{stream: entries - limit - 1})
		if got := far.awaitGap(t, stream); got != (gap{stream, entries - limit, entries, "behind"}) {
			t.Errorf("gap %+v, want %d to %d, behind", got, entries-limit, entries)
		}
		live := s.post(t, notice("live-"+mall, stream))
		if got := far.awaitIDs(t, stream, live); got[0].Seq != entries+1 {
			t.Errorf("the live push has seq %d", got[0].Seq)
		}
	})
}

func (s *suite) testReset(t *testing.T) {
	s.transports(t, func(t *testing.T, open func(person, map[string]uint64) follower) {
		p := person{admin: s.fresh()}
		stream := "admin:" + p.admin
		s.series(t, "x"+p.admin, 0, 3, stream)
		f := open(p, map[string]uint64{stream: 500})
		if got := f.awaitGap(t, stream); got.Reason != "reset" || got.To != 3 {
			t.Errorf("gap %+v, want reset to 3", got)
		}
		f.awaitIDs(t, stream, s.series(t, "x"+p.admin, 3, 4, stream)...)
	})
}

func (s *suite) testResumeAfterRestart(t *testing.T) {
	for _, graceful := range []bool{true, false} {
		name := map[bool]string{true: "sigterm", false: "kill"}[graceful]
		t.Run(name, func(t *testing.T) {
			mall := s.fresh()
			p := person{admin: s.fresh(), malls: []string{mall}}
			stream := "mall:" + mall
			hangUp(s.socket(t, p, nil)) // first seen
			ids := s.series(t, "restart"+mall, 0, 5, stream)
			ws := s.socket(t, p, map[string]uint64{stream: 0, "admin:" + p.admin: 0})
			sse := s.events(t, p, stream+"=0")
			ws.awaitIDs(t, stream, ids...)
			sse.awaitIDs(t, stream, ids...)
			s.read(t, p, map[string]any{"stream": stream, "seq": 2})
			// These may still be on their way to the timeline when the end comes.
			ids = append(ids, s.series(t, "restart"+mall, 5, 8, stream)...)
			s.restart(t, graceful)
			resumed := s.socket(t, p, map[string]uint64{stream: 5})
			ids = append(ids, s.series(t, "restart"+mall, 8, 10, stream)...)
			if got := resumed.awaitIDs(t, stream, ids[5:]...); got[0].Seq != 6 || got[4].Seq != 10 {
				t.Errorf("numbering went from %d to %d, want 6 to 10", got[0].Seq, got[4].Seq)
			}
			s.events(t, p, stream+"=3").awaitIDs(t, stream, ids[3:]...)
			if at := resumed.welcome.stream(t, stream); at.Read != 2 {
				t.Errorf("the read mark is %d after the restart, want 2", at.Read)
			}
			sameInAnyOrder(t, "the timeline", s.wholeTimeline(t, p, only("stream", stream), 3), ids)
			// An id from before the restart is still known.
			s.post(t, notice(ids[0], stream))
			s.wantUnread(t, p, stream, 8)
		})
	}
}
