package ws

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// Subprotocol is what a client offers, or gets when it offers none.
const Subprotocol = "bongsu.v1.json"

// MaxMessage is the longest message that a client may send, in bytes.
const MaxMessage = 64 << 10

// Inbox answers what a person may ask of their timeline. *gateway.Inbox is one.
type Inbox interface {
	List(ctx context.Context, p *hub.Principal, params gateway.ListParams) (gateway.Page, error)
	Read(ctx context.Context, p *hub.Principal, params gateway.ReadParams) (gateway.Unread, error)
	Unread(ctx context.Context, p *hub.Principal) (gateway.Unread, error)
}

// Options configure the transport. Inbox is required; every other zero value
// stands for the default named beside it.
type Options struct {
	// Inbox answers the timeline calls.
	Inbox Inbox
	// Origins are the origins of web pages that may connect besides the server's own.
	Origins gateway.Origins
	// Peers returns the URLs of the cluster's nodes, whose pages may connect too;
	// it does not block. nil names none.
	Peers func() []string
	// Log gets failures that are not the client's; nil logs nothing.
	Log *slog.Logger
	// CallTimeout is how long a call may take (10 s).
	CallTimeout time.Duration
	// Rate is how many messages a second a client may send (50), Burst how many
	// at once (100). One that sends more is closed.
	Rate, Burst int
}

// readBuffer is small because clients say little, and holds any control frame.
const readBuffer = 256

// server is what all connections share.
type server struct {
	gateway  *gateway.Gateway
	options  Options
	upgrader websocket.Upgrader
}

// Handler returns the handler of WebSocket requests. Connections outlive their
// requests: they belong to the gateway.
func Handler(g *gateway.Gateway, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.CallTimeout = cmp.Or(o.CallTimeout, 10*time.Second)
	o.Rate = cmp.Or(o.Rate, 50)
	o.Burst = cmp.Or(o.Burst, 100)
	return &server{
		gateway: g,
		options: o,
		upgrader: websocket.Upgrader{
			HandshakeTimeout: 5 * time.Second,
			ReadBufferSize:   readBuffer,
			WriteBufferSize:  readBuffer,
			WriteBufferPool:  noPool{}, // the gateway writes, not the library
			Subprotocols:     []string{Subprotocol},
			CheckOrigin:      func(r *http.Request) bool { return o.Origins.Allow(r, o.Peers) },
			Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
				w.Header().Set("Sec-WebSocket-Version", "13")
				gateway.Refuse(w, status, reason.Error())
			},
		},
	}
}

// ServeHTTP upgrades the request and starts to read, or says why not.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if offered := offered(r); len(offered) > 0 && !slices.Contains(offered, Subprotocol) {
		gateway.Refuse(w, http.StatusBadRequest, "the subprotocol is "+Subprotocol)
		return
	}
	if err := s.gateway.Admit(); err != nil {
		gateway.Refuse(w, gateway.StatusOf(err), err.Error())
		return
	}
	hijacker := &hijacker{ResponseWriter: w}
	socket, err := s.upgrader.Upgrade(hijacker, r, nil)
	if err != nil {
		s.gateway.Dismiss()
		return
	}
	c := &conn{server: s, socket: socket, wire: hijacker.wire, bearer: strings.Clone(gateway.BearerToken(r))}
	c.room.L = &c.mu
	c.tokens = float32(s.options.Burst)
	c.refilled = time.Now()
	c.start()
}

// offered returns the subprotocols that the client offers, in one header or several.
func offered(r *http.Request) []string {
	const header = "Sec-Websocket-Protocol"
	lines := r.Header[header]
	if len(lines) == 0 {
		return nil
	}
	all := strings.Join(lines, ",")
	r.Header.Set(header, all)
	var names []string
	for name := range strings.SplitSeq(all, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// hijacker gives the WebSocket library a connection that we can stand between.
type hijacker struct {
	http.ResponseWriter
	wire *wire
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.wire = &wire{Conn: conn}
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &tcpWire{tcp, h.wire}, buffers, nil
	}
	return h.wire, buffers, nil
}

// tcpWire is a wire whose Read is that of the TCP connection itself, without a
// call in between: the stack of an idle reader has no room for one.
type tcpWire struct {
	*net.TCPConn
	wire *wire
}

func (w *tcpWire) Write(p []byte) (int, error)        { return w.wire.Write(p) }
func (w *tcpWire) SetWriteDeadline(t time.Time) error { return w.wire.SetWriteDeadline(t) }

// wire is the connection as the WebSocket library sees it. The library reads
// from it and writes the handshake; later on the session alone writes.
type wire struct {
	net.Conn
	upgraded bool
	verdict  gateway.Close // that of a close frame the library wanted to send
}

var errUpgraded = errors.New("only the session writes to an upgraded connection")

// Write writes the handshake. After it, the only frames that the library makes
// by itself are close frames: they are not sent, but say what is wrong.
func (w *wire) Write(p []byte) (int, error) {
	if !w.upgraded {
		return w.Conn.Write(p)
	}
	if len(p) >= 4 && p[0] == closeFrame {
		w.verdict = gateway.Close(uint16(p[2])<<8 | uint16(p[3]))
		return len(p), nil
	}
	return 0, errUpgraded
}

// SetWriteDeadline sets the deadline of the handshake; later ones are the session's.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.upgraded {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

// noPool keeps the library from holding write buffers: it has nothing to write.
type noPool struct{}

func (noPool) Get() any { return nil }
func (noPool) Put(any)  {}
