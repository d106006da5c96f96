package sse_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/sse"
	"bongsu/internal/hub"
)

type site struct {
	*httptest.Server
	gateway *gateway.Gateway
	core    *gatewaytest.Core
}

func serve(t *testing.T, o gateway.Options, origins ...string) *site {
	t.Helper()
	g, core := gatewaytest.Start(t, o)
	server := httptest.NewServer(sse.Handler(g, sse.Options{Origins: origins}))
	t.Cleanup(server.Close)
	return &site{server, g, core}
}

// event is one event of a stream, or a comment.
type event struct{ id, name, data, retry, comment string }

type stream struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Scanner
}

// get makes a request; its query is "" or begins with "?".
func (s *site) get(t *testing.T, query string, header http.Header) *stream {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(10*time.Second, func() { _ = answer.Body.Close() })
	t.Cleanup(func() { timer.Stop(); _ = answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{t, answer, lines}
}

// next returns the next event, and fails at the end of the stream.
func (s *stream) next() event {
	s.t.Helper()
	var e event
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data += value
		case "retry":
			e.retry = value
		case "":
			if s.lines.Text() == "" {
				return e
			}
			e.comment = value
		}
	}
	s.t.Fatalf("the stream has ended: %v", s.lines.Err())
	return e
}

// await returns the next event of the name; entries have none.
func (s *stream) await(name string) event {
	s.t.Helper()
	for {
		if e := s.next(); e.name == name && (name != "" || e.data != "") {
			return e
		}
	}
}

var seven = http.Header{"Authorization": {"Bearer 7 mall:1001"}}

func TestAStreamBeginsWithRetryAndConnect(t *testing.T) {
	s := serve(t, gateway.Options{})
	s.core.Publish(hub.All, 2)
	c := s.get(t, "", seven)
	if got := c.answer.Header.Get("Content-Type"); got != "text/event-stream" || c.answer.StatusCode != 200 {
		t.Fatalf("%d %s", c.answer.StatusCode, got)
	}
	if e := c.next(); e.retry != "2000" {
		t.Errorf("first %+v", e)
	}
	e := c.next()
	var w gateway.Welcome
	if err := json.Unmarshal([]byte(e.data), &w); err != nil || e.name != "connect" || w.Me.Admin != "7" || len(w.Streams) != 3 {
		t.Errorf("second %+v", e)
	}
	if e.id != "admin:7=0,all=2,mall:1001=0" {
		t.Errorf("id %q", e.id)
	}
}

func TestEntriesCarryTheWholeCursor(t *testing.T) {
	s := serve(t, gateway.Options{})
	c := s.get(t, "?access_token=7+mall:1001", nil)
	c.await("connect")
	s.core.Publish("mall:1001", 1)
	e := c.await("")
	if e.id != "admin:7=0,all=0,mall:1001=1" || !strings.HasPrefix(e.data, `{"stream":"mall:1001","seq":1,`) {
		t.Errorf("%+v", e)
	}
	s.core.Publish(hub.All, 1)
	if e := c.await(""); e.id != "admin:7=0,all=1,mall:1001=1" {
		t.Errorf("%+v", e)
	}
}

func TestAReconnectGoesOnAfterTheLastEvent(t *testing.T) {
	s := serve(t, gateway.Options{})
	s.core.Publish(hub.All, 5)
	c := s.get(t, "?access_token=7&lastEventId=all%3D1", nil)
	if e := c.await(""); !strings.HasPrefix(e.id, "admin:7=0,all=2") {
		t.Errorf("by query: %+v", e)
	}
	c = s.get(t, "?access_token=7&lastEventId=all%3D1", http.Header{"Last-Event-Id": {"all=3,mall:77=9"}})
	if e := c.await("connect"); e.id != "admin:7=0,all=3" {
		t.Errorf("connect: %+v", e)
	}
	for _, want := range []string{"admin:7=0,all=4", "admin:7=0,all=5"} {
		if e := c.await(""); e.id != want {
			t.Errorf("by header: %+v, want %s", e, want)
		}
	}
}

