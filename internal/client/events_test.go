package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"bongsu/internal/client"
)

// eventServer plays a hub that speaks SSE.
func eventServer(t *testing.T, script func(say func(string), r *http.Request)) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/notifications" || r.Header.Get("Authorization") != "Bearer token" {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		script(func(text string) {
			_, _ = fmt.Fprint(w, text) // the client may have left
			_ = http.NewResponseController(w).Flush()
		}, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func eventOptions(s *httptest.Server) client.Options {
	return client.Options{
		URL: s.URL, SSE: true,
		Token:   func(context.Context) (string, error) { return "token", nil },
		Backoff: client.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond},
	}
}

func TestEventsAreDeliveredAndResumed(t *testing.T) {
	cursors := make(chan string, 100)
	var connections atomic.Int64
	s := eventServer(t, func(say func(string), r *http.Request) {
		cursors <- r.Header.Get("Last-Event-ID")
		say("retry: 1000\n\n: heartbeat\n\nevent: connect\ndata: {\"session\":\"s\",\ndata: \"streams\":[{\"stream\":\"mall:1\",\"head\":4}]}\n\n")
		say("id: all=1,mall:1=4\r\ndata: {\"stream\":\"all\",\"seq\":1,\"title\":\"안녕\"}\r\n\r\n")
		say("event: unread\ndata:{\"total\":1,\"version\":2}\n\n")
		say("event: gap\ndata: {\"stream\":\"mall:1\",\"from\":5,\"to\":6,\"reason\":\"behind\"}\n\n")
		if connections.Add(1) > 1 {
			<-r.Context().Done()
		}
	})
	c, ear, _ := follow(t, eventOptions(s))
	ear.hears(t, "connected", "all=1", "unread 1 v2", "gap mall:1 5-6 behind", "lost", "connected")
	if first, second := <-cursors, <-cursors; first != "" || second != "all=1,mall:1=6" {
		t.Fatalf("cursors %q and %q", first, second)
	}
	if _, err := c.Unread(t.Context()); err == nil {
		t.Fatal("a call over SSE succeeded")
	}
	ear.hears(t, "all=1", "unread 1 v2", "gap mall:1 5-6 behind")
	c.Drop()
	ear.hears(t, "lost", "connected")
}

func TestARefusedEventStreamEndsTheClient(t *testing.T) {
	s := eventServer(t, func(func(string), *http.Request) {})
	opts := eventOptions(s)
	opts.Token = noToken
	_, err := client.Dial(t.Context(), opts)
	var closed *client.Closed
	if !errors.As(err, &closed) || closed.Code != http.StatusUnauthorized || !closed.Permanent() {
		t.Fatalf("got %v", err)
	}
}

func TestACloseEventDecidesWhetherToComeBack(t *testing.T) {
	var connections atomic.Int64
	s := eventServer(t, func(say func(string), _ *http.Request) {
		code := client.CloseRestarting
		if connections.Add(1) > 1 {
			code = client.CloseForbidden
		}
		say(fmt.Sprintf("event: connect\ndata: {}\n\nevent: close\ndata: {\"code\":%d,\"reason\":\"why\"}\n\n", code))
	})
	_, ear, ended := follow(t, eventOptions(s))
	var closed *client.Closed
	if err := ends(t, ended); !errors.As(err, &closed) || closed.Code != client.CloseForbidden {
		t.Fatalf("got %v", err)
	}
	ear.hears(t, "connected", "lost", "connected", "ended")
}

func TestAnEventStreamEndsWithItsClient(t *testing.T) {
	left := make(chan struct{})
	s := eventServer(t, func(say func(string), r *http.Request) {
		say("event: connect\ndata: {\"session\":\"s\",\"heartbeatMs\":25000}\n\n")
		<-r.Context().Done()
		close(left)
	})
	c, ear, ended := follow(t, eventOptions(s))
	ear.hears(t, "connected")
	c.Close()
	if err := ends(t, ended); !errors.Is(err, client.ErrClosed) {
		t.Fatalf("got %v", err)
	}
	<-left
}
