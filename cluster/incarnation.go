package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bongsu/cluster/view"
)

// incarnation is one life of a node under one id: its place in memberlist, what it
// knows of the others, and the traffic with them. A node that the others dropped
// gets a new one.
type incarnation struct {
	id      string
	node    *Node
	base    *base
	gossip  *gossip // nil alone
	port    int     // of its memberlist, and of the seeds that name none
	traffic *traffic
	log     *slog.Logger

	view  atomic.Pointer[view.View]
	addrs atomic.Pointer[map[string]string] // where memberlist has the others, by id

	wake    chan struct{} // something changed; holds one
	found   chan finding  // who is dead
	leaving atomic.Bool
	life    context.Context // ends with stop
	end     context.CancelFunc
	once    sync.Once
	running sync.WaitGroup // the membership loop, and what it started

	suspects suspects

	// The loop's alone:
	own     view.Announcement
	encoded []byte
	roster  *roster
	doubted map[string]*remains // by id: what those have in the groups who may be dead
	// unreadable bounds the telling of what other members say and cannot be read.
	unreadable seldom
	namesakes  seldom // bounds the telling of another node of this name
}

// incarnate starts a new life.
func (n *Node) incarnate(id string) (*incarnation, error) {
	inc := &incarnation{
		id: id, node: n, base: n.base, log: n.log.With("id", id),
		wake: make(chan struct{}, 1), found: make(chan finding, 16), roster: newRoster(id, ""),
	}
	inc.life, inc.end = context.WithCancel(context.Background())
	inc.suspects.pending, inc.doubted = map[finding]bool{}, map[string]*remains{}
	inc.addrs.Store(&map[string]string{})
	if err := inc.startMembership(); err != nil {
		inc.stop()
		return nil, err
	}
	return inc, nil
}

// startMembership makes this node known to itself and, unless it is alone, to
// those who ask; seeds are joined later.
func (inc *incarnation) startMembership() error {
	n := inc.node
	inc.own = view.Announcement{
		ID: inc.id, Name: n.opts.Name, Addr: inc.base.system.Address(), URL: n.opts.URL, Since: time.Now().UnixMilli(), Version: 1,
	}
	encoded, err := inc.own.Encode()
	if err != nil {
		return err
	}
	inc.encoded = encoded
	inc.view.Store(view.New(n.opts.Shards, inc.own))
	inc.traffic = newTraffic(trafficConfig{
		id: inc.id, system: inc.base.system, view: inc.view.Load, owner: n.owner, follower: n.opts.Follower,
		status: n.opts.Status, suspect: inc.suspect, log: inc.log, metrics: n.links,
	})
	if err := inc.traffic.start(); err != nil {
		return fmt.Errorf("start the traffic between nodes: %w", err)
	}
	if !n.alone() {
		inc.gossip, err = newGossip(gossipConfig{
			id: inc.id, bind: n.bind, advertised: n.ip, key: n.keys.gossip, meta: encoded,
			transport: n.opts.network.transport, wake: inc.woken, log: n.gossipLog,
		})
		if err != nil {
			return fmt.Errorf("listen for members: %w", err)
		}
		if own, err := parseAddr("address of members", inc.gossip.addr()); err == nil {
			n.bind.port = own.port
		}
		inc.port = n.bind.port
		inc.roster = newRoster(inc.id, inc.gossip.addr())
		go inc.rejoin() // not waited for: an attempt takes its time
	}
	inc.running.Go(inc.live)
	return nil
}

// woken has the loop look at what changed. It does not block.
func (inc *incarnation) woken() {
	select {
	case inc.wake <- struct{}{}:
	default:
	}
}

// leave tells the others that this node goes. They hand over nothing: its shards
// were released before.
func (inc *incarnation) leave(patience time.Duration) {
	if inc.gossip != nil && !inc.leaving.Swap(true) {
		inc.gossip.leave(patience)
	}
}

// stop ends this life, and the connections to other nodes. The actor system goes on.
func (inc *incarnation) stop() {
	inc.once.Do(func() {
		inc.end()
		inc.running.Wait()
		if inc.traffic != nil {
			inc.traffic.stop()
		}
		if inc.gossip != nil {
			inc.gossip.stop()
		}
		// Without others there are no connections to them.
		inc.base.setMembers(inc, view.New(0, inc.own))
	})
}