func TestGapsAndUnreadAreNamedEvents(t *testing.T) {
	s := serve(t, gateway.Options{CatchUp: 2})
	s.core.Publish(hub.All, 5)
	c := s.get(t, "?access_token=7&lastEventId=all%3D1", nil)
	if e := c.await("gap"); e.data != `{"stream":"all","from":2,"to":5,"reason":"behind"}` || e.id != "admin:7=0,all=5" {
		t.Errorf("%+v", e)
	}
	s.core.Publish("admin:7", 1)
	if e := c.await("unread"); e.data != `{"streams":{"admin:7":1},"total":1,"version":11}` {
		t.Errorf("%+v", e)
	}
}

func TestAQuietStreamGetsComments(t *testing.T) {
	s := serve(t, gateway.Options{Heartbeat: time.Second})
	c := s.get(t, "", seven)
	for c.next().comment != "heartbeat" {
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, gateway.Options{PersonSessions: 1}, "https://office.example")
	s.get(t, "?access_token=1", nil)
	for _, test := range []struct {
		query  string
		header http.Header
		status int
	}{
		{"", nil, 401},
		{"?access_token=bad", nil, 401},
		{"?access_token=expired", nil, 401},
		{"?access_token=forbidden", nil, 403},
		{"?access_token=7&lastEventId=nonsense", nil, 400},
		{"?access_token=7", http.Header{"Last-Event-Id": {"all=x"}}, 400},
		{"?access_token=7", http.Header{"Origin": {"https://evil.example"}}, 403},
		{"?access_token=1", nil, 429},
	} {
		c := s.get(t, test.query, test.header)
		if got := c.answer.Header.Get("Content-Type"); c.answer.StatusCode != test.status || got != "application/problem+json" {
			t.Errorf("%s %v: %d %s, want %d", test.query, test.header, c.answer.StatusCode, got, test.status)
		}
	}
	if c := s.get(t, "", nil); c.answer.Header.Get("WWW-Authenticate") == "" {
		t.Error("no challenge with 401")
	}
}

func TestAllowedPagesMayRead(t *testing.T) {
	s := serve(t, gateway.Options{}, "https://office.example")
	header := seven.Clone()
	header.Set("Origin", "https://office.example")
	c := s.get(t, "", header)
	if got := c.answer.Header.Get("Access-Control-Allow-Origin"); got != "https://office.example" {
		t.Errorf("%d %q", c.answer.StatusCode, got)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != 204 || !strings.Contains(answer.Header.Get("Access-Control-Allow-Headers"), "Last-Event-ID") {
		t.Errorf("preflight: %+v", answer)
	}
}

func TestLeavingFreesThePlace(t *testing.T) {
	s := serve(t, gateway.Options{PersonSessions: 1})
	c := s.get(t, "?access_token=1", nil)
	c.await("connect")
	_ = c.answer.Body.Close()
	for end := time.Now().Add(5 * time.Second); ; {
		if s.get(t, "?access_token=1", nil).answer.StatusCode == 200 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the place is still taken")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestDrainSaysClose(t *testing.T) {
	s := serve(t, gateway.Options{})
	c := s.get(t, "", seven)
	c.await("connect")
	if err := s.gateway.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if e := c.await("close"); e.data != `{"code":4000,"reason":"restarting"}` {
		t.Errorf("%+v", e)
	}
	if c.lines.Scan() {
		t.Errorf("after it: %q", c.lines.Text())
	}
	if c := s.get(t, "", seven); c.answer.StatusCode != 503 || c.answer.Header.Get("Retry-After") == "" {
		t.Errorf("while draining: %d", c.answer.StatusCode)
	}
}

func TestLineBreaksOfProducersDoNotBreakEvents(t *testing.T) {
	s := serve(t, gateway.Options{})
	c := s.get(t, "", seven)
	c.await("connect")
	s.gateway.Deliver(hub.All, []*hub.Entry{{Stream: hub.All, Seq: 1, Kind: hub.Notification, ID: "x",
		Payload: []byte("{\"id\":\"x\",\r\n\n\"data\":{\"a\": \"1\\n2\"}}")}})
	if e := c.await(""); e.data != `{"stream":"all","seq":1,"id":"x","data":{"a":"1\n2"}}` {
		t.Errorf("%+v", e)
	}
}
