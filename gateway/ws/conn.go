package ws

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
)

// maxWaiting is how many calls of one client may wait for the one under way.
// With more, nothing is read from the client until one is done.
const maxWaiting = 8

// maxForgotten is how many bytes are read from a client after its farewell.
const maxForgotten = 16 << 20

// conn reads one client's messages. While it is idle it costs one goroutine
// with a small stack: calls, which need a large one, run in a goroutine that
// lasts as long as there are calls, one at a time and in order.
type conn struct {
	server  *server
	socket  *websocket.Conn
	wire    *wire
	session *gateway.Session
	bearer  string // the token of the request's header, until it is used

	// The reader's own.
	tokens   float32 // messages that may come now
	refilled time.Time

	mu      sync.Mutex
	room    sync.Cond
	calls   [][]byte
	running bool
	closed  bool
	cancel  context.CancelFunc // of the call under way
}

// start gives the connection to the gateway and begins to read.
func (c *conn) start() {
	c.wire.upgraded = true
	c.socket.SetReadLimit(MaxMessage)
	c.socket.SetPingHandler(c.onPing)
	c.socket.SetPongHandler(c.onPong)
	c.session = c.server.gateway.Accept(gateway.Accepted{
		Conn:     c.wire.Conn,
		Protocol: protocol{},
		Answers:  true,
		OnClose:  c.abandon,
	})
	go c.read()
}

var errTooFast = errors.New("the client sends too fast")

func (c *conn) onPing(data string) error {
	if !c.allow() {
		return errTooFast
	}
	c.session.Heard()
	c.session.Send(appendFrame(nil, pongFrame, []byte(data)))
	return nil
}

func (c *conn) onPong(string) error {
	if !c.allow() {
		return errTooFast
	}
	c.session.Heard()
	return nil
}

// allow takes one of the client's message tokens, if there is one.
func (c *conn) allow() bool {
	o := &c.server.options
	now := time.Now()
	c.tokens = min(float32(o.Burst), c.tokens+float32(now.Sub(c.refilled).Seconds())*float32(o.Rate))
	c.refilled = now
	if c.tokens < 1 {
		return false
	}
	c.tokens--
	return true
}

// read reads until the client leaves or has to. Its stack and that of what it
// calls while it waits fit into the smallest there is, which with many idle
// connections is a third of their memory: keep the frames small.
func (c *conn) read() {
	for {
		if kind, r, err := c.socket.NextReader(); !c.received(kind, r, err) {
			return
		}
	}
}

// received takes one message, or what came instead of one, and reports whether
// to go on.
func (c *conn) received(kind int, r io.Reader, err error) bool {
	var message []byte
	switch {
	case err != nil:
		return c.failed(err)
	case kind != websocket.TextMessage:
		return c.expel(gateway.CloseUnsupported)
	case !c.allow():
		return c.expel(gateway.CloseTooFast)
	}
	if message, err = readAll(r); err != nil {
		return c.failed(err)
	}
	if !utf8.Valid(message) {
		return c.expel(gateway.CloseBadText)
	}
	c.session.Heard()
	c.submit(message)
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
func (c *conn) failed(err error) bool {
	var left *websocket.CloseError
	switch {
	case errors.As(err, &left): // Gone says goodbye
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
func (c *conn) expel(why gateway.Close) bool {
	c.session.Close(why)
	_, _ = io.Copy(io.Discard, io.LimitReader(c.wire.Conn, maxForgotten))
	c.session.Gone()
	return false
}

// submit lets a message be answered after those before it. It waits while too
// many are ahead.
func (c *conn) submit(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.calls) >= maxWaiting && !c.closed {
		c.room.Wait()
	}
	if c.closed {
		return
	}
	c.calls = append(c.calls, message)
	if !c.running {
		c.running = true
		go c.work()
	}
}

// work answers messages until none is left.
func (c *conn) work() {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), c.server.options.CallTimeout)
		message, ok := c.nextCall(cancel)
		if ok {
			c.answer(ctx, message)
			c.session.Heard() // it was us who kept the client from being heard
		}
		cancel()
		if !ok {
			return
		}
	}
}

// nextCall takes the next message. cancel ends its call early if the session ends.
func (c *conn) nextCall(cancel context.CancelFunc) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) == 0 || c.closed {
		c.calls, c.cancel, c.running = nil, nil, false
		return nil, false
	}
	message := c.calls[0]
	c.calls[0] = nil
	c.calls = c.calls[1:]
	c.cancel = cancel
	c.room.Signal()
	return message, true
}

// abandon ends the call under way and drops those that wait.
func (c *conn) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.calls = nil
	if c.cancel != nil {
		c.cancel()
	}
	c.room.Broadcast()
}
