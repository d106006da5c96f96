package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/remote"

	"bongsu/internal/hub"
)

// maxRemoteMessage bounds one message between nodes. gRPC's own default of
// 4 MiB is less than a batch of the largest entries, and a message over the
// bound is lost without a word.
const maxRemoteMessage = 32 << 20

// Options configures a Node.
type Options struct {
	// RemoteAddr is where actors of other nodes reach this one, host:port; port 0
	// takes a free one.
	RemoteAddr string
	// Producer makes the actor of a stream, whatever its kind.
	Producer actor.Producer
	Log      *slog.Logger
}

// Node is this process's membership in the cluster, with its actor system.
type Node struct {
	system  *actor.ActorSystem
	cluster *pcluster.Cluster
	kinds   map[hub.StreamKind]*actor.Props
	lookup  *lookup
	addr    string
	started bool // by Start; read by Stop
}

// New prepares a node. It starts nothing; Start does.
func New(opts Options) (*Node, error) {
	host, port, err := splitAddr(opts.RemoteAddr)
	if err != nil {
		return nil, err
	}
	log := opts.Log.With("part", "cluster")
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet(log) }),
		actor.WithDeadLetterRequestLogging(false), // Request retries and reports it itself
	)
	n := &Node{
		system: system,
		kinds:  make(map[hub.StreamKind]*actor.Props),
		lookup: &lookup{log: log},
		addr:   opts.RemoteAddr,
	}
	remoting := remote.Configure(host, port,
		remote.WithEndpointWriterBatchSize(64),
		remote.WithEndpointWriterQueueSize(4096),
		remote.WithServerOptions(grpcServerOptions()...),
		remote.WithCallOptions(grpcCallOptions()...),
	)
	kinds := make([]*pcluster.Kind, 0, 5)
	for _, kind := range []hub.StreamKind{hub.KindAll, hub.KindMall, hub.KindPartner, hub.KindAdmin, hub.KindRoom} {
		k := pcluster.NewKind(string(kind), actor.PropsFromProducer(opts.Producer))
		n.kinds[kind] = k.Props
		kinds = append(kinds, k)
	}
	config := pcluster.Configure("bongsu", &solo{started: make(chan struct{})}, n.lookup, remoting, pcluster.WithKinds(kinds...))
	n.cluster = pcluster.New(system, config)
	return n, nil
}

func splitAddr(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("remote address %q: %w", addr, err)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("remote address %q: the port is a number from 0 to 65535", addr)
	}
	return host, port, nil
}

// Start joins the cluster. host answers for the streams that this node owns. It
// returns when the node is a member, with the error of an address that cannot be
// listened on, or with ctx's error.
func (n *Node) Start(ctx context.Context, host Host) error {
	n.lookup.host = host
	// StartMember panics where it cannot listen.
	probe, err := new(net.ListenConfig).Listen(ctx, "tcp", n.addr)
	if err != nil {
		return err
	}
	_ = probe.Close()
	provider, ok := n.cluster.Config.ClusterProvider.(*solo)
	if !ok {
		return errors.New("cluster: unknown provider")
	}
	// StartMember sleeps for a second after everything is in place; there is no
	// need to sleep with it.
	go n.cluster.StartMember()
	select {
	case <-provider.started:
		n.started = true
		return nil
	case <-ctx.Done():
		return fmt.Errorf("join the cluster: %w", ctx.Err())
	}
}

// Stop leaves the cluster and stops every actor. Whatever the actors hold must
// have been flushed before. It does not wait for actors to end. A node that has not
// started has nothing to stop.
func (n *Node) Stop() {
	if n.started {
		n.cluster.Shutdown(false)
	}
}

// ID returns the node's id, fresh at every start.
func (n *Node) ID() string { return n.system.ID }

// Addr returns the address at which other nodes reach this one's actors.
func (n *Node) Addr() string { return n.system.Address() }

// System returns the actor system, for the part that hosts the actors.
func (n *Node) System() *actor.ActorSystem { return n.system }

// Spawn starts an actor of the stream's kind on this node. Only the Host calls
// it: it alone knows that there is none yet.
func (n *Node) Spawn(stream hub.Stream) (*actor.PID, error) {
	props, ok := n.kinds[stream.Kind()]
	if !ok {
		return nil, hub.Invalidf("stream %q has no kind of actor", stream)
	}
	return n.system.Root.SpawnPrefix(props, string(stream)), nil
}

const (
	// tryPatience is how long one try of a request waits. What reaches an actor at
	// the moment at which it stops is lost without a word, so waiting longer may be
	// in vain.
	tryPatience = 2 * time.Second
	// retryFirst and retryMost bound the wait between tries.
	retryFirst = 5 * time.Millisecond
	retryMost  = 200 * time.Millisecond
)

// Request asks the stream's actor, wherever it lives, and waits for its answer.
// When the actor cannot be found or went away it tries again with a jittered
// backoff until ctx ends; message must therefore be harmless to repeat. The
// error wraps hub.ErrUnavailable unless ctx was cancelled. ctx must have a deadline.
func (n *Node) Request(ctx context.Context, stream hub.Stream, message any) (any, error) {
	wait := retryFirst
	for {
		answer, err := n.try(ctx, stream, message)
		if err == nil {
			return answer, nil
		}
		timer := time.NewTimer(wait/2 + rand.N(wait/2+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, ctx.Err()
			}
			return nil, hub.Unavailablef("stream %s: %w", stream, err)
		case <-timer.C:
		}
		wait = min(2*wait, retryMost)
	}
}

// Tell sends a message to the stream's actor, wherever it lives, and does not
// wait. It is lost when the actor cannot be found.
func (n *Node) Tell(stream hub.Stream, message any) {
	if pid := n.lookup.Get(identityOf(stream)); pid != nil {
		n.system.Root.Send(pid, message)
	}
}

func (n *Node) try(ctx context.Context, stream hub.Stream, message any) (any, error) {
	pid := n.lookup.Get(identityOf(stream))
	if pid == nil {
		return nil, errors.New("its shard has no owner yet")
	}
	patience := tryPatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = max(min(patience, time.Until(deadline)), time.Millisecond)
	}
	answer, err := n.system.Root.RequestFuture(pid, message, patience).Result()
	if err != nil {
		return nil, fmt.Errorf("its actor did not answer: %w", err)
	}
	return answer, nil
}
