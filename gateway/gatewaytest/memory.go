package gatewaytest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc/test/bufconn"
)

// room is how many bytes a connection in memory takes before its writer has to wait.
const room = 64 << 10

// A Way is how a test serves a handler until it ends.
type Way func(t testing.TB, handler http.Handler) *httptest.Server

// BySockets serves the handler at an address.
func BySockets(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// InMemory serves the handler without sockets: only the server's Client and its Dialer
// reach it. In a bubble of synctest no time passes while anybody has something to do, so
// that it does not matter how slow the machine is.
func InMemory(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	listener := bufconn.Listen(room)
	server := &httptest.Server{
		Listener: listener,
		Config:   &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute},
	}
	// Between two requests on a connection the server sets a deadline that is over, and
	// takes it back, which bufconn may mix up.
	server.Config.SetKeepAlivesEnabled(false)
	server.Start()
	transport(server).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}
	t.Cleanup(server.Close)
	return server
}

// Dialer returns what connects WebSockets to the server, in memory or not.
func Dialer(server *httptest.Server) *websocket.Dialer {
	return &websocket.Dialer{NetDialContext: transport(server).DialContext}
}

func transport(server *httptest.Server) *http.Transport {
	return server.Client().Transport.(*http.Transport)
}
