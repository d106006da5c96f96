package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"runtime"
	"sync"
	"sync/atomic"

	"bongsu/internal/hub"
)

// joinsAtOnce is how many read marks are asked for at the same time.
const joinsAtOnce = 512

// Gateway holds the sessions of one node and gives them what the core pushes: it
// is the core's hub.Follower. Create it with New, give it the core with Start, then
// accept connections; end with Drain and Close.
type Gateway struct {
	options Options
	metrics *metrics
	nonce   string // tells this node's sessions from all others
	clock   clock
	ids     atomic.Uint64
	queue   *readyQueue
	tender  *tender
	feeds   *feeds
	joins   chan struct{}

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	core     atomic.Pointer[Core]
	draining atomic.Bool
	work     sync.WaitGroup

	connections atomic.Int64 // admitted
	waiting     atomic.Int64 // admitted and not open
	anonymous   atomic.Int64 // open, of nobody's token
	slowBytes   atomic.Int64 // kept for blocked sockets

	mu       sync.Mutex
	sessions []*Session
	freed    chan struct{} // closed when the last session is gone; nil unless somebody waits
}

// New returns a gateway that has no core yet and accepts nobody. It fails when
// metrics cannot be registered.
func New(o Options) (*Gateway, error) {
	o = o.withDefaults()
	if o.Auth == nil {
		return nil, hub.Invalidf("gateway: an Authenticator is required")
	}
	var nonce [6]byte
	_, _ = rand.Read(nonce[:]) // crypto/rand never fails
	g := &Gateway{options: o, nonce: hex.EncodeToString(nonce[:]), clock: newClock(), queue: newReadyQueue()}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.tender = newTender(g.ctx, g.clock, o.Log)
	g.feeds = newFeeds(g.queue, g.tender)
	g.joins = make(chan struct{}, joinsAtOnce)
	var err error
	if g.metrics, err = newMetrics(g, o.Metrics); err != nil {
		g.cancel()
		return nil, err
	}
	return g, nil
}

// Start gives the gateway its core and lets it accept connections. It is called once.
func (g *Gateway) Start(core Core) {
	g.tender.core = core
	g.core.Store(&core)
	for range max(2, runtime.GOMAXPROCS(0)) {
		w := &writer{gateway: g, buf: make([]byte, 0, 2*flushBytes)}
		g.work.Go(w.run)
	}
	g.work.Go(g.sweep)
}

// attached returns the core. The error wraps hub.ErrUnavailable.
func (g *Gateway) attached() (Core, error) {
	core := g.core.Load()
	if core == nil {
		return nil, hub.Unavailablef("the node is starting")
	}
	return *core, nil
}

// Close ends the gateway at once: connections are dropped without a farewell,
// which Drain is for. It waits for the gateway's goroutines.
func (g *Gateway) Close() {
	g.draining.Store(true)
	g.cancel()
	for _, s := range g.list() {
		s.Close(CloseRestarting)
		_ = s.conn.Close()
	}
	g.queue.close()
	g.work.Wait()
}

var errStopping = hub.Unavailablef("the node is about to stop")

// Admit takes a place for a connection. The error wraps hub.ErrUnavailable: the
// node is stopping, or full. Each place is given to Accept, or back with Dismiss.
func (g *Gateway) Admit() error {
	if g.draining.Load() {
		return errStopping
	}
	if _, err := g.attached(); err != nil {
		return err
	}
	if g.connections.Add(1) > int64(g.options.Sessions) {
		g.connections.Add(-1)
		return hub.Unavailablef("the node has as many connections as it may have")
	}
	if g.waiting.Add(1) > int64(g.options.Pending) {
		g.Dismiss()
		return hub.Unavailablef("too many connections at once")
	}
	return nil
}

// Connections returns how many connections there are, those without a session yet
// included.
func (g *Gateway) Connections() int64 { return g.connections.Load() }

// Dismiss gives back a place that Admit has given.
func (g *Gateway) Dismiss() {
	g.connections.Add(-1)
	g.waiting.Add(-1)
}

// Accepted describes a connection that is given to Accept.
type Accepted struct {
	// Conn is written and closed by the session from now on.
	Conn net.Conn
	// Protocol is how to write to it.
	Protocol Protocol
	// Answers says that the client answers heartbeats, so that one that is not
	// heard of is gone.
	Answers bool
	// OnClose is called once when the session begins to end; it must not block.
	// It may be nil.
	OnClose func()
}

// Accept makes a session, which is not open yet, of a connection whose place
// Admit has given. A session that is not opened in time is closed.
func (g *Gateway) Accept(a Accepted) *Session {
	now := g.clock.now()
	s := &Session{
		gateway:  g,
		conn:     a.Conn,
		raw:      rawConn(a.Conn),
		protocol: a.Protocol,
		onClose:  a.OnClose,
		id:       g.ids.Add(1),
		since:    now,
		wrote:    now,
		beaten:   now,
	}
	if a.Answers {
		s.heard.Store(now)
	}
	g.metrics.connections.WithLabelValues(a.Protocol.Name()).Inc()
	g.mu.Lock()
	s.slot = len(g.sessions)
	g.sessions = append(g.sessions, s)
	g.mu.Unlock()
	if g.draining.Load() { // it came between Admit and Drain
		s.Close(CloseRestarting)
	}
	return s
}

// opened notes that a session gets its person. It reports false if there are as
// many sessions of such as there may be.
func (g *Gateway) opened(p *hub.Principal) bool {
	if p.Anonymous && g.anonymous.Add(1) > int64(g.options.AnonymousSessions) {
		g.anonymous.Add(-1)
		return false
	}
	g.waiting.Add(-1)
	return true
}

// forget removes a session whose connection is closed. opened is whose it was, nil
// if it has never opened.
func (g *Gateway) forget(s *Session, opened *hub.Principal) {
	g.mu.Lock()
	last := len(g.sessions) - 1
	g.sessions[s.slot] = g.sessions[last]
	g.sessions[s.slot].slot = s.slot
	g.sessions[last] = nil
	g.sessions = g.sessions[:last]
	if last == 0 && g.freed != nil {
		close(g.freed)
		g.freed = nil
	}
	g.mu.Unlock()
	g.metrics.connections.WithLabelValues(s.protocol.Name()).Dec()
	g.connections.Add(-1)
	switch {
	case opened == nil:
		g.waiting.Add(-1)
	case opened.Anonymous:
		g.anonymous.Add(-1)
	}
}

// list returns the sessions of this moment.
func (g *Gateway) list() []*Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*Session(nil), g.sessions...)
}

var _ hub.Follower = (*Gateway)(nil)

// Deliver implements hub.Follower.
func (g *Gateway) Deliver(stream hub.Stream, entries []*hub.Entry) {
	if f := g.feeds.find(stream); f != nil {
		f.deliver(entries)
	}
}

// Marked implements hub.Follower.
func (g *Gateway) Marked(admin string, marks map[hub.Stream]uint64) {
	if f := g.feeds.find(hub.AdminStream(admin)); f != nil {
		f.markUp(marks)
	}
}

// Retained implements hub.Follower.
func (g *Gateway) Retained(stream hub.Stream, floor uint64) {
	if f := g.feeds.find(stream); f != nil {
		f.retain(floor)
	}
}

// Lost implements hub.Follower.
func (g *Gateway) Lost(stream hub.Stream) {
	if f := g.feeds.find(stream); f != nil {
		f.lose()
	}
}
