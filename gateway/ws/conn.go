package ws

import (
	"context"
	"sync"

	"bongsu/gateway"
)

// maxWaiting is how many calls of one client may wait for the one under way.
// With more, nothing is read from the client until one is done.
const maxWaiting = 8

// conn answers one client's messages. While it is idle it costs one goroutine
// with a small stack: calls, which need a large one, run in a goroutine that
// lasts as long as there are calls, one at a time and in order.
type conn struct {
	server  *server
	session *gateway.Session
	bearer  string // the token of the request's header, until it is used

	mu      sync.Mutex
	room    sync.Cond
	calls   [][]byte
	running bool
	closed  bool
	cancel  context.CancelFunc // of the call under way
}

// received takes one message.
func (c *conn) received(message []byte) gateway.Close {
	c.submit(message)
	return 0
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
