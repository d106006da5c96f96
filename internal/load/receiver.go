package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"bongsu/internal/client"
	"bongsu/internal/hub"
)

const (
	// readBuffer is what an idle connection holds.
	readBuffer = 512
	// dialTries is how often a connection is tried at first; a hub that is being
	// flooded may turn one away.
	dialTries = 5
	// handshakes is how many connections may be half open at once.
	handshakes = 256
)

// receiver is one connection and what it expects.
type receiver struct {
	crowd    *crowd
	number   int
	client   *client.Client
	trackers [3]tracker // all, mall, admin: used by the client's goroutine only
	begun    bool       // has had a session
	up       bool       // has one now

	mu  sync.Mutex
	cut time.Time // when a storm cut the connection; zero when it is up
}

// Entry accounts for one delivery.
func (r *receiver) Entry(stream hub.Stream, seq uint64, raw []byte) {
	c := r.crowd
	if c.isSlow(r.number) {
		<-c.release
	}
	now := c.clock()
	verdict := r.judge(stream, seq)
	at, ours := stamp(c.mark, raw)
	part := c.boardOf(r.number).part(r.number)
	part.mu.Lock()
	defer part.mu.Unlock()
	switch verdict {
	case afterHole:
		part.counts.holes++
	case late:
		part.counts.late++
	case duplicate:
		if ours {
			part.counts.duplicates++
		}
	case inOrder:
	}
	if !ours {
		return
	}
	part.counts.received++
	part.counts.bytes += uint64(len(raw))
	part.counts.lastAt = now
	record(part.latency, now-at)
}

func (r *receiver) judge(stream hub.Stream, seq uint64) arrival {
	for i := range r.trackers {
		if r.trackers[i].stream == stream {
			return r.trackers[i].arrive(seq)
		}
	}
	return inOrder // a stream that this tool does not publish to
}

// Unread is never called: the client passes counts over.
func (r *receiver) Unread(client.Unread) {}

// Gap notes what the hub says it leaves out.
func (r *receiver) Gap(gap client.Gap) {
	for i := range r.trackers {
		if r.trackers[i].stream == gap.Stream {
			part := r.crowd.boardOf(r.number).part(r.number)
			part.mu.Lock()
			part.counts.gaps++
			part.counts.skipped += r.trackers[i].skip(gap.To)
			part.mu.Unlock()
		}
	}
}

// State notes where the streams stand at first, and what becomes of the connection.
func (r *receiver) State(state client.State) {
	if !state.Connected {
		if r.up {
			r.up = false
			r.crowd.lost(r, state.Err)
		}
		return
	}
	r.up = true
	if !r.begun {
		r.begun = true
		for i, s := range state.Session.Streams[:min(3, len(state.Session.Streams))] {
			r.trackers[i] = tracker{stream: s.Stream, last: s.Head}
		}
	}
	r.crowd.connected(r)
}

// crowd is all connections of a run.
type crowd struct {
	people
	config  *Config
	pool    *client.Pool
	began   time.Time // the run's clock counts from here
	mark    []byte
	counted *board // of those that read
	slow    *board // of those that do not
	release chan struct{}
	free    sync.Once // closes release
	running sync.WaitGroup

	mu        sync.Mutex
	receivers []*receiver
	up        int
	closes    map[string]int // why connections ended, storms and the slow aside
	// slowClosed is how often one of the slow was disconnected.
	slowClosed int
	storm      *storm // the one that is going on
}

func newCrowd(c *Config, run string) *crowd {
	return &crowd{
		people: people{c.Connections, c.Slow, c.Malls}, config: c, pool: client.NewPool(),
		began: time.Now(), mark: markOf(run), counted: newBoard(), slow: newBoard(),
		release: make(chan struct{}), closes: map[string]int{},
	}
}

// clock returns the time since the run began; it never goes back.
func (c *crowd) clock() time.Duration { return time.Since(c.began) }

func (c *crowd) boardOf(number int) *board {
	if c.isSlow(number) {
		return c.slow
	}
	return c.counted
}

// open connects everybody and returns when all are connected. Connections live
// until ctx ends.
func (c *crowd) open(ctx context.Context, say func(format string, args ...any)) error {
	failed := make(chan error, 1)
	gate := make(chan struct{}, handshakes)
	pace := newPace(float64(c.config.Ramp))
	for i := range c.connections {
		if err := pace.wait(ctx); err != nil {
			return err
		}
		select {
		case gate <- struct{}{}:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		c.running.Go(func() { c.hold(ctx, i, gate, failed) })
		if (i+1)%2000 == 0 {
			say("%d connections opened", i+1)
		}
	}
	for c.connectedNow() < c.connections {
		select {
		case err := <-failed:
			return err
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// hold opens one connection, leaves the gate, and serves it until ctx ends.
func (c *crowd) hold(ctx context.Context, number int, gate <-chan struct{}, failed chan<- error) {
	r := &receiver{crowd: c, number: number}
	options, err := c.options(number)
	if err == nil {
		r.client, err = dial(ctx, options)
	}
	<-gate
	if err != nil {
		select {
		case failed <- fmt.Errorf("load: connection %d: %w", number, err):
		default: // the first failure is told
		}
		return
	}
	c.mu.Lock()
	c.receivers = append(c.receivers, r)
	c.mu.Unlock()
	_ = r.client.Run(ctx, r) // State has been told why it ended
}

func (c *crowd) options(number int) (client.Options, error) {
	token, err := c.config.Token(c.principal(number))
	if err != nil {
		return client.Options{}, err
	}
	options := client.Options{
		URL: c.config.URL, Pool: c.pool, ReadBuffer: readBuffer, SkipUnread: true,
		Token:          func(context.Context) (string, error) { return token, nil },
		Backoff:        client.Backoff{Min: 20 * time.Millisecond, Max: 2 * time.Second},
		ConnectTimeout: 30 * time.Second,
	}
	if c.isSlow(number) {
		options.Dial = dialSmall
	}
	return options, nil
}

// dialSmall opens a connection that holds little unread.
func dialSmall(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4096) // a larger one only makes the slow less slow
	}
	return conn, err
}

func dial(ctx context.Context, options client.Options) (*client.Client, error) {
	var err error
	for try := range dialTries {
		var c *client.Client
		if c, err = client.Dial(ctx, options); err == nil {
			return c, nil
		}
		if !hub.Temporary(err) || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Duration(try+1) * 200 * time.Millisecond)
	}
	return nil, err
}

func (c *crowd) connectedNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up
}

// lost notes the end of a connection, unless a storm or the run's end cut it.
func (c *crowd) lost(r *receiver, err error) {
	r.mu.Lock()
	cut := !r.cut.IsZero()
	r.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up--
	switch {
	case cut, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case c.isSlow(r.number):
		c.slowClosed++
	default:
		c.closes[reason(err)]++
	}
}
