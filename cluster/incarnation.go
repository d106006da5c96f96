package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/remote"

	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// incarnation is one life of a node under one id: an actor system, what protoactor
// calls a cluster, memberlist, and the traffic with other nodes. A node that the
// others dropped gets a new one.
type incarnation struct {
	id      string
	node    *Node
	system  *actor.ActorSystem
	cluster *pcluster.Cluster
	kinds   map[hub.StreamKind]*actor.Props
	gossip  *gossip // nil alone
	carrier carrier
	log     *slog.Logger

	view  atomic.Pointer[view.View]
	addrs atomic.Pointer[map[string]string] // where memberlist has the others, by id

	wake    chan struct{} // something changed; holds one
	found   chan look     // who was found dead
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
	mended  seldom // bounds the telling of announcements that cannot be read
}

// carrier is the traffic with other nodes.
type carrier interface {
	start() error
	// viewChanged is called from one goroutine. It does not block.
	viewChanged(old, new *view.View)
	stop()
}

// never is a period that does not come to an end. Protoactor's gossip is not used:
// it spreads heartbeats and blocks members by its own finding.
const never = time.Duration(math.MaxInt64)

// incarnate starts a new life. ctx bounds the start only.
func (n *Node) incarnate(ctx context.Context) (*incarnation, error) {
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet(n.log) }),
		actor.WithDeadLetterRequestLogging(false), // requests are tried again and report it themselves
	)
	// An answer that comes late for an earlier life goes to an id that means nothing
	// in this one.
	system.ProcessRegistry.SequenceID = rand.Uint64N(1 << 62)
	inc := &incarnation{
		id: system.ID, node: n, system: system, log: n.log.With("id", system.ID),
		wake: make(chan struct{}, 1), found: make(chan look, 16),
		roster: newRoster(system.ID, ""),
	}
	inc.life, inc.end = context.WithCancel(context.Background())
	inc.suspects.pending = map[look]bool{}
	inc.addrs.Store(&map[string]string{})
	if err := inc.startRemote(ctx); err != nil {
		inc.end()
		return nil, err
	}
	if err := inc.startMembership(); err != nil {
		inc.stop()
		return nil, err
	}
	return inc, nil
}

// startRemote starts the actor system's side: after it, actors of other nodes can
// reach this one's.
func (inc *incarnation) startRemote(ctx context.Context) error {
	n := inc.node
	// Protoactor panics where it cannot listen. A port that is free now is taken
	// for good, so that the node keeps it when it is reborn.
	probe, err := new(net.ListenConfig).Listen(ctx, "tcp", n.remote.String())
	if err != nil {
		return err
	}
	if tcp, ok := probe.Addr().(*net.TCPAddr); ok {
		n.remote.port = tcp.Port
	}
	_ = probe.Close()
	advertised := ""
	if n.ip != "" {
		advertised = hostPort{n.ip, n.remote.port}.String()
	}
	up := &provider{started: make(chan struct{})}
	inc.kinds = make(map[hub.StreamKind]*actor.Props)
	kinds := make([]*pcluster.Kind, 0, 5)
	for _, kind := range []hub.StreamKind{hub.KindAll, hub.KindMall, hub.KindPartner, hub.KindAdmin, hub.KindRoom} {
		k := pcluster.NewKind(string(kind), actor.PropsFromProducer(n.opts.Producer))
		inc.kinds[kind] = k.Props
		kinds = append(kinds, k)
	}
	config := pcluster.Configure("bongsu", up, &lookup{owner: n.owner, log: n.log},
		remoting(n.remote.host, n.remote.port, advertised, n.keys, n.opts.network.dial, n.log),
		pcluster.WithKinds(kinds...), pcluster.WithHeartbeatExpiration(never))
	config.GossipInterval = never
	inc.cluster = pcluster.New(inc.system, config)

	failed := make(chan error, 1)
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				failed <- fmt.Errorf("start the actor system: %v", reason)
			}
		}()
		inc.cluster.StartMember() // sleeps for a second after everything is in place
	}()
	select {
	case <-up.started:
	case err := <-failed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("start the actor system: %w", ctx.Err())
	}
	inc.system.EventStream.Subscribe(func(event any) {
		if lost, ok := event.(*remote.EndpointTerminatedEvent); ok {
			inc.suspectAddr(lost.Address)
		}
	})
	return nil
}

// startMembership makes this node known to itself and, unless it is alone, to
// those who ask; seeds are joined later.
func (inc *incarnation) startMembership() error {
	n := inc.node
	inc.own = view.Announcement{
		ID: inc.id, Name: n.opts.Name, Addr: inc.system.Address(), URL: n.opts.URL, Since: time.Now().UnixMilli(), Version: 1,
	}
	encoded, err := inc.own.Encode()
	if err != nil {
		return err
	}
	inc.encoded = encoded
	inc.view.Store(view.New(n.opts.Shards, inc.own))
	if n.newCarrier != nil {
		inc.carrier = n.newCarrier(inc)
		if err := inc.carrier.start(); err != nil {
			return fmt.Errorf("start the traffic between nodes: %w", err)
		}
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

// stop ends this life. It does not wait for actors to end.
func (inc *incarnation) stop() {
	inc.once.Do(func() {
		inc.end()
		inc.running.Wait()
		if inc.carrier != nil {
			inc.carrier.stop()
		}
		if inc.gossip != nil {
			inc.gossip.stop()
		}
		// Without others there are no connections to them. Protoactor's own way to
		// close them waits for peers that may be gone.
		inc.tellProtoactor(view.New(0, inc.own))
		inc.cluster.Gossip.Shutdown()
		inc.system.Shutdown()
		inc.cluster.Remote.Shutdown(false)
	})
}

// spawn starts an actor of the stream's kind. Its name belongs to this life.
func (inc *incarnation) spawn(stream hub.Stream) (*actor.PID, error) {
	props, ok := inc.kinds[stream.Kind()]
	if !ok {
		return nil, hub.Invalidf("stream %q has no kind of actor", stream)
	}
	return inc.system.Root.SpawnPrefix(props, inc.id+"/"+string(stream)), nil
}
