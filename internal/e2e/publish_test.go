//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// wayIn is a way to publish an event.
type wayIn struct {
	name string
	send func(t *testing.T, id, target string)
}

// waysIn are all ways that can name any target.
func (s *suite) waysIn() []wayIn {
	cloudEvent := func(id, target string) map[string]any {
		return map[string]any{"specversion": "1.0", "id": id, "source": "/orders", "type": "NOTICE",
			"targets": target, "datacontenttype": "application/json"}
	}
	return []wayIn{
		{"json", func(t *testing.T, id, target string) { s.kafka.publish(t, notice(id, target)) }},
		{"cloudevents structured", func(t *testing.T, id, target string) {
			event := cloudEvent(id, target)
			event["data"] = map[string]any{"title": "알림 " + id, "body": "본문 " + id}
			value, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			s.kafka.send(t, value, "content-type", "application/cloudevents+json; charset=utf-8")
		}},
		{"cloudevents binary", func(t *testing.T, id, target string) {
			s.kafka.send(t, fmt.Appendf(nil, `{"title":"알림 %s","body":"본문 %s"}`, id, id),
				"ce_specversion", "1.0", "ce_id", id, "ce_source", "/orders", "ce_type", "NOTICE",
				"ce_targets", target, "content-type", "application/json")
		}},
		{"http", func(t *testing.T, id, target string) {
			if got := s.post(t, notice(id, target)); got != id {
				t.Fatalf("202 with id %q, want %q", got, id)
			}
		}},
	}
}

// testWaysIn publishes to each audience in each way and checks that exactly the
// right people get it, on both transports.
func (s *suite) testWaysIn(t *testing.T) {
	mall, partner := s.fresh(), s.fresh()
	kim := person{admin: s.fresh(), malls: []string{mall}}
	lee := person{admin: s.fresh(), malls: []string{mall, s.fresh()}}
	ahn := person{admin: s.fresh(), partners: []string{partner}}
	han := person{admin: s.fresh()}
	people := []person{kim, lee, ahn, han}
	s.transports(t, func(t *testing.T, open func(person, map[string]uint64) follower) {
		sessions := make([]follower, len(people))
		for i, p := range people {
			sessions[i] = open(p, nil)
		}
		want := make([][]string, len(people))
		prefix := "way" + s.fresh()
		for _, way := range s.waysIn() {
			for _, target := range []string{"all", "mall:" + mall, "partner:" + partner, "admin:" + kim.admin} {
				id := strings.ReplaceAll(prefix+"-"+way.name+"-"+target, " ", "-")
				way.send(t, id, target)
				for i, p := range people {
					if slices.Contains(p.streams(), target) {
						want[i] = append(want[i], id)
						got := sessions[i].awaitEntry(t, target, id)
						if got.Kind != "notification" || got.Type != "NOTICE" || got.Title != "알림 "+id || got.Body != "본문 "+id {
							t.Errorf("%s: got %+v", way.name, got)
						}
					}
				}
			}
		}
		s.testTexts(t, kim, sessions[0], sessions[3])
		for i := range people {
			var got []string
			for _, e := range sessions[i].entries(t, "") {
				if strings.HasPrefix(e.ID, prefix) {
					got = append(got, e.ID)
				}
			}
			if !slices.Equal(got, want[i]) {
				t.Errorf("person %d got %v, want %v", i, got, want[i])
			}
		}
	})
}

// testTexts publishes plain texts to one person, and to all.
func (s *suite) testTexts(t *testing.T, p person, own, other follower) {
	t.Helper()
	mark := s.fresh()
	one := []string{p.admin + ":혼자 " + mark, p.admin + ":me:나에게 " + mark}
	all := []string{"all:모두 " + mark, p.admin + ":all:모두에게 " + mark, "콜론 없이 " + mark}
	for _, text := range append(slices.Clone(one), all...) {
		s.kafka.send(t, []byte(text))
	}
	awaitBody := func(f follower, stream string, texts []string) {
		t.Helper()
		for _, text := range texts {
			want := text[strings.LastIndex(text, ":")+1:]
			awaitThat(t, want+" on "+stream, func() bool {
				return slices.ContainsFunc(f.entries(t, stream), func(e entry) bool { return e.Body == want || e.Title == want })
			})
		}
	}
	awaitBody(own, "admin:"+p.admin, one)
	awaitBody(own, "all", all)
	awaitBody(other, "all", all)
	for _, e := range other.entries(t, "") {
		if strings.Contains(e.Body+e.Title, mark) && e.Stream != "all" {
			t.Errorf("somebody else got %+v", e)
		}
	}
}

