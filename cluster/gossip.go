package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// label keeps other users of memberlist apart from ours.
const label = "bongsu"

const (
	// maxInbox bounds the messages of other members that wait to be handled. What
	// is beyond is lost; members repeat what matters every second.
	maxInbox = 1024
	// gossipPatience bounds one exchange with another member over TCP.
	gossipPatience = 2 * time.Second
	// maxJoins bounds how many addresses are tried at once.
	maxJoins = 16
	// maxSeeds bounds how many addresses the seeds stand for together.
	maxSeeds = 256
)

// gossip is this node in memberlist. Its callbacks run under memberlist's locks:
// they note what happened and return.
type gossip struct {
	id    string
	list  *memberlist.Memberlist
	meta  atomic.Pointer[[]byte]
	inbox chan []byte
	wake  func()

	// ending is held while it leaves or stops: memberlist panics if it is to leave
	// after it was stopped.
	ending  sync.Mutex
	stopped bool

	// mu guards peers, a copy of what memberlist lists: what it hands out itself
	// goes on changing.
	mu    sync.Mutex
	peers map[string]peer
}

// gossipConfig says how a node joins memberlist.
type gossipConfig struct {
	id         string
	bind       hostPort // port 0 takes a free one
	advertised string   // IP address
	key        []byte
	meta       []byte
	transport  func(*memberlist.Config) (memberlist.Transport, error) // nil: UDP and TCP
	wake       func()                                                 // something changed; must not block
	log        io.Writer
}

func newGossip(cfg gossipConfig) (*gossip, error) {
	g := &gossip{id: cfg.id, inbox: make(chan []byte, maxInbox), wake: cfg.wake, peers: map[string]peer{}}
	g.meta.Store(&cfg.meta)
	c := memberlist.DefaultLANConfig()
	c.Name, c.Label, c.SecretKey = cfg.id, label, cfg.key
	c.BindAddr, c.BindPort = cfg.bind.host, cfg.bind.port
	c.AdvertiseAddr, c.AdvertisePort = cfg.advertised, cfg.bind.port
	c.Delegate, c.Events, c.LogOutput = g, g, cfg.log
	// A dead node is found after a probe and the suspicion: 2 to 3.5 s. Most are
	// found at once, because their addresses refuse connections.
	c.ProbeInterval, c.ProbeTimeout = 500*time.Millisecond, 300*time.Millisecond
	c.SuspicionMult, c.SuspicionMaxTimeoutMult, c.AwarenessMaxMultiplier = 3, 2, 4
	c.GossipInterval, c.GossipToTheDeadTime = 100*time.Millisecond, 10*time.Second
	c.PushPullInterval, c.TCPTimeout = 5*time.Second, gossipPatience
	c.EnableCompression = false
	if cfg.transport != nil {
		transport, err := cfg.transport(c)
		if err != nil {
			return nil, err
		}
		c.Transport = transport
	}
	list, err := memberlist.Create(c)
	if err != nil {
		return nil, err
	}
	g.list = list
	return g, nil
}

// addr returns where other members find this one.
func (g *gossip) addr() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peers[g.id].addr
}

// listed returns the nodes that memberlist does not know to be dead, with this one.
func (g *gossip) listed() []peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Values(g.peers))
}

// announce makes meta what the others find out about this node, in time.
func (g *gossip) announce(meta []byte) {
	g.meta.Store(&meta)
	// It waits for the spreading, which need not be waited for.
	_ = g.list.UpdateNode(time.Nanosecond)
}

// tell sends a message to the node of this id and address. It may be lost.
func (g *gossip) tell(id, addr string, message []byte) {
	_ = g.list.SendToAddress(memberlist.Address{Addr: addr, Name: id}, message)
}

// answers reports whether the node of this id answers at its address.
func (g *gossip) answers(id, addr string) bool {
	udp, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return false
	}
	_, err = g.list.Ping(id, udp)
	return err == nil
}

