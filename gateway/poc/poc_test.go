package poc_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/poc"
	"bongsu/internal/hub"
)

// sevens are texts that 7 gets; others are texts that it does not get.
var (
	sevens = []string{"7:me:나에게", "8:all:모두에게", "all:a:b", "no colon", "7:rest: of it", "7:me:두 줄\n둘째 줄"}
	others = []string{"8:me:x", "77:me:x", "7x:me:all:x", "8:call:x"}
)

func TestAStreamGetsTheTextsOfItsIDAsTheyWerePublished(t *testing.T) {
	s := serve(t, poc.Options{})
	c := s.events("id=7&access_token=7+mall:1", nil)
	if got := c.Answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("%d %s", c.Answer.StatusCode, got)
	}
	if e := c.Next(); e.Retry == "" {
		t.Errorf("first %+v", e)
	}
	s.settled(1)
	for i, text := range sevens { // of different streams: only one by one they are in order
		s.publish(others[i%len(others)])
		s.publish(text)
		if e := c.Await(""); e.Data != text || e.ID == "" {
			t.Errorf("%+v, want %q", e, text)
		}
	}
}

func TestASocketGetsTheSameTextsAsFrames(t *testing.T) {
	s := serve(t, poc.Options{})
	one, two := s.socket("id=7&access_token=7"), s.socket("id=7&access_token=7")
	s.settled(2)
	for i, text := range sevens {
		s.publish(others[i%len(others)], text)
		if got := one.text(); got != text {
			t.Errorf("%q, want %q", got, text)
		}
		if got := two.text(); got != text {
			t.Errorf("on the other connection: %q, want %q", got, text)
		}
	}
}

func TestOtherEventsAreShownAsTexts(t *testing.T) {
	s := serve(t, poc.Options{})
	stream, socket := s.events("id=k.lee@x.kr&access_token=k.lee@x.kr", nil), s.socket("id=k.lee@x.kr&access_token=k.lee@x.kr")
	s.settled(2)
	me := []hub.Stream{"admin:k.lee@x.kr"}
	for _, event := range []hub.Event{
		{ID: "a", Type: "NOTICE", Title: "제목", Body: "본문", Targets: []hub.Stream{hub.All}},
		{ID: "b", Type: "X", Title: "제목", Targets: me},
		{ID: "c", Type: "X", Body: "본문", Targets: append(me, "mall:1")},
	} {
		want := map[string]string{"a": "all:제목 본문", "b": "k.lee@x.kr:제목", "c": "k.lee@x.kr:본문"}[event.ID]
		s.core.PublishEvent(event)
		if e := stream.Await(""); e.Data != want {
			t.Errorf("%+v, want %q", e, want)
		}
		if got := socket.text(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAStreamResumesByItsLastEvent(t *testing.T) {
	s := serve(t, poc.Options{})
	c := s.events("id=7&access_token=7", nil)
	c.Next()
	begin := c.Next() // an id without data, before the first text
	if begin.ID == "" || begin.Data != "" || begin.Name != "" {
		t.Errorf("%+v", begin)
	}
	s.publish("7:me:one", "all:two")
	if e := c.Await(""); e.Data != "7:me:one" {
		t.Errorf("%+v", e)
	} else if again := s.events("id=7&access_token=7", http.Header{"Last-Event-Id": {e.ID}}).Await(""); again.Data != "all:two" {
		t.Errorf("%+v", again)
	}
	if e := s.events("id=7&access_token=7", http.Header{"Last-Event-Id": {begin.ID}}).Await(""); e.Data == "" {
		t.Errorf("%+v", e)
	}
}

func TestFramesArePublishedUnchangedAndInOrder(t *testing.T) {
	s := serve(t, poc.Options{})
	c := s.socket("id=7&access_token=7")
	sent := []string{"9:me:안녕", `{"type":"NOTICE"}`, "", "7:me: mine \n", strings.Repeat("x", poc.MaxText)}
	for _, frame := range sent {
		if err := c.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.text(); got != "7:me: mine \n" {
		t.Errorf("%q came back", got)
	}
	c.text() // the last one
	if got := s.topic.published(); !slices.Equal(got, sent) {
		t.Errorf("published %.200q", got)
	}
}

func TestFramesThatBreakTheLimits(t *testing.T) {
	s := serve(t, poc.Options{Rate: 1, Burst: 5})
	for name, test := range map[string]struct {
		send func(c socket)
		code int
	}{
		"too big": {func(c socket) { _ = c.WriteMessage(websocket.TextMessage, make([]byte, poc.MaxText+1)) }, 1009},
		"binary":  {func(c socket) { _ = c.WriteMessage(websocket.BinaryMessage, []byte("all:x")) }, 1003},
		"too fast": {func(c socket) { // even for a machine that takes its time
			_, _ = io.WriteString(c.NetConn(), strings.Repeat("\x81\x86\x00\x00\x00\x00"+"8:me:x", 100))
		}, 4004},
	} {
		c := s.socket("id=7&access_token=7")
		test.send(c)
		if got := c.closed(); got != test.code {
			t.Errorf("%s: closed with %d, want %d", name, got, test.code)
		}
	}
}

func TestAPageWhoseFrameIsNotPublishedIsToldToReconnect(t *testing.T) {
	s := serve(t, poc.Options{})
	c := s.socket("id=7&access_token=7")
	s.topic.fail(hub.Unavailablef("Kafka is away"))
	_ = c.WriteMessage(websocket.TextMessage, []byte("all:x"))
	if got := c.closed(); got != 4000 {
		t.Errorf("closed with %d", got)
	}
	if status, _, _ := s.produce("access_token=7&msg=x"); status != 503 {
		t.Errorf("produce: %d", status)
	}
}

func TestAQuietSocketIsPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{Heartbeat: time.Second}, poc.Options{})
		c := s.socket("id=7&access_token=7")
		pings := 0
		c.SetPingHandler(func(data string) error {
			if pings++; pings == 4 { // beyond the time after which a silent page is gone
				_, _ = s.topic.Publish(t.Context(), []byte("7:me:done"))
			}
			return c.WriteControl(websocket.PongMessage, []byte(data), time.Time{})
		})
		if got := c.text(); got != "7:me:done" {
			t.Errorf("%q", got)
		}
	})
}

