package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"

	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// base is what a node keeps when it is reborn: its actor system, and its port for
// the actors of other nodes. Every actor that other nodes can reach has the id of
// one life in its name, so nothing that was meant for an earlier one hits it.
type base struct {
	system  *actor.ActorSystem
	cluster *pcluster.Cluster // nil if a test carries the messages
	kinds   map[hub.StreamKind]*actor.Props
	log     *slog.Logger
}

// never is a period that does not come to an end. Protoactor's gossip is not used:
// it spreads heartbeats and blocks members by its own finding.
const never = time.Duration(math.MaxInt64)

// startBase starts the actor system; then actors of other nodes can reach this
// one's. ctx bounds the start only.
func (n *Node) startBase(ctx context.Context) (started *base, err error) {
	b := &base{kinds: make(map[hub.StreamKind]*actor.Props), log: n.log}
	b.system = actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet(n.log) }),
		actor.WithDeadLetterRequestLogging(false), // requests are tried again and report it themselves
	)
	defer func() {
		if err != nil {
			b.system.Shutdown()
		}
	}()
	kinds := make([]*pcluster.Kind, 0, 5)
	for _, kind := range []hub.StreamKind{hub.KindAll, hub.KindMall, hub.KindPartner, hub.KindAdmin, hub.KindRoom} {
		k := pcluster.NewKind(string(kind), actor.PropsFromProducer(n.opts.Producer))
		b.kinds[kind] = k.Props
		kinds = append(kinds, k)
	}
	// Protoactor panics where it cannot listen.
	probe, err := new(net.ListenConfig).Listen(ctx, "tcp", n.remote.String())
	if err != nil {
		return nil, err
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
	config := pcluster.Configure("bongsu", up, &lookup{owner: n.owner, log: n.log},
		remoting(n.remote.host, n.remote.port, advertised, n.keys, n.opts.network.dial, n.log),
		pcluster.WithKinds(kinds...), pcluster.WithHeartbeatExpiration(never))
	config.GossipInterval = never
	// The actors' middleware looks for a cluster, started or not.
	cluster := pcluster.New(b.system, config)
	if n.opts.network.carry != nil {
		n.opts.network.carry(b.system, n.remote.String())
		return b, nil
	}
	b.cluster = cluster
	failed := make(chan error, 1)
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				failed <- fmt.Errorf("start the actor system: %v", reason)
			}
		}()
		cluster.StartMember() // sleeps for a second after everything is in place
	}()
	select {
	case <-up.started:
		return b, nil
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
		return nil, fmt.Errorf("start the actor system: %w", ctx.Err())
	}
}

// setMembers gives protoactor all members as one life sees them: connections to
// those that left end.
func (b *base) setMembers(inc *incarnation, v *view.View) {
	if b.cluster == nil {
		return
	}
	members, err := topology(v, inc.id, b.system.ID, b.cluster.GetClusterKinds())
	if err != nil {
		b.log.Error("a member's address cannot be used", "err", err)
		return
	}
	b.cluster.MemberList.UpdateClusterTopology(members)
}

// stop ends the actor system. It does not wait for actors to end.
func (b *base) stop() {
	if b.cluster == nil {
		b.system.Shutdown()
		return
	}
	// Protoactor's own graceful way waits for peers that may be gone.
	b.cluster.Gossip.Shutdown()
	b.system.Shutdown()
	b.cluster.Remote.Shutdown(false)
}

// spawn starts an actor of the stream's kind in one life.
func (b *base) spawn(life string, stream hub.Stream) (*actor.PID, error) {
	props, ok := b.kinds[stream.Kind()]
	if !ok {
		return nil, hub.Invalidf("stream %q has no kind of actor", stream)
	}
	return b.system.Root.SpawnPrefix(props, life+"/"+string(stream)), nil
}