// join exchanges all that is known with the nodes at the addresses and returns
// how many there were. It blocks for gossipPatience at most for every maxJoins
// addresses.
func (g *gossip) join(addrs []string) int {
	var joined atomic.Int64
	for batch := range slices.Chunk(addrs, maxJoins) {
		var wg sync.WaitGroup
		for _, addr := range batch {
			wg.Go(func() {
				n, _ := g.list.Join([]string{addr})
				joined.Add(int64(n))
			})
		}
		wg.Wait()
	}
	return int(joined.Load())
}

// leave tells the others and waits for patience at most until one knows. After stop
// it does nothing.
func (g *gossip) leave(patience time.Duration) {
	g.ending.Lock()
	defer g.ending.Unlock()
	if g.stopped {
		return
	}
	for _, p := range g.listed() {
		if p.id != g.id {
			g.tell(p.id, p.addr, append([]byte{messageLeave}, g.id...))
		}
	}
	_ = g.list.Leave(max(patience, time.Millisecond))
}

// stop ends it without a word to others. A leave that is under way is waited for.
func (g *gossip) stop() {
	g.ending.Lock()
	defer g.ending.Unlock()
	g.stopped = true
	_ = g.list.Shutdown()
}

// NodeMeta implements memberlist.Delegate.
func (g *gossip) NodeMeta(int) []byte { return *g.meta.Load() }

// NotifyMsg implements memberlist.Delegate.
func (g *gossip) NotifyMsg(message []byte) {
	select {
	case g.inbox <- slices.Clone(message):
	default:
	}
}

// GetBroadcasts implements memberlist.Delegate: there are none.
func (g *gossip) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState implements memberlist.Delegate: there is none.
func (g *gossip) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate.
func (g *gossip) MergeRemoteState([]byte, bool) {}

// NotifyJoin implements memberlist.EventDelegate.
func (g *gossip) NotifyJoin(n *memberlist.Node) { g.note(n) }

// NotifyUpdate implements memberlist.EventDelegate.
func (g *gossip) NotifyUpdate(n *memberlist.Node) { g.note(n) }

// NotifyLeave implements memberlist.EventDelegate.
func (g *gossip) NotifyLeave(n *memberlist.Node) {
	g.mu.Lock()
	delete(g.peers, n.Name)
	g.mu.Unlock()
	g.wake()
}

func (g *gossip) note(n *memberlist.Node) {
	g.mu.Lock()
	g.peers[n.Name] = peer{id: n.Name, addr: n.Address(), meta: slices.Clone(n.Meta)}
	g.mu.Unlock()
	g.wake()
}

// hostPort is an address in its two parts.
type hostPort struct {
	host string
	port int
}

func (a hostPort) String() string { return net.JoinHostPort(a.host, strconv.Itoa(a.port)) }

func parseAddr(what, addr string) (hostPort, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return hostPort{}, fmt.Errorf("%s %q: %w", what, addr, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return hostPort{}, fmt.Errorf("%s %q: the port is a number from 0 to 65535", what, addr)
	}
	return hostPort{host, port}, nil
}

// resolve returns the addresses, IP and port, of all seeds; a seed is a host or a
// DNS name, that may stand for many, and has the default port if it names none.
// Seeds that cannot be found are left out, and come with the error.
func resolve(ctx context.Context, seeds []string, port int) ([]string, error) {
	var addrs []string
	var failed []error
	for _, seed := range seeds {
		host, text, err := net.SplitHostPort(seed)
		if err != nil {
			host, text = seed, strconv.Itoa(port)
		}
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			failed = append(failed, fmt.Errorf("seed %s: %w", seed, err))
			continue
		}
		for _, ip := range ips {
			addrs = append(addrs, net.JoinHostPort(ip.Unmap().String(), text))
		}
	}
	slices.Sort(addrs)
	addrs = slices.Compact(addrs)
	return addrs[:min(len(addrs), maxSeeds)], errors.Join(failed...)
}
