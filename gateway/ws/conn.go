package ws

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
)

// maxWaiting is how many calls of one client may wait for the one under way.
// With more, nothing is read from the client until one is done.
const maxWaiting = 8

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

// read reads until the client leaves or has to.
func (c *conn) read() {
	defer c.session.Gone()
	why, err := c.receive()
	var left *websocket.CloseError
	switch {
	case why != 0:
	case errors.As(err, &left):
		return // Gone says goodbye
	case errors.Is(err, errTooFast):
		why = gateway.CloseTooFast
	case c.wire.verdict != 0: // a frame too big or malformed
		why = c.wire.verdict
	default:
		return // the connection is broken, or the session has ended
	}
	c.session.Close(why)
	discard(c.wire.Conn)
}

// discard reads and forgets what comes until the client closes or the session
// runs out of patience: closing over unread bytes would destroy the farewell.
func discard(conn net.Conn) {
	var buf [512]byte
	for {
		if _, err := conn.Read(buf[:]); err != nil {
			return
		}
	}
}

// receive reads messages and submits them, until there is a reason to close or
// an error.
func (c *conn) receive() (gateway.Close, error) {
	for {
		kind, r, err := c.socket.NextReader()
		if err != nil {
			return 0, err
		}
		if kind != websocket.TextMessage {
			return gateway.CloseUnsupported, nil
		}
		if !c.allow() {
			return gateway.CloseTooFast, nil
		}
		message, err := io.ReadAll(r)
		if err != nil {
			return 0, err
		}
		if !utf8.Valid(message) {
			return gateway.CloseBadText, nil
		}
		c.session.Heard()
		c.submit(message)
	}
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
