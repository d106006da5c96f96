package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bongsu/internal/hub"
)

// Client follows one person's streams. Its methods may be called from any
// goroutine; Run by one, once.
type Client struct {
	opts Options

	mu      sync.Mutex // guards what follows
	link    link       // nil while not connected
	closed  bool
	cancel  context.CancelCauseFunc  // ends Run; nil before it
	nextID  uint64                   // of calls
	pending map[uint64]chan *message // calls that wait for an answer
	first   *Session                 // what Dial got, until Run has told it

	// nodes is used by the goroutine that connects alone.
	nodes *nodes

	// cursor is written under mu by the goroutine that connects and reads, which
	// itself reads it without.
	cursor map[hub.Stream]*place
}

// place is a cursor's entry. It holds the stream's name so that a message's bytes
// find it without a copy.
type place struct {
	stream hub.Stream
	seq    uint64
}

// link is one connection. next reads and hands on one message, or returns why the
// connection is over; write may be called beside it.
type link interface {
	next(c *Client, h Handler) error
	write(frame []byte) error
	// close ends the connection, politely or as a broken cable would.
	close(polite bool)
}

// Dial connects to Options.URL and returns a client whose session has begun; Run
// then delivers what the hub pushes. The error is that of this one try: a *Closed
// or an *Error where the hub refused, hub.ErrInvalid for bad options.
func Dial(ctx context.Context, opts Options) (*Client, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		opts: opts, cursor: make(map[hub.Stream]*place, len(opts.Cursor)), nodes: newNodes(opts.URL, opts.SSE),
	}
	for stream, seq := range opts.Cursor {
		c.cursor[stream] = &place{stream, seq}
	}
	c.opts.Cursor = nil // the copy is the truth from here on
	session, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	c.first = session
	return c, nil
}

// Run delivers to h until ctx ends, Close is called or the hub says not to come
// back, and reconnects in between: where a node has failed to the others that it
// has named. It returns the cause of ctx's end, ErrClosed, or the *Closed or *Error
// that ended it. The first call of h is State.
func (c *Client) Run(ctx context.Context, h Handler) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	session := c.start(cancel)
	stop := context.AfterFunc(ctx, c.hangUp)
	defer stop()
	for attempt := 0; ; attempt++ {
		lasted, err := c.serve(ctx, h, session)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if ctx.Err() != nil || permanent(err) {
			h.State(State{Err: err})
			return err
		}
		if lasted > c.opts.Backoff.Min {
			attempt = 0
			c.nodes.lasted()
		}
		pause := c.opts.Backoff.pause(attempt)
		if c.nodes.leave(err) {
			pause = c.opts.Backoff.pause(0)
		}
		h.State(State{Err: err, Retry: pause})
		sleep(ctx, pause)
		session = nil
	}
}

// start notes how to end Run and returns the session that Dial began.
func (c *Client) start(cancel context.CancelCauseFunc) *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	session := c.first
	c.first, c.cancel = nil, cancel
	if c.closed {
		cancel(ErrClosed)
	}
	return session
}

// serve runs one connection from connect, unless there is a session already, to
// its end. It returns how long it lasted and why it ended.
func (c *Client) serve(ctx context.Context, h Handler, session *Session) (time.Duration, error) {
	if session == nil {
		var err error
		if session, err = c.connect(ctx); err != nil {
			return 0, err
		}
	}
	l := c.current()
	began := time.Now()
	h.State(State{Connected: true, Session: session})
	var err error
	for err == nil && ctx.Err() == nil { // what is still buffered after Close is not delivered
		err = l.next(c, h)
	}
	c.drop(l)
	return time.Since(began), err
}

// connect opens a link and makes it the client's.
func (c *Client) connect(ctx context.Context) (*Session, error) {
	trying, cancel := context.WithTimeout(ctx, c.opts.ConnectTimeout)
	defer cancel()
	token, err := c.opts.Token(trying)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoToken, err)
	}
	open := openSocket
	if c.opts.SSE {
		open = openEvents
	}
	l, session, err := open(trying, c, c.nodes.current, token)
	if err != nil {
		c.opts.Log.Debug("cannot connect", "url", c.nodes.current, "err", err)
		return nil, err
	}
	c.opts.Log.Debug("connected", "url", c.nodes.current, "session", session.ID, "node", session.Node)
	c.nodes.learn(session.Nodes)
	return session, c.adopt(ctx, l, session)
}

// adopt makes l the client's link, unless ctx has ended. Streams that the cursor
// does not name start at their head: from now on the cursor says so, or else a
// connection that breaks before their first entry would skip what comes meanwhile.
func (c *Client) adopt(ctx context.Context, l link, session *Session) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		l.close(true)
		return context.Cause(ctx)
	}
	c.link = l
	for _, s := range session.Streams {
		if c.cursor[s.Stream] == nil {
			c.cursor[s.Stream] = &place{s.Stream, s.Head}
		}
	}
	return nil
}

// Cursor returns a copy of what has been delivered so far.
func (c *Client) Cursor() hub.Cursor {
	c.mu.Lock()
	defer c.mu.Unlock()
	cursor := make(hub.Cursor, len(c.cursor))
	for stream, p := range c.cursor {
		cursor[stream] = p.seq
	}
	return cursor
}

// Close ends the connection politely, and Run with it.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel(ErrClosed)
	}
	c.hangUp()
}

// hangUp ends the current connection, if there is one, politely.
func (c *Client) hangUp() {
	if l := c.current(); l != nil {
		l.close(true)
	}
}

// Drop cuts the connection as a broken network would, without a goodbye. Run
// then reconnects and resumes.
func (c *Client) Drop() {
	if l := c.current(); l != nil {
		l.close(false)
	}
}

func (c *Client) current() link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// drop forgets the link that has ended and fails the calls that wait on it.
func (c *Client) drop(l link) {
	l.close(false)
	c.mu.Lock()
	pending := c.pending
	c.link, c.pending = nil, nil
	c.mu.Unlock()
	for _, answer := range pending {
		close(answer)
	}
}

// deliver hands on one entry and moves the cursor after it.
func (c *Client) deliver(h Handler, name []byte, seq uint64, raw []byte) {
	p := c.cursor[hub.Stream(name)]
	if p == nil {
		p = c.move(hub.Stream(name), 0)
	}
	if seq <= p.seq && c.opts.DropSeen {
		return
	}
	h.Entry(p.stream, seq, raw)
	if seq > p.seq {
		c.mu.Lock()
		p.seq = seq
		c.mu.Unlock()
	}
}

// move puts a stream's place anywhere, back too.
func (c *Client) move(stream hub.Stream, seq uint64) *place {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &place{stream, seq}
	c.cursor[stream] = p
	return p
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

var (
	errNoCalls = errors.New("client: calls need a WebSocket; this client follows over SSE")
	errNoToken = errors.New("client: no token")
)
