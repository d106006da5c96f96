package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

const (
	// joinPatience bounds how long a start waits for a member to be reached. The
	// first node of a cluster reaches nobody.
	joinPatience = 3 * time.Second
	// leavePatience bounds how long a node waits for another to know that it leaves.
	leavePatience = time.Second
)

// Node is this process's membership in the cluster, with its actor system. The
// others may drop it, wrongly: it then goes on under a new id.
type Node struct {
	opts      Options
	log       *slog.Logger
	gossipLog *gossipLog
	keys      *keys
	metrics   *nodeMetrics
	links     *linkMetrics
	gauges    []prometheus.Collector
	place     // ports are filled in at the first start
	// By Start:
	ip    string // under which others reach this node; empty alone
	owner Owner
	base  *base

	present atomic.Pointer[incarnation]
	urls    *urls
	moves   moves
	known   known

	births  chan birth // why to be reborn; holds one
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	stopped sync.Once
	// evicting are the removals of dead members that are under way, of whatever life.
	evicting sync.WaitGroup
}

// New prepares a node. It starts nothing; Start does.
func New(opts Options) (*Node, error) {
	place, err := opts.check()
	if err != nil {
		return nil, err
	}
	secret := opts.Secret
	log := opts.Log.With("part", "cluster")
	switch {
	case secret != nil:
	case opts.Bind == "":
		secret = make([]byte, SecretLen)
		_, _ = rand.Read(secret) // never fails
	default:
		log.Warn("no secret is set: any process on this machine can join the cluster")
		secret = loopbackSecret()
	}
	keys, err := newKeys(secret)
	if err != nil {
		return nil, err
	}
	metrics, err := newNodeMetrics(opts.Metrics)
	if err != nil {
		return nil, err
	}
	links, err := newLinkMetrics(opts.Metrics)
	if err != nil {
		unregister(opts.Metrics, metrics.all())
		return nil, err
	}
	n := &Node{
		opts: opts, log: log, gossipLog: &gossipLog{log: log}, keys: keys, place: place,
		metrics: metrics, links: links, births: make(chan birth, 1), urls: newURLs(),
	}
	n.gauges = streamGauges(n.traffic)
	if err := register(opts.Metrics, n.gauges); err != nil {
		unregister(opts.Metrics, slices.Concat(metrics.all(), links.all()))
		return nil, err
	}
	n.moves.owners = make(map[int32]string)
	n.life, n.end = context.WithCancel(context.Background())
	return n, nil
}

// alone reports whether this node is the whole cluster.
func (n *Node) alone() bool { return n.opts.Bind == "" }

// Start joins the cluster. owner answers for the streams that this node owns. It
// returns when the node is a member: known to the others if any of the seeds was
// reached, by itself if none was; it goes on trying. The error is that of an address
// that cannot be listened on, of a living node that has the same name, or ctx's.
func (n *Node) Start(ctx context.Context, owner Owner) error {
	n.owner = owner
	if !n.alone() {
		ip, err := n.opts.advertised(ctx, n.bind)
		if err != nil {
			return err
		}
		n.ip = ip
	}
	base, err := n.startBase(ctx)
	if err != nil {
		return err
	}
	n.base = base
	inc, err := n.incarnate(base.system.ID)
	if err != nil {
		base.stop()
		return err
	}
	if !n.alone() {
		if err := n.enter(ctx, inc); err != nil {
			inc.leave(leavePatience)
			inc.stop()
			base.stop()
			return err
		}
	}
	n.present.Store(inc)
	n.running.Go(n.attend)
	return nil
}

// enter joins the seeds and sees to it that the node's name is its own.
func (n *Node) enter(ctx context.Context, inc *incarnation) error {
	joining, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	if inc.join(joining, map[string]bool{inc.gossip.addr(): true}, nil) == 0 && len(n.opts.Join) > 0 {
		n.log.Warn("no other node could be reached; this one starts, and goes on trying")
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	return inc.nameIsFree(ctx)
}

// sleep waits and reports false if ctx ended meanwhile.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Leave tells the others that this node goes, so that none of them takes it for
// dead. Its shards must have been handed over before. Stop follows.
func (n *Node) Leave(ctx context.Context) error {
	inc := n.present.Load()
	if inc == nil {
		return errors.New("the node has not started")
	}
	patience := leavePatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline))
	}
	inc.leave(patience)
	return ctx.Err()
}

// Stop stops every actor and ends the node. Whatever the actors hold must have
// been flushed before. It does not wait for actors to end. A node that has not
// started has nothing to stop.
func (n *Node) Stop() {
	n.stopped.Do(func() {
		n.end()
		n.running.Wait()
		if inc := n.present.Load(); inc != nil {
			inc.stop()
			n.base.stop()
		}
		n.evicting.Wait()
		unregister(n.opts.Metrics, slices.Concat(n.metrics.all(), n.links.all(), n.gauges))
	})
}

// OwnershipChanged has the node tell the others which shards it owns now. It does
// not block and calls the owner from another goroutine.
func (n *Node) OwnershipChanged() {
	if inc := n.present.Load(); inc != nil {
		inc.woken()
	}
}

// Spawn starts an actor of the stream's kind on this node. Only the Owner calls
// it: it alone knows that there is none yet.
func (n *Node) Spawn(stream hub.Stream) (*actor.PID, error) {
	inc := n.present.Load()
	if inc == nil {
		return nil, hub.Unavailablef("the node has not started")
	}
	return n.base.spawn(inc.id, stream)
}

// Root returns the root context of the actor system, nil before Start.
func (n *Node) Root() *actor.RootContext {
	if inc := n.present.Load(); inc != nil {
		return inc.base.system.Root
	}
	return nil
}

// ID returns the node's id, fresh at every start and when it is reborn; empty
// before Start.
func (n *Node) ID() string {
	if inc := n.present.Load(); inc != nil {
		return inc.id
	}
	return ""
}

// View returns the cluster as this node knows it, never nil.
func (n *Node) View() *view.View {
	if inc := n.present.Load(); inc != nil {
		return inc.view.Load()
	}
	return view.New(n.opts.Shards)
}

// Peers returns how many other living members there are.
func (n *Node) Peers() int { return max(len(n.View().Members())-1, 0) }