func (s *suite) testEventUnchanged(t *testing.T) {
	p := person{admin: s.fresh()}
	id := "whole-" + p.admin
	value := fmt.Sprintf(`{"id":%q,"type":"ORDER_PLACED","targets":["admin:%s"],"title":"새 주문","body":"3건 59,000원\n둘째 줄",
		"link":"/orders/1?a=b&c=d","data":{"orderNo":"1","n":12345678901234567890,"nested":{"a":[1,2.50,null]},"x":"<\u0000é>"},
		"sound":"bell","priority":"low","at":"2026-11-20T10:30:00Z","expiresAt":"2099-12-20T00:00:00Z"}`, id, p.admin)
	sessions := []follower{s.socket(t, p, nil), s.events(t, p, "")}
	s.kafka.send(t, []byte(value))
	want := entry{Stream: "admin:" + p.admin, Seq: 1, ID: id, Kind: "notification", Type: "ORDER_PLACED",
		Title: "새 주문", Body: "3건 59,000원\n둘째 줄", Link: "/orders/1?a=b&c=d", Sound: "bell", Priority: "low"}
	check := func(where string, got entry) {
		t.Helper()
		at, err := time.Parse(time.RFC3339, got.At)
		expires, err2 := time.Parse(time.RFC3339, got.ExpiresAt)
		if err != nil || err2 != nil || at.Unix() != 1795170600 || expires.Year() != 2099 {
			t.Errorf("%s: at %q, expires at %q", where, got.At, got.ExpiresAt)
		}
		for _, part := range []string{`12345678901234567890`, `2.50`, `"orderNo":"1"`} {
			if !strings.Contains(string(got.Data), part) {
				t.Errorf("%s: data lost %s: %s", where, part, got.Data)
			}
		}
		got.At, got.ExpiresAt, got.Data, got.Read = "", "", nil, nil
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %+v, want %+v", where, got, want)
		}
	}
	for _, f := range sessions {
		check("pushed", f.awaitEntry(t, want.Stream, id))
	}
	check("listed", s.timeline(t, p, nil).Entries[0])
}

func (s *suite) testKnownTypes(t *testing.T) {
	p := person{admin: s.fresh()}
	ws := s.socket(t, p, nil)
	for _, kind := range []string{"EXCEL_COMPLETED", "ORDER_PLACED", "CLAIM_FILED", "INQUIRY_CREATED",
		"PRODUCT_APPROVAL", "PRODUCT_INQUIRY", "FDS_DETECTED", "NOTICE"} {
		s.kafka.publish(t, map[string]any{"id": kind, "type": kind, "targets": []string{"admin:" + p.admin}, "body": "본문"})
		got := ws.awaitEntry(t, "admin:"+p.admin, kind)
		if got.Title == "" || got.Sound == "" || got.Priority == "" {
			t.Errorf("%s has no default title, sound or priority: %+v", kind, got)
		}
	}
	s.kafka.publish(t, map[string]any{"id": "own", "type": "MY_OWN_TYPE", "targets": []string{"admin:" + p.admin}, "body": "본문"})
	if got := ws.awaitEntry(t, "admin:"+p.admin, "own"); got.Type != "MY_OWN_TYPE" || got.Body != "본문" {
		t.Errorf("an unknown type is shown as %+v", got)
	}
}

func (s *suite) testMadeID(t *testing.T) {
	p := person{admin: s.fresh()}
	ws := s.socket(t, p, nil)
	event := map[string]any{"type": "NOTICE", "targets": []string{"admin:" + p.admin}, "title": "이름 없는 알림"}
	s.kafka.publish(t, event)
	s.kafka.publish(t, event)
	awaitThat(t, "two events without id", func() bool { return len(ws.entries(t, "admin:"+p.admin)) == 2 })
	got := ws.entries(t, "admin:"+p.admin)
	if got[0].ID == "" || got[0].ID == got[1].ID {
		t.Errorf("made ids are %q and %q", got[0].ID, got[1].ID)
	}
}

func (s *suite) testDuplicate(t *testing.T) {
	p := person{admin: s.fresh()}
	stream := "admin:" + p.admin
	ws := s.socket(t, p, nil)
	for range 3 {
		s.kafka.publish(t, notice("twice", stream))
		s.post(t, notice("twice", stream, stream))
	}
	s.kafka.publish(t, notice("after", stream))
	// Kafka's ingress and HTTP are two ways into the journal: the last event
	// came after all others of its own way, and HTTP's were acknowledged.
	ws.awaitIDs(t, stream, "twice", "after")
	if listed := idsOf(s.timeline(t, p, only("stream", stream)).Entries); !slices.Equal(listed, []string{"after", "twice"}) {
		t.Errorf("the timeline lists %v", listed)
	}
}

func (s *suite) testOrder(t *testing.T) {
	const events = 500
	mall := s.fresh()
	p := person{admin: s.fresh(), malls: []string{mall}}
	ws, sse := s.socket(t, p, nil), s.events(t, p, "")
	ids := make([]string, events)
	for i := range ids {
		ids[i] = fmt.Sprint("order-", mall, "-", i)
	}
	s.kafka.publishAll(t, ids, "mall:"+mall)
	ws.awaitIDs(t, "mall:"+mall, ids...)
	sse.awaitIDs(t, "mall:"+mall, ids...)
}

