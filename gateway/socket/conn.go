package socket

import (
	"errors"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
)

// maxForgotten is how many bytes are read from a client after its farewell.
const maxForgotten = 16 << 20

// Patience is how long a client that is alive takes at most to answer a ping.
const Patience = 3 * time.Second

// Conn is an upgraded connection. Accept makes it a session's, then Read reads it.
type Conn struct {
	socket  *websocket.Conn
	wire    *wire
	session *gateway.Session

	// The reader's own.
	receive  func(message []byte) gateway.Close
	answered func(text string)
	left     func()
	rate     Bucket
}

// Subprotocol returns the one that was chosen, "" for none.
func (c *Conn) Subprotocol() string { return c.socket.Subprotocol() }

// Accept makes the session that the connection is from now on. Its place is one
// that the gateway has admitted. onClose is gateway.Accepted's OnClose.
func (c *Conn) Accept(g *gateway.Gateway, p gateway.Protocol, onClose func()) *gateway.Session {
	c.session = g.Accept(gateway.Accepted{Conn: c.wire.Conn, Protocol: p, Answers: true, OnClose: onClose})
	return c.session
}

// Observe has answered called with what each pong carries, and left when the client's
// page goes away. It is called before Read.
func (c *Conn) Observe(answered func(text string), left func()) {
	c.answered, c.left = answered, left
}

// Read reads until the client leaves or has to, and then tells the session. Each
// text message, which is valid UTF-8, is given to receive, which owns it; a code
// other than 0 closes the session. Messages that break the limits do, too.
//
// Its stack and that of what it calls while it waits fit into the smallest there
// is, which with many idle connections is a third of their memory: keep the
// frames small.
func (c *Conn) Read(receive func(message []byte) gateway.Close) {
	c.receive = receive
	for {
		if kind, r, err := c.socket.NextReader(); !c.received(kind, r, err) {
			return
		}
	}
}

var errTooFast = errors.New("the client sends too fast")

func (c *Conn) onPing(data string) error {
	if !c.rate.Allow() {
		return errTooFast
	}
	c.session.Heard()
	c.session.Send(AppendFrame(nil, PongFrame, []byte(data)))
	return nil
}

func (c *Conn) onPong(text string) error {
	if !c.rate.Allow() {
		return errTooFast
	}
	c.session.Heard()
	if c.answered != nil {
		c.answered(text)
	}
	return nil
}

// received takes one message, or what came instead of one, and reports whether
// to go on.
func (c *Conn) received(kind int, r io.Reader, err error) bool {
	var message []byte
	switch {
	case err != nil:
		return c.failed(err)
	case kind != websocket.TextMessage:
		return c.expel(gateway.CloseUnsupported)
	case !c.rate.Allow():
		return c.expel(gateway.CloseTooFast)
	}
	if message, err = readAll(r); err != nil {
		return c.failed(err)
	}
	if !utf8.Valid(message) {
		return c.expel(gateway.CloseBadText)
	}
	c.session.Heard()
	if why := c.receive(message); why != 0 {
		return c.expel(why)
	}
	return true
}

// readAll reads a message, whose size is limited. It is io.ReadAll with less stack.
func readAll(r io.Reader) ([]byte, error) {
	message := make([]byte, 0, 512)
	for {
		n, err := r.Read(message[len(message):cap(message)])
		message = message[:len(message)+n]
		if err == io.EOF {
			return message, nil
		}
		if err != nil {
			return nil, err
		}
		if len(message) == cap(message) {
			message = slices.Grow(message, len(message))
		}
	}
}

// failed ends a connection from which nothing more can be read.
func (c *Conn) failed(err error) bool {
	var goodbye *websocket.CloseError
	switch {
	case errors.As(err, &goodbye): // Gone answers it
		// A script that closes a connection may do so because it misses something.
		if c.left != nil && goodbye.Code == websocket.CloseGoingAway {
			c.left()
		}
	case errors.Is(err, errTooFast):
		return c.expel(gateway.CloseTooFast)
	case c.wire.verdict != 0: // a frame too big or malformed
		return c.expel(c.wire.verdict)
	}
	c.session.Gone()
	return false
}

// expel closes the session of a client that broke the rules. Closing the
// connection over unread bytes would destroy the farewell: what still comes is
// read and forgotten until the client closes or the session's patience ends.
func (c *Conn) expel(why gateway.Close) bool {
	c.session.Close(why)
	_, _ = io.Copy(io.Discard, io.LimitReader(c.wire.Conn, maxForgotten))
	c.session.Gone()
	return false
}