func TestProduceAnswersTheOffset(t *testing.T) {
	s := serve(t, poc.Options{})
	for i, text := range []string{"all:a b&c", "7:me:한글"} {
		status, kind, body := s.produce("access_token=7&msg=" + url.QueryEscape(text))
		if status != 200 || !strings.HasPrefix(kind, "text/plain") || body != []string{"0", "1"}[i] {
			t.Errorf("%d %s %q", status, kind, body)
		}
	}
	if got := s.topic.published(); !slices.Equal(got, []string{"all:a b&c", "7:me:한글"}) {
		t.Errorf("%q", got)
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, poc.Options{})
	for _, test := range []struct {
		path   string
		status int
	}{
		{"/notifications?access_token=7", 400},
		{"/notifications?id=&access_token=7", 400},
		{"/notifications?id=a:b&access_token=7", 400},
		{"/notifications?id=7", 401},
		{"/notifications?id=7&access_token=bad", 401},
		{"/notifications?id=7&access_token=77", 403},
		{"/ws?id=7", 401},
		{"/ws?id=7&access_token=8", 403},
		{"/ws?id=a%20b&access_token=7", 400},
		{"/ws?id=7&access_token=7", 400}, // no WebSocket
		{"/produce?access_token=7", 400},
		{"/produce?msg=&access_token=7", 400},
		{"/produce?msg=%ff&access_token=7", 400},
		{"/produce?msg=" + strings.Repeat("x", poc.MaxText+1) + "&access_token=7", 400},
		{"/produce?msg=x", 401},
		{"/produce?msg=x&id=8&access_token=7", 403},
		{"/produce?msg=x&id=7&access_token=7", 200},
	} {
		answer, err := http.Get(s.url + test.path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != test.status {
			t.Errorf("%.60s: %d, want %d", test.path, answer.StatusCode, test.status)
		}
	}
	answer, err := http.Post(s.url+"/produce?msg=x&access_token=7", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 405 {
		t.Errorf("POST: %d", answer.StatusCode)
	}
}

func TestPagesOfOtherOriginsMayNotConnect(t *testing.T) {
	s := serve(t, poc.Options{Origins: []string{"https://office.example"}, Open: true})
	for _, path := range []string{"/notifications?id=7", "/ws?id=7", "/produce?msg=x"} {
		request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", "https://evil.example")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != 403 {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

func TestPagesThatMayPublishReadTheAnswer(t *testing.T) {
	s := serve(t, poc.Options{Origins: []string{"https://office.example"}})
	const office = "https://office.example"
	answer := s.ask(http.MethodOptions, "/produce?msg=x", "Origin", office, "Access-Control-Request-Headers", "authorization")
	if h := answer.Header; answer.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != office ||
		h.Get("Access-Control-Allow-Methods") != "GET" || h.Get("Access-Control-Allow-Headers") != "Authorization, Cache-Control" ||
		h.Get("Access-Control-Max-Age") != "600" {
		t.Errorf("preflight: %d %v", answer.StatusCode, h)
	}
	for path, status := range map[string]int{"/produce?msg=x&access_token=7": 200, "/produce?msg=x": 401} {
		answer := s.ask(http.MethodGet, path, "Origin", office, "Sec-Fetch-Site", "cross-site")
		if h := answer.Header; answer.StatusCode != status || h.Get("Access-Control-Allow-Origin") != office || h.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", path, answer.StatusCode, h)
		}
	}
	if answer := s.ask(http.MethodOptions, "/produce", "Origin", "https://evil.example"); answer.StatusCode != 403 || answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %d %v", answer.StatusCode, answer.Header)
	}
	if answer := s.ask(http.MethodPost, "/produce?msg=x"); answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, OPTIONS" {
		t.Errorf("POST: %d %v", answer.StatusCode, answer.Header)
	}
}

// A browser sends no Origin for what a page merely embeds, such as an image.
func TestWhatPagesOfOtherSitesEmbedPublishesNothing(t *testing.T) {
	for _, origins := range [][]string{nil, {"*"}} {
		s := serve(t, poc.Options{Open: true, Origins: origins})
		for site, status := range map[string]int{"cross-site": 403, "same-site": 200, "same-origin": 200, "none": 200, "": 200} {
			if answer := s.ask(http.MethodGet, "/produce?msg=all:"+site, "Sec-Fetch-Site", site); answer.StatusCode != status {
				t.Errorf("%q: %d, want %d", site, answer.StatusCode, status)
			}
		}
		if got := s.topic.published(); slices.Contains(got, "all:cross-site") || len(got) != 4 {
			t.Errorf("published %q", got)
		}
	}
}

// Whoever comes without a token reads, and takes nothing from whose id it is.
func TestWithoutATokenNothingIsTakenFromThePerson(t *testing.T) {
	s := serve(t, poc.Options{Open: true})
	s.core.RefusePerson = func() error { return errors.New("the person's first marks would be journaled") }
	for range 16 {
		s.socket("id=7")
		s.events("id=7", nil)
	}
	s.settled(32)
	for path, status := range map[string]int{
		"/notifications?id=7": 429, "/ws?id=7": 429, "/notifications?id=7&access_token=bad": 429, "/notifications?id=7&access_token=8": 429,
	} {
		if answer := s.ask(http.MethodGet, path); answer.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, status)
		}
	}
	s.core.RefusePerson = nil
	own := s.events("id=7&access_token=7", nil)
	s.settled(33)
	s.publish("7:me:x")
	if e := own.Await(""); e.Data != "7:me:x" {
		t.Errorf("%+v", e)
	}
}

func TestOpenEndpointsWantNoToken(t *testing.T) {
	s := serve(t, poc.Options{Open: true})
	stream, socket := s.events("id=7", nil), s.socket("id=7")
	s.settled(2)
	if status, _, body := s.produce("msg=7:me:x"); status != 200 || body != "0" {
		t.Errorf("%d %s", status, body)
	}
	if e := stream.Await(""); e.Data != "7:me:x" {
		t.Errorf("%+v", e)
	}
	if got := socket.text(); got != "7:me:x" {
		t.Errorf("%q", got)
	}
	// A token opens nothing more than its id.
	other := s.events("id=9&access_token=7+mall:1", nil)
	s.settled(3)
	s.core.Publish("mall:1", 1)
	s.publish("9:me:y")
	if e := other.Await(""); e.Data != "9:me:y" {
		t.Errorf("%+v", e)
	}
}