func (s *suite) testManyTargets(t *testing.T) {
	const targets = 10_000
	prefix := "t" + s.fresh() + "-"
	names := make([]string, targets)
	for i := range names {
		names[i] = fmt.Sprint("admin:", prefix, i)
	}
	first := person{admin: prefix + "0"}
	last := person{admin: fmt.Sprint(prefix, targets-1)}
	online := []follower{s.socket(t, first, nil), s.events(t, last, "")}
	s.kafka.publish(t, notice("many-"+prefix, names...))
	online[0].awaitEntry(t, names[0], "many-"+prefix)
	online[1].awaitEntry(t, names[targets-1], "many-"+prefix)
	for i := 0; i < targets; i += 97 {
		p := person{admin: fmt.Sprint(prefix, i)}
		awaitThat(t, "the entry of target "+names[i], func() bool {
			a := s.do(t, http.MethodGet, "/api/v1/timeline", p.token(t), nil)
			if a.StatusCode == http.StatusServiceUnavailable {
				return false // ten thousand streams wake at once: some later than asked for
			}
			var got page
			a.want(t, http.StatusOK, &got)
			return slices.Contains(idsOf(got.Entries), "many-"+prefix)
		})
	}
	publisher := person{admin: "publisher", scopes: []string{"publish"}}
	s.do(t, http.MethodPost, "/api/v1/events", publisher.token(t), notice("more", append(names, "all")...)).
		wantProblem(t, http.StatusUnprocessableEntity)
}

func (s *suite) testExpired(t *testing.T) {
	p := person{admin: s.fresh()}
	stream := "admin:" + p.admin
	ws := s.socket(t, p, nil)
	event := notice("expired", stream)
	event["expiresAt"] = "2020-01-01T00:00:00Z"
	s.kafka.publish(t, event)
	s.kafka.publish(t, notice("fresh", stream))
	// It is an entry like any other; that it is past showing is for clients to see.
	if got := ws.awaitIDs(t, stream, "expired", "fresh")[0]; !strings.HasPrefix(got.ExpiresAt, "2020-01-01T00:00:00") {
		t.Errorf("pushed with expiresAt %q", got.ExpiresAt)
	}
	if listed := idsOf(s.timeline(t, p, only("stream", stream)).Entries); !slices.Equal(listed, []string{"fresh", "expired"}) {
		t.Errorf("the timeline lists %v", listed)
	}
}

func (s *suite) testPublishHTTP(t *testing.T) {
	mall := s.fresh()
	p := person{admin: s.fresh(), malls: []string{mall}}
	ws := s.socket(t, p, nil)
	limited := person{admin: "service", scopes: []string{"publish:mall:" + mall}}
	s.do(t, http.MethodPost, "/api/v1/events", limited.token(t), notice("mine", "mall:"+mall)).want(t, http.StatusAccepted, nil)
	s.do(t, http.MethodPost, "/api/v1/events", limited.token(t), notice("other", "mall:"+mall, "all")).wantProblem(t, http.StatusForbidden)
	s.do(t, http.MethodPost, "/api/v1/events", p.token(t), notice("none", "mall:"+mall)).wantProblem(t, http.StatusForbidden)
	s.do(t, http.MethodPost, "/api/v1/events", "", notice("nobody", "mall:"+mall)).wantProblem(t, http.StatusUnauthorized)

	event := notice("", "mall:"+mall)
	delete(event, "id")
	key := http.Header{"Idempotency-Key": {"key-" + mall}}
	for range 2 {
		a, err := request(http.MethodPost, s.url("/api/v1/events"), limited.token(t), key, event)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			ID string `json:"id"`
		}
		a.want(t, http.StatusAccepted, &got)
		if got.ID != "key-"+mall {
			t.Errorf("id %q, want the idempotency key", got.ID)
		}
	}
	s.post(t, notice("end", "mall:"+mall))
	ws.awaitIDs(t, "mall:"+mall, "mine", "key-"+mall, "end")

	publisher := person{admin: "publisher", scopes: []string{"publish"}}.token(t)
	for name, body := range map[string]any{
		"not JSON":        []byte(`{"id":`),
		"no targets":      map[string]any{"type": "NOTICE", "title": "t"},
		"a bad target":    notice("x", "mall:"),
		"a bad type":      map[string]any{"type": "lower", "targets": []string{"all"}, "title": "t"},
		"no text":         map[string]any{"type": "NOTICE", "targets": []string{"all"}, "title": " "},
		"a long id":       notice(strings.Repeat("x", 129), "all"),
		"too much data":   map[string]any{"type": "NOTICE", "targets": []string{"all"}, "title": "t", "data": map[string]any{"x": strings.Repeat("x", 16<<10)}},
		"data, not an {}": map[string]any{"type": "NOTICE", "targets": []string{"all"}, "title": "t", "data": []int{1}},
	} {
		a := s.do(t, http.MethodPost, "/api/v1/events", publisher, body)
		if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s: %s", name, a.Status, a.body)
		}
	}
	big := map[string]any{"type": "NOTICE", "targets": []string{"all"}, "title": strings.Repeat("x", 300<<10)}
	s.do(t, http.MethodPost, "/api/v1/events", publisher, big).wantProblem(t, http.StatusRequestEntityTooLarge)
}

// awaitThat waits until the condition holds.
func awaitThat(t *testing.T, what string, holds func() bool) {
	t.Helper()
	awaitWithin(t, patience, what, holds)
}

func awaitWithin(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}
