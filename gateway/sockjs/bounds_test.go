package sockjs_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/sockjs"
	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

// subscribed opens a polling session of a person that has got its CONNECTED.
func (s *site) subscribed(path, admin, destination string) {
	s.t.Helper()
	if got := s.poll(path); got != "o" {
		s.t.Fatalf("first %q", got)
	}
	s.send(path, strings.Replace(connect, "Bearer 7", "Bearer "+admin, 1),
		"SUBSCRIBE\nid:sub-0\nreceipt:1\ndestination:/topic/notification/"+destination+"user/"+admin+"\n\n\x00")
	for got := ""; !strings.Contains(got, "RECEIPT"); {
		got = s.poll(path)
	}
}

// What waits in all sessions together is bounded. The one that would go beyond is
// told to start over, and what waits in it makes room for others.
func TestBeyondTheNodesBoundASessionStartsOver(t *testing.T) {
	metrics := prometheus.NewRegistry()
	s := serve(t, gateway.Options{Metrics: metrics}, sockjs.Options{PipeBytes: 4096})
	const full, other = "/000/full", "/000/other"
	s.subscribed(full, "7", "complex/500/")
	s.subscribed(other, "8", "")
	s.core.Publish("mall:500", 5) // fits
	s.core.Publish("mall:500", 20)
	for end := time.Now().Add(10 * time.Second); ended(t, metrics)["4001"] == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the session was not closed")
		}
	}
	s.core.Publish("admin:8", 5)
	if got := s.poll(other); strings.Count(got, "MESSAGE") == 0 {
		t.Errorf("the other session got %s", got)
	}
	if got := s.poll(full); got != `c[4001,"slow"]` {
		t.Errorf("the session ends with %q", got)
	}
	if got := s.poll(full); got != `c[3000,"Go away!"]` {
		t.Errorf("and then %q", got)
	}
	s.subscribed("/000/again", "7", "complex/500/")
	s.core.Publish("mall:500", 5)
	if got := s.poll("/000/again"); !strings.Contains(got, "MESSAGE") {
		t.Errorf("the next session got %s", got)
	}
}

func TestSessionsThatAreOverTakeNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{}, sockjs.Options{PipeBytes: 6144, Alone: 100 * time.Millisecond})
		for i := range 5 {
			s.subscribed(fmt.Sprintf("/000/session%d", i), "7", "")
			s.core.Publish(hub.All, 10) // more than a half
			for end := time.Now().Add(10 * time.Second); s.gateway.Connections() > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the session is still there")
				}
			}
		}
		s.subscribed("/000/last", "7", "")
		s.core.Publish(hub.All, 10)
		if got := s.poll("/000/last"); !strings.Contains(got, "MESSAGE") {
			t.Errorf("got %s", got)
		}
	})
}

// vanished is the answer to a client that is gone without a word: its connection
// takes whatever is written.
type vanished struct{ header http.Header }

func (v vanished) Header() http.Header            { return v.header }
func (vanished) WriteHeader(int)                  {}
func (vanished) Write(p []byte) (int, error)      { return len(p), nil }
func (vanished) Flush()                           {}
func (vanished) SetReadDeadline(time.Time) error  { return nil }
func (vanished) SetWriteDeadline(time.Time) error { return nil }

// However it receives: a client that dies before it has sent a heart-beat is gone
// when it would have had to ask for the next answer.
func TestAClientThatVanishesIsFoundInTime(t *testing.T) {
	for transport, most := range map[string]time.Duration{
		"POST /xhr_streaming": time.Minute + 5*time.Second,
		"GET /eventsource":    time.Minute + 5*time.Second,
		"POST /xhr":           25*time.Second + 5*time.Second,
	} {
		t.Run(transport, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, core := gatewaytest.Start(t, gateway.Options{})
				handler := sockjs.Handler(g, stomp.NewServer(g, stomp.Options{Zone: time.UTC}), sockjs.Options{})
				ask := func(w http.ResponseWriter, transport, body string) {
					method, name, _ := strings.Cut(transport, " ")
					handler.ServeHTTP(w, httptest.NewRequest(method, "/ws/000/abcd1234"+name, strings.NewReader(body)))
				}
				if strings.HasSuffix(transport, "xhr") { // one answer each for the open frame and CONNECTED
					ask(vanished{http.Header{}}, transport, "")
				} else {
					go ask(vanished{http.Header{}}, transport, "")
				}
				synctest.Wait()
				said := httptest.NewRecorder()
				ask(said, "POST /xhr_send", `["CONNECT\naccept-version:1.1\nheart-beat:10000,10000\nAuthorization:7\n\n\u0000"]`)
				if body, _ := io.ReadAll(said.Body); said.Code != http.StatusNoContent {
					t.Fatalf("%d %s", said.Code, body)
				}
				if strings.HasSuffix(transport, "xhr") {
					ask(vanished{http.Header{}}, transport, "")
					go ask(vanished{http.Header{}}, transport, "")
				}
				for asked := time.Now(); g.Connections() > 0; time.Sleep(time.Second) {
					core.Publish(hub.All, 1) // to which it has not subscribed
					if time.Since(asked) > most+5*time.Second {
						t.Fatalf("the session is still there after %v", time.Since(asked))
					}
				}
			})
		})
	}
}
