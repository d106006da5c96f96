package sse_test

import (
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

// get makes a request; its query is "" or begins with "?".
func (s *site) get(t *testing.T, query string, header http.Header) *gatewaytest.Stream {
	t.Helper()
	return gatewaytest.GetStream(t, s.URL+query, header)
}

var seven = http.Header{"Authorization": {"Bearer 7 mall:1001"}}

func TestAStreamBeginsWithRetryAndConnect(t *testing.T) {
	s := serve(t, gateway.Options{})
	s.core.Publish(hub.All, 2)
	c := s.get(t, "", seven)
	if got := c.Answer.Header.Get("Content-Type"); got != "text/event-stream" || c.Answer.StatusCode != 200 {
		t.Fatalf("%d %s", c.Answer.StatusCode, got)
	}
	if e := c.Next(); e.Retry != "2000" {
		t.Errorf("first %+v", e)
	}
	e := c.Next()
	var w gateway.Welcome
	if err := json.Unmarshal([]byte(e.Data), &w); err != nil || e.Name != "connect" || w.Me.Admin != "7" || len(w.Streams) != 3 {
		t.Errorf("second %+v", e)
	}
	if e.ID != "admin:7=0,all=2,mall:1001=0" {
		t.Errorf("id %q", e.ID)
	}
}

func TestEntriesCarryTheWholeCursor(t *testing.T) {
	s := serve(t, gateway.Options{})
	c := s.get(t, "?access_token=7+mall:1001", nil)
	c.Await("connect")
	s.core.Publish("mall:1001", 1)
	e := c.Await("")
	if e.ID != "admin:7=0,all=0,mall:1001=1" || !strings.HasPrefix(e.Data, `{"stream":"mall:1001","seq":1,`) {
		t.Errorf("%+v", e)
	}
	s.core.Publish(hub.All, 1)
	if e := c.Await(""); e.ID != "admin:7=0,all=1,mall:1001=1" {
		t.Errorf("%+v", e)
	}
}

func TestAReconnectGoesOnAfterTheLastEvent(t *testing.T) {
	s := serve(t, gateway.Options{})
	s.core.Publish(hub.All, 5)
	c := s.get(t, "?access_token=7&lastEventId=all%3D1", nil)
	if e := c.Await(""); !strings.HasPrefix(e.ID, "admin:7=0,all=2") {
		t.Errorf("by query: %+v", e)
	}
	c = s.get(t, "?access_token=7&lastEventId=all%3D1", http.Header{"Last-Event-Id": {"all=3,mall:77=9"}})
	if e := c.Await("connect"); e.ID != "admin:7=0,all=3" {
		t.Errorf("connect: %+v", e)
	}
	for _, want := range []string{"admin:7=0,all=4", "admin:7=0,all=5"} {
		if e := c.Await(""); e.ID != want {
			t.Errorf("by header: %+v, want %s", e, want)
		}
	}
}

func TestGapsAndUnreadAreNamedEvents(t *testing.T) {
	s := serve(t, gateway.Options{CatchUp: 2})
	s.core.Publish(hub.All, 5)
	c := s.get(t, "?access_token=7&lastEventId=all%3D1", nil)
	if e := c.Await("gap"); e.Data != `{"stream":"all","from":2,"to":5,"reason":"behind"}` || e.ID != "admin:7=0,all=5" {
		t.Errorf("%+v", e)
	}
	s.core.Publish("admin:7", 1)
	if e := c.Await("unread"); e.Data != `{"streams":{"admin:7":1},"total":1,"version":11}` {
		t.Errorf("%+v", e)
	}
}

// A browser takes up the id of "connect" before it has read on: what it is not told
// of yet must not be in it.
func TestNoIDGoesBeforeItsGap(t *testing.T) {
	s := serve(t, gateway.Options{CatchUp: 2})
	s.core.Publish(hub.All, 5)
	s.core.Publish("mall:1001", 4)
	c := s.get(t, "?access_token=7+mall:1001&lastEventId=all%3D1,mall:1001%3D1", nil)
	for _, want := range []string{"admin:7=0,all=1,mall:1001=1", "admin:7=0,all=5,mall:1001=1", "admin:7=0,all=5,mall:1001=4"} {
		e := c.Next()
		for e.ID == "" {
			e = c.Next()
		}
		if e.ID != want {
			t.Errorf("%s: id %s, want %s", e.Name, e.ID, want)
		}
	}
}

func TestAQuietStreamGetsComments(t *testing.T) {
	s := serve(t, gateway.Options{Heartbeat: time.Second})
	c := s.get(t, "", seven)
	for c.Next().Comment != "heartbeat" {
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, gateway.Options{PersonSessions: 1}, "https://office.example")
	s.get(t, "?access_token=1", nil).Await("connect") // the head of its answer comes before its seat is taken
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
		if got := c.Answer.Header.Get("Content-Type"); c.Answer.StatusCode != test.status || got != "application/problem+json" {
			t.Errorf("%s %v: %d %s, want %d", test.query, test.header, c.Answer.StatusCode, got, test.status)
		}
	}
	if c := s.get(t, "", nil); c.Answer.Header.Get("WWW-Authenticate") == "" {
		t.Error("no challenge with 401")
	}
}

func TestAllowedPagesMayRead(t *testing.T) {
	s := serve(t, gateway.Options{}, "https://office.example")
	header := seven.Clone()
	header.Set("Origin", "https://office.example")
	c := s.get(t, "", header)
	if got := c.Answer.Header.Get("Access-Control-Allow-Origin"); got != "https://office.example" {
		t.Errorf("%d %q", c.Answer.StatusCode, got)
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
	c.Await("connect")
	_ = c.Answer.Body.Close()
	for end := time.Now().Add(30 * time.Second); ; {
		if s.get(t, "?access_token=1", nil).Answer.StatusCode == 200 {
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
	c.Await("connect")
	if err := s.gateway.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if e := c.Await("close"); e.Data != `{"code":4000,"reason":"restarting"}` {
		t.Errorf("%+v", e)
	}
	if !c.Ended() {
		t.Error("the stream goes on after it")
	}
	if c := s.get(t, "", seven); c.Answer.StatusCode != 503 || c.Answer.Header.Get("Retry-After") == "" {
		t.Errorf("while draining: %d", c.Answer.StatusCode)
	}
}

func TestLineBreaksOfProducersDoNotBreakEvents(t *testing.T) {
	s := serve(t, gateway.Options{})
	c := s.get(t, "", seven)
	c.Await("connect")
	s.gateway.Deliver(hub.All, []*hub.Entry{{Stream: hub.All, Seq: 1, Kind: hub.Notification, ID: "x",
		Payload: []byte("{\"id\":\"x\",\r\n\n\"data\":{\"a\": \"1\\n2\"}}")}})
	if e := c.Await(""); e.Data != `{"stream":"all","seq":1,"id":"x","data":{"a":"1\n2"}}` {
		t.Errorf("%+v", e)
	}
}
