package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// How long a client may keep a connection busy. Sockets and streams take the
// connection over, and with it the time-outs end.
const (
	// headerTimeout is for a request's head, requestTimeout for the body too,
	// also of a request whose body nobody reads.
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second
	// answerTimeout is for the answer, from the end of the head on.
	answerTimeout = time.Minute
	// idleTimeout is how long a connection may wait for its next request.
	idleTimeout = 2 * time.Minute
	// politeness is how long a stop waits for requests that wait for something else,
	// before they are told to give up.
	politeness = time.Second
)

// server is the node's HTTP listener. It answers from the first moment: until
// open is called everything but liveness is told to come back.
type server struct {
	listener net.Listener
	http     *http.Server
	handler  atomic.Pointer[http.Handler]
	failed   chan error
	giveUp   context.CancelFunc // ends the requests' contexts
}

// listen binds addr, so that a taken port is known before anything is started.
func listen(ctx context.Context, addr string, log *slog.Logger) (*server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return newServer(listener, log), nil
}

func newServer(listener net.Listener, log *slog.Logger) *server {
	ctx, giveUp := context.WithCancel(context.Background()) //nolint:gosec // shutdown calls it
	s := &server{listener: listener, failed: make(chan error, 1), giveUp: giveUp}
	s.http = &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s
}

// serve answers until the server is shut down.
func (s *server) serve() {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.failed <- err
	}
}

// shutdown takes no more requests, and waits a moment for the answers to those that are
// there. Who says nothing on a connection, or reads nothing, holds up nobody.
func (s *server) shutdown(ctx context.Context) error {
	timer := time.AfterFunc(politeness, s.giveUp)
	defer timer.Stop()
	ctx, cancel := context.WithTimeout(ctx, 2*politeness)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

func (s *server) addr() string { return s.listener.Addr().String() }

func (s *server) open(handler http.Handler) { s.handler.Store(&handler) }

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler := s.handler.Load(); handler != nil {
		(*handler).ServeHTTP(w, r)
		return
	}
	if r.URL.Path == "/healthz" {
		alive(w, r)
		return
	}
	w.Header().Set("Retry-After", "1")
	http.Error(w, "starting: waiting for Kafka and the timeline", http.StatusServiceUnavailable)
}

// alive answers that the process lives.
func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// ready answers whether the node is fit for traffic, and if not, why.
func ready(why func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := why(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("not ready: " + err.Error() + "\n"))
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	}
}
