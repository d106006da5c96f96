package client

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"bongsu/internal/hub"
)

// Options say where a Client connects and how. Only URL and Token are required.
type Options struct {
	// URL is the hub's address with the scheme http, https, ws or wss. Without a
	// path the client adds its transport's: /ws, or /notifications for SSE. The
	// client goes to other addresses only if a hub named them in its answer to connect.
	URL string
	// Token returns the JWT to present. It is asked at every connect, so that an
	// expired token is replaced by a fresh one; it may block until ctx ends.
	Token func(ctx context.Context) (string, error)
	// Cursor is what has been seen already. The client copies it. A stream that
	// it does not name starts at its head.
	Cursor hub.Cursor
	// SSE follows over GET /notifications instead of a WebSocket. Calls then fail.
	SSE bool
	// DropSeen drops entries at or before the cursor. Off, everything that the
	// hub pushes is delivered, repeats included.
	DropSeen bool
	// SkipUnread passes over unread counts unparsed, for clients that only measure.
	SkipUnread bool
	// Backoff is the pause between two tries to connect.
	Backoff Backoff
	// ConnectTimeout is the most time one try to connect takes; 10 s by default.
	ConnectTimeout time.Duration
	// MaxMessage is the largest message accepted, in bytes; 64 MiB by default. A
	// larger one ends the connection.
	MaxMessage int64
	// ReadBuffer is the size of a WebSocket's own read buffer in bytes; 1,024 by
	// default, and 125 at least. Messages that are longer cost more system calls.
	ReadBuffer int
	// Pool shares buffers between many clients; nil gives the client its own.
	Pool *Pool
	// Dial opens the connection; nil uses a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is for https and wss; nil uses the system's roots.
	TLS *tls.Config
	// Header is sent with the handshake.
	Header http.Header
	// Log hears of connects and disconnects at debug level; nil is silent.
	Log *slog.Logger
}

// Backoff is a growing pause: Min, 2×Min, 4×Min … up to Max, of which a random half is
// taken off, so that clients cut off together do not come back together. It starts
// again at Min once a connection has lasted longer than Min. The first try at a node
// that has not failed yet comes after such a pause of Min.
type Backoff struct {
	// Min and Max bound the pause; 1 s and 30 s by default.
	Min, Max time.Duration
}

// pause returns how long to wait before try number attempt, which counts from 0.
func (b Backoff) pause(attempt int) time.Duration {
	d := b.Max
	if attempt < 32 && b.Min<<attempt < b.Max && b.Min<<attempt > 0 {
		d = b.Min << attempt
	}
	return d/2 + rand.N(d/2+1)
}

func (o Options) withDefaults() (Options, error) {
	if o.Token == nil {
		return o, hub.Invalidf("client: Options.Token is missing")
	}
	if o.Backoff.Min <= 0 {
		o.Backoff.Min = time.Second
	}
	if o.Backoff.Max <= 0 {
		o.Backoff.Max = 30 * time.Second
	}
	o.Backoff.Max = max(o.Backoff.Min, o.Backoff.Max)
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 64 << 20
	}
	if o.ReadBuffer <= 0 {
		o.ReadBuffer = 1024
	}
	if o.Pool == nil {
		o.Pool = NewPool()
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	address, err := endpoint(o.URL, o.SSE)
	o.URL = address
	return o, err
}

// endpoint turns the hub's address into that of the transport.
func endpoint(raw string, sse bool) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", hub.Invalidf("client: URL %q: want http://host:port or ws://host:port", raw)
	}
	schemes := map[string][2]string{
		"http": {"ws", "http"}, "ws": {"ws", "http"},
		"https": {"wss", "https"}, "wss": {"wss", "https"},
	}
	pair, known := schemes[u.Scheme]
	if !known {
		return "", hub.Invalidf("client: URL %q: the scheme is not http, https, ws or wss", raw)
	}
	path := "/ws"
	u.Scheme = pair[0]
	if sse {
		path, u.Scheme = "/notifications", pair[1]
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = path
	}
	return u.String(), nil
}
