package sockjs_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/sockjs"
	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

// site is a server with a gateway over a core in memory.
type site struct {
	*httptest.Server
	t       testing.TB
	gateway *gateway.Gateway
	core    *gatewaytest.Core
}

// serve serves at an address. However long a test takes from one request to the next,
// its sessions last.
func serve(t testing.TB, g gateway.Options, o sockjs.Options) *site {
	t.Helper()
	o.Alone = time.Hour
	return serveBy(t, gatewaytest.BySockets, g, o)
}

func serveBy(t testing.TB, way gatewaytest.Way, g gateway.Options, o sockjs.Options) *site {
	t.Helper()
	gw, core := gatewaytest.Start(t, g)
	speakers := stomp.NewServer(gw, stomp.Options{Zone: time.UTC, Origins: o.Origins})
	return &site{way(t, sockjs.Handler(gw, speakers, o)), t, gw, core}
}

// request makes a request below /ws.
func (s *site) request(method, path, body string, header ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+"/ws"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	timer := time.AfterFunc(10*time.Second, func() { _ = answer.Body.Close() })
	s.t.Cleanup(func() { timer.Stop(); _ = answer.Body.Close() })
	return answer
}

// poll returns the body of a polling answer, without its line end.
func (s *site) poll(path string) string {
	s.t.Helper()
	answer := s.request(http.MethodPost, path+"/xhr", "")
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.HasSuffix(string(body), "\n") {
		s.t.Fatalf("%d %q: %v", answer.StatusCode, body, err)
	}
	return strings.TrimSuffix(string(body), "\n")
}

// send says messages, which must be taken.
func (s *site) send(path string, messages ...string) {
	s.t.Helper()
	body, err := json.Marshal(messages)
	if err != nil {
		s.t.Fatal(err)
	}
	if answer := s.request(http.MethodPost, path+"/xhr_send", string(body)); answer.StatusCode != http.StatusNoContent {
		s.t.Fatalf("sending: %d", answer.StatusCode)
	}
}

const (
	connect   = "CONNECT\naccept-version:1.1,1.0\nheart-beat:10000,10000\nAuthorization:Bearer 7 mall:500\n\n\x00"
	subscribe = "SUBSCRIBE\nid:sub-0\ndestination:/topic/notification/user/7\n\n\x00"
)

// messages returns those of an array frame.
func messages(t testing.TB, frame string) []string {
	t.Helper()
	var all []string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(frame, "a")), &all); err != nil || frame[0] != 'a' {
		t.Fatalf("%q: %v", frame, err)
	}
	return all
}

// frames reads the frames of a transport.
type frames func() (string, error)

// stream opens a streaming answer.
func (s *site) stream(path string) frames {
	s.t.Helper()
	answer := s.request(http.MethodPost, path+"/xhr_streaming", "")
	lines := bufio.NewReader(answer.Body)
	if prelude, err := lines.ReadString('\n'); err != nil || prelude != strings.Repeat("h", 2048)+"\n" {
		s.t.Fatalf("prelude %q: %v", prelude, err)
	}
	return func() (string, error) {
		line, err := lines.ReadString('\n')
		return strings.TrimSuffix(line, "\n"), err
	}
}

// events opens an answer of server-sent events.
func (s *site) events(path string) frames {
	s.t.Helper()
	answer := s.request(http.MethodGet, path+"/eventsource", "")
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream; charset=UTF-8" {
		s.t.Fatalf("content type %q", got)
	}
	lines := bufio.NewReader(answer.Body)
	if prelude, err := lines.ReadString('\n'); err != nil || prelude != "\r\n" {
		s.t.Fatalf("prelude %q: %v", prelude, err)
	}
	return func() (string, error) {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		if end, err := lines.ReadString('\n'); err != nil || end != "\r\n" {
			return "", errors.New("an event without its end")
		}
		return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(line, "data: "), "\r\n"), "%25", "%"), nil
	}
}

// polls makes polling look like a stream.
func (s *site) polls(path string) frames {
	return func() (string, error) { return s.poll(path), nil }
}

func TestEveryTransportCarriesSTOMP(t *testing.T) {
	for name, open := range map[string]func(s *site, path string) frames{
		"xhr_streaming": (*site).stream, "eventsource": (*site).events, "xhr": (*site).polls,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, gateway.Options{}, sockjs.Options{})
			const path = "/000/abcd1234"
			next := open(s, path)
			want := func(begins string) string {
				t.Helper()
				frame, err := next()
				if err != nil || !strings.HasPrefix(frame, begins) {
					t.Fatalf("got %q, %v, want %s", frame, err, begins)
				}
				return frame
			}
			want("o")
			s.send(path, connect[:20], connect[20:]) // a long frame comes in pieces
			if got := messages(t, want(`a["CONNECTED\nversion:1.1\n`)); len(got) != 1 || !strings.HasSuffix(got[0], "\n\n\x00") {
				t.Fatalf("%q", got)
			}
			s.send(path, subscribe, "\n", "UNSUBSCRIBE\nid:x\nreceipt:1\n\n\x00")
			want(`a["RECEIPT\n`)
			event := hub.Event{Type: "NOTICE", Targets: []hub.Stream{hub.All}, Body: "100%\u200c 할인 \U0001f600"}
			s.core.PublishEvent(event)
			frame := want(`a["MESSAGE\n`)
			if got := messages(t, frame); len(got) != 1 || !strings.Contains(got[0], event.Body) || strings.Contains(frame, "\u200c") {
				t.Fatalf("%s", frame)
			}
			s.send(path, "DISCONNECT\nreceipt:2\n\n\x00")
			want(`a["RECEIPT\n`)
			want(`c[1000,"bye"]`)
			if got := s.poll(path); got != `c[3000,"Go away!"]` {
				t.Errorf("after the end: %s", got)
			}
		})
	}
}

