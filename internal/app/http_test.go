package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose clients are at the other end of a net.Pipe, which
// knows deadlines and runs on a test's own clock.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }

func (pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// visit opens a connection to a server of the handler and sends a request on it.
func visit(t *testing.T, handler http.HandlerFunc, request string) (net.Conn, *server) {
	t.Helper()
	listener := make(pipes, 1)
	s := newServer(listener, slog.New(slog.DiscardHandler))
	s.open(handler)
	go s.serve()
	client, server := net.Pipe()
	t.Cleanup(func() {
		_ = client.Close()
		if err := s.http.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	listener <- server
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	return client, s
}

func TestAConnectionIsClosed(t *testing.T) {
	const head = "POST /nothing HTTP/1.1\r\nHost: bongsu\r\n"
	for name, one := range map[string]struct {
		request string
		handler http.HandlerFunc
		within  time.Duration
	}{
		"whose head does not end":                {head, http.NotFound, headerTimeout},
		"whose body nobody reads and none sends": {head + "Content-Length: 1000\r\n\r\nx", http.NotFound, requestTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := visit(t, one.handler, one.request)
				start := time.Now()
				if _, err := io.Copy(io.Discard, client); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took > one.within+time.Second {
					t.Errorf("it took %v, want at most %v", took, one.within)
				}
			})
		})
	}
}

func TestARequestThatWaitsHoldsUpNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gaveUp := make(chan struct{})
		client, s := visit(t, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(http.StatusServiceUnavailable)
			close(gaveUp)
		}, "GET / HTTP/1.1\r\nHost: bongsu\r\n\r\n")
		go func() { _, _ = io.Copy(io.Discard, client) }()
		synctest.Wait()
		started := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), partPatience)
		defer cancel()
		if err := s.shutdown(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(started); took > politeness+time.Second {
			t.Errorf("it took %v", took)
		}
		<-gaveUp
	})
}

func TestAClientThatDoesNotReadItsAnswerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrote := make(chan error, 1)
		visit(t, func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, strings.Repeat("x", 1<<20))
			wrote <- err
		}, "GET / HTTP/1.1\r\nHost: bongsu\r\n\r\n")
		start := time.Now()
		if err := <-wrote; err == nil {
			t.Error("the answer was written, want an error")
		}
		if took := time.Since(start); took > answerTimeout+time.Second {
			t.Errorf("it took %v, want at most %v", took, answerTimeout)
		}
	})
}

func TestAConnectionThatWasTakenOverHasNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := make(chan net.Conn, 1)
		client, _ := visit(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
			}
			taken <- conn
		}, "GET /ws HTTP/1.1\r\nHost: bongsu\r\n\r\n")
		conn := <-taken
		time.Sleep(10 * idleTimeout) // on the test's own clock
		go func() { _, _ = io.WriteString(client, "x") }()
		if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}
