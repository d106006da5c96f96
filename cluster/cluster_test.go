package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"github.com/hashicorp/memberlist"

	"bongsu/cluster/view"
	"bongsu/internal/await"
	"bongsu/internal/hub"
)

const testShards = 8

// idle is an actor that does nothing.
type idle struct{}

func (idle) Receive(actor.Context) {}

// holder is an Owner that owns what it is told to.
type holder struct {
	mu         sync.Mutex
	generation int32
	shards     []int32
	letGo      int
	follows    int
	yielded    map[int32]int32 // shard to the newest generation in which it is another's
}

func (h *holder) own(generation int32, shards ...int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.generation, h.shards = generation, shards
}

func (h *holder) Ownership() (int32, []int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.generation, slices.Clone(h.shards)
}

func (h *holder) LetGo() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shards = nil
	h.letGo++
}

func (h *holder) Yield(generation int32, shards []int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.yielded == nil {
		h.yielded = map[int32]int32{}
	}
	for _, shard := range shards {
		h.yielded[shard] = max(h.yielded[shard], generation)
	}
}

func (h *holder) yields(shard int32) int32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.yielded[shard]
}

func (h *holder) Activate(hub.Stream) (*actor.PID, error) { return nil, hub.Unavailablef("not here") }

func (h *holder) Follow(context.Context, hub.Stream, hub.Follower) (hub.Head, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.follows++
	return hub.Head{}, nil
}

func (h *holder) followed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.follows
}
func (h *holder) Unfollow(hub.Stream, hub.Follower)                  {}
func (h *holder) Head(context.Context, hub.Stream) (hub.Head, error) { return hub.Head{}, nil }
func (h *holder) Tail(context.Context, hub.Stream, uint64) (hub.Tail, error) {
	return hub.Tail{}, nil
}
func (h *holder) Pending(context.Context, hub.Stream) ([]*hub.Entry, error) { return nil, nil }
func (h *holder) Person(context.Context, string, []hub.Head, string) (map[hub.Stream]uint64, error) {
	return nil, nil
}
func (h *holder) Mark(context.Context, string, map[hub.Stream]uint64, string) (map[hub.Stream]uint64, error) {
	return nil, nil
}

// follower is given nothing in these tests.
type follower struct{}

func (follower) Deliver(hub.Stream, []*hub.Entry)     {}
func (follower) Marked(string, map[hub.Stream]uint64) {}
func (follower) Retained(hub.Stream, uint64)          {}
func (follower) Lost(hub.Stream)                      {}

// lan is a network of nodes in this process. Parts of it can be cut off.
type lan struct {
	mu    sync.Mutex
	names map[string]string // whose address it is
	parts map[string]int    // a name's part; nodes in different parts cannot reach each other
	// systems are the actor systems whose messages are carried within the process.
	systems map[string]*actor.ActorSystem
}

func newLAN() *lan {
	return &lan{names: map[string]string{}, parts: map[string]int{}, systems: map[string]*actor.ActorSystem{}}
}

func (l *lan) split(part int, names ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		l.parts[name] = part
	}
}

func (l *lan) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.parts)
}

func (l *lan) at(name string, addrs ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, addr := range addrs {
		l.names[addr] = name
	}
}

func (l *lan) cut(from, addr string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.parts[from] != l.parts[l.names[addr]]
}

// port is one node's way into the lan.
type port struct {
	*memberlist.NetTransport
	lan  *lan
	name string
}

func (p *port) network() network {
	n := network{dial: p.dial, transport: func(c *memberlist.Config) (memberlist.Transport, error) {
		transport, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{c.BindAddr}, BindPort: c.BindPort, Logger: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		})
		if err != nil {
			return nil, err
		}
		c.BindPort = transport.GetAutoBindPort()
		c.AdvertisePort = c.BindPort
		p.lan.at(p.name, net.JoinHostPort(c.BindAddr, fmt.Sprint(c.BindPort)))
		return &port{transport, p.lan, p.name}, nil
	}}
	if underRace {
		n.carry = p.carry
	}
	return n
}

// carry carries a system's messages within the process. The remote sets a global
// of gRPC's at every start, which the race detector objects to where there are several
// in one process.
func (p *port) carry(system *actor.ActorSystem, addr string) {
	p.lan.mu.Lock()
	defer p.lan.mu.Unlock()
	p.lan.names[addr], p.lan.systems[addr] = p.name, system
	system.ProcessRegistry.Address = addr
	system.ProcessRegistry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) {
		return courier(func(message any) { p.deliver(system, pid, message) }), true
	})
}