func TestWebSocketCarriesFramedSTOMP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{Heartbeat: time.Second}, sockjs.Options{})
		conn, _, err := gatewaytest.Dialer(s.Server).Dial("ws"+strings.TrimPrefix(s.URL, "http")+"/ws/000/abcd1234/websocket", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		say := func(text string) {
			t.Helper()
			if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		hear := func() string {
			t.Helper()
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, message, err := conn.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			return string(message)
		}
		if got := hear(); got != "o" {
			t.Fatalf("first %q", got)
		}
		say("") // nothing
		quoted, _ := json.Marshal([]string{connect})
		say(string(quoted))
		if got := messages(t, hear()); !strings.HasPrefix(got[0], "CONNECTED\n") {
			t.Fatalf("%q", got)
		}
		if got := hear(); got != `a["\n"]` {
			t.Errorf("heart-beat of STOMP %q", got)
		}
		if got := hear(); got != "h" {
			t.Errorf("heart-beat of SockJS %q", got)
		}
		quoted, _ = json.Marshal("SEND\ndestination:/x\n\n\x00")
		say(string(quoted))
		if got := messages(t, hear()); !strings.HasPrefix(got[0], "ERROR\n") {
			t.Fatalf("%q", got)
		}
		if got := hear(); got != `c[4501,"forbidden"]` {
			t.Errorf("close %q", got)
		}
		var left *websocket.CloseError
		if _, _, err := conn.ReadMessage(); !errors.As(err, &left) || left.Code != 4501 {
			t.Errorf("closed with %v", err)
		}
	})
}

func TestRawWebSocketIsPlainSTOMP(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{})
	conn, _, err := gatewaytest.Dialer(s.Server).Dial("ws"+strings.TrimPrefix(s.URL, "http")+"/ws/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(connect)); err != nil {
		t.Fatal(err)
	}
	if _, message, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(message), "CONNECTED\n") {
		t.Errorf("%q: %v", message, err)
	}
}

func TestAQuietStreamGetsHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{Heartbeat: time.Second}, sockjs.Options{})
		next := s.stream("/000/abcd1234")
		if frame, _ := next(); frame != "o" {
			t.Fatalf("first %q", frame)
		}
		s.send("/000/abcd1234", connect)
		var got []string
		for range 3 {
			frame, err := next()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, frame)
		}
		if got[1] != `a["\n"]` || got[2] != "h" {
			t.Errorf("%q", got)
		}
	})
}

func TestALongAnswerEndsAndTheNextGoesOn(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{AnswerBytes: 4096})
	const path = "/000/abcd1234"
	next := s.stream(path)
	s.send(path, connect, subscribe)
	heard := 0
	for answers := 1; heard < 100; answers++ {
		s.core.Publish(hub.All, 20)
		for {
			frame, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			heard += strings.Count(frame, `"MESSAGE\n`)
			if heard%20 == 0 && heard > 0 {
				break
			}
		}
		if answers > 100 {
			t.Fatalf("heard %d", heard)
		}
		next = s.stream(path)
	}
}

func TestAnotherAnswerAtTheSameTimeIsRefused(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{})
	next := s.stream("/000/abcd1234")
	if frame, _ := next(); frame != "o" {
		t.Fatalf("first %q", frame)
	}
	if got := s.poll("/000/abcd1234"); got != `c[2010,"Another connection still open"]` {
		t.Errorf("got %q", got)
	}
}

func TestASessionWithoutRequestsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{}, sockjs.Options{Alone: 50 * time.Millisecond})
		if got := s.poll("/000/abcd1234"); got != "o" {
			t.Fatalf("first %q", got)
		}
		for end := time.Now().Add(10 * time.Second); s.gateway.Connections() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the session is still there")
			}
		}
		if answer := s.request(http.MethodPost, "/000/abcd1234/xhr_send", `["x"]`); answer.StatusCode != http.StatusNotFound {
			t.Errorf("sending: %d", answer.StatusCode)
		}
		if got := s.poll("/000/abcd1234"); got != "o" {
			t.Errorf("a new session begins with %q", got)
		}
	})
}

func TestASlowClientIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewRegistry()
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{WriteTimeout: 100 * time.Millisecond, Metrics: metrics}, sockjs.Options{})
		const path = "/000/abcd1234"
		if got := s.poll(path); got != "o" {
			t.Fatalf("first %q", got)
		}
		s.send(path, connect, subscribe) // and nothing is asked for any more
		for range 100 {
			s.core.Publish(hub.All, 50)
		}
		s.over(func() map[string]float64 { return ended(t, metrics) }, "4001")
	})
}

func TestDrainSaysCloseOnEveryTransport(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{})
	next := s.stream("/000/abcd1234")
	if frame, _ := next(); frame != "o" {
		t.Fatalf("first %q", frame)
	}
	s.send("/000/abcd1234", connect)
	if _, err := next(); err != nil {
		t.Fatal(err)
	}
	if err := s.gateway.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if frame, err := next(); frame != `c[4000,"restarting"]` {
		t.Errorf("%q, %v", frame, err)
	}
	if answer := s.request(http.MethodPost, "/000/other/xhr", ""); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while draining: %d", answer.StatusCode)
	}
}
