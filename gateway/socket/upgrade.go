package socket

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
)

// readBuffer is small because clients say little, and holds any control frame.
const readBuffer = 256

// Options say who may connect and how much a client may say.
type Options struct {
	// Origins are the origins of web pages that may connect besides the server's own.
	Origins gateway.Origins
	// Peers returns the URLs of the cluster's nodes, whose pages may connect too;
	// it does not block. nil names none.
	Peers func() []string
	// Subprotocols are those to choose from, the best first. With none, or for a
	// client that offers none, the connection has none.
	Subprotocols []string
	// MaxMessage is the longest message that a client may send, in bytes.
	MaxMessage int64
	// Rate is how many messages a second a client may send, control frames
	// included, Burst how many at once. One that sends more is closed.
	Rate, Burst int
}

// Upgrader makes WebSocket connections of requests. It is safe for use by
// several goroutines at once.
type Upgrader struct {
	options  Options
	upgrader websocket.Upgrader
}

// NewUpgrader returns an Upgrader. All options but Peers, Origins and
// Subprotocols are required.
func NewUpgrader(o Options) *Upgrader {
	return &Upgrader{options: o, upgrader: websocket.Upgrader{
		HandshakeTimeout: 5 * time.Second,
		ReadBufferSize:   readBuffer,
		WriteBufferSize:  readBuffer,
		WriteBufferPool:  noPool{}, // the gateway writes, not the library
		Subprotocols:     o.Subprotocols,
		CheckOrigin:      func(r *http.Request) bool { return o.Origins.Allow(r, o.Peers) },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			w.Header().Set("Sec-WebSocket-Version", "13")
			gateway.Refuse(w, status, reason.Error())
		},
	}}
}

// Upgrade makes a connection, to be started with Accept and Read. When it fails
// the request has been answered.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	Offered(r) // the library reads only the first of several headers
	hijacker := &hijacker{ResponseWriter: w}
	socket, err := u.upgrader.Upgrade(hijacker, r, nil)
	if err != nil {
		return nil, err
	}
	socket.SetReadLimit(u.options.MaxMessage)
	c := &Conn{socket: socket, wire: hijacker.wire, rate: NewBucket(u.options.Rate, u.options.Burst)}
	c.wire.upgraded = true
	socket.SetPingHandler(c.onPing)
	socket.SetPongHandler(c.onPong)
	return c, nil
}

// Offered returns the subprotocols that the client offers, in one header or
// several, which it joins to one in r.
func Offered(r *http.Request) []string {
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
	if len(p) >= 4 && p[0] == CloseFrame {
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