func (p *port) deliver(from *actor.ActorSystem, pid *actor.PID, message any) {
	if p.lan.cut(p.name, pid.Address) {
		return
	}
	p.lan.mu.Lock()
	to := p.lan.systems[pid.Address]
	p.lan.mu.Unlock()
	if to == nil || to.IsStopped() {
		from.EventStream.Publish(&remote.EndpointTerminatedEvent{Address: pid.Address})
		return
	}
	to.Root.Send(actor.NewPID(pid.Address, pid.Id), message)
}

// courier takes messages for an actor elsewhere.
type courier func(message any)

func (c courier) SendUserMessage(_ *actor.PID, message any) { c(message) }
func (courier) SendSystemMessage(*actor.PID, any)           {}
func (courier) Stop(*actor.PID)                             {}

func (p *port) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if p.lan.cut(p.name, a.Addr) {
		return time.Now(), nil
	}
	return p.NetTransport.WriteToAddress(b, a)
}

func (p *port) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return p.dial(ctx, a.Addr)
}

func (p *port) dial(ctx context.Context, addr string) (net.Conn, error) {
	if p.lan.cut(p.name, addr) {
		<-ctx.Done()
		return nil, os.ErrDeadlineExceeded
	}
	conn, err := dialTCP(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &line{Conn: conn, cut: func() bool { return p.lan.cut(p.name, addr) }}, nil
}

// line is a connection that swallows what it is given while it is cut, and is
// broken after that.
type line struct {
	net.Conn
	cut func() bool
	mu  sync.Mutex
	bad bool
}

func (l *line) swallow() (cut bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch cut := l.cut(); {
	case cut:
		l.bad = true
		return true, nil
	case l.bad:
		_ = l.Close()
		return false, errors.New("broken")
	}
	return false, nil
}

func (l *line) Write(b []byte) (int, error) {
	if cut, err := l.swallow(); cut || err != nil {
		return len(b), err
	}
	return l.Conn.Write(b)
}

func (l *line) Read(b []byte) (int, error) {
	for {
		n, err := l.Conn.Read(b)
		cut, broken := l.swallow()
		switch {
		case broken != nil:
			return 0, broken
		case !cut || err != nil:
			return n, err
		}
	}
}

// member is a node under test.
type member struct {
	*Node
	holder *holder
	opts   Options
	mu     sync.Mutex
	// evicted are the names that it removed, rejoined how often it joined anew.
	evicted  []string
	rejoined int
}

func (m *member) evictions() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.evicted)
}

func (m *member) rejoins() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rejoined
}

func prepare(t *testing.T, l *lan, name string, change func(*Options)) *member {
	t.Helper()
	m := &member{holder: &holder{}}
	opts := Options{
		Name: name, Bind: "127.0.0.1:0", RemoteAddr: "127.0.0.1:0", Secret: []byte(strings.Repeat("s", SecretLen)),
		URL: "http://" + name, Shards: testShards, Producer: func() actor.Actor { return idle{} }, Follower: follower{},
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)), network: (&port{lan: l, name: name}).network(),
		Evict: func(_ context.Context, name string) func(context.Context) error {
			return func(context.Context) error {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.evicted = append(m.evicted, name)
				return nil
			}
		},
		Rejoin: func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.rejoined++
		},
	}
	if change != nil {
		change(&opts)
	}
	node, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	m.Node, m.opts = node, opts
	return m
}

// testWriter writes to the test's log while the test runs.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	if w.t.Context().Err() == nil {
		w.t.Log(strings.TrimSpace(string(b)))
	}
	return len(b), nil
}

func start(t *testing.T, l *lan, name string, seeds ...*member) *member {
	t.Helper()
	m := prepare(t, l, name, func(o *Options) {
		for _, seed := range seeds {
			o.Join = append(o.Join, seed.Joinable())
		}
	})
	if err := m.Start(t.Context(), m.holder); err != nil {
		t.Fatal(err)
	}
	l.at(name, m.Addr())
	t.Cleanup(m.Stop)
	return m
}

// together starts nodes of these names that all know each other.
func together(t *testing.T, l *lan, names ...string) []*member {
	t.Helper()
	var members []*member
	for _, name := range names {
		members = append(members, start(t, l, name, members...))
	}
	agree(t, members...)
	return members
}

// agree waits until all see exactly each other.
func agree(t *testing.T, members ...*member) {
	t.Helper()
	await.That(t, "all see each other", func() bool {
		var want []string
		for _, m := range members {
			want = append(want, m.ID())
		}
		slices.Sort(want)
		for _, m := range members {
			if !slices.Equal(ids(m.View()), want) {
				return false
			}
		}
		return true
	})
}

func ids(v *view.View) []string {
	var list []string
	for _, a := range v.Members() {
		list = append(list, a.ID)
	}
	return list
}
