package cluster

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
	"github.com/asynkron/protoactor-go/remote"

	"bongsu/cluster/view"
	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

// trafficConfig is what a traffic needs of the node.
type trafficConfig struct {
	id       string // the node's, in this life
	system   *actor.ActorSystem
	view     func() *view.View
	owner    Owner
	follower hub.Follower  // given what this node follows at others
	status   func() Status // nil: the zero Status
	// suspect is told of nodes that a connection broke to, or that fell silent. It
	// does not block.
	suspect func(id string)
	log     *slog.Logger
	metrics *linkMetrics
}

// traffic is what goes between this node and the others in one life of the node:
// calls to the owners of streams, and links that carry what followed streams get.
// It takes messages on the goroutine of the connection that brought them, in their
// order, without a mailbox: nothing that a message leads to there blocks.
type traffic struct {
	trafficConfig
	calls *calls
	gate  *gate
	in    *inbounds
	out   *outbounds

	changed atomic.Pointer[chan struct{}] // closed at the next change of the view
	ctx     context.Context               // ends with the traffic
	cancel  context.CancelFunc
	running sync.WaitGroup
	events  *eventstream.Subscription
	entry   *actor.PID
}

// watchEvery is how often links are looked at for what only the clock shows.
const watchEvery = 250 * time.Millisecond

func newTraffic(config trafficConfig) *traffic {
	config.log = config.log.With("part", "traffic")
	t := &traffic{trafficConfig: config, calls: newCalls()}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.gate, t.in, t.out = newGate(t), newInbounds(t), newOutbounds(t)
	first := make(chan struct{})
	t.changed.Store(&first)
	return t
}

// start lets other nodes in. The remote must be up.
func (t *traffic) start() error {
	var fresh bool
	t.entry, fresh = t.system.ProcessRegistry.Add(entrance(t.take), entranceName(t.id))
	if !fresh {
		return hub.Invalidf("node %s has its traffic already", t.id)
	}
	t.events = t.system.EventStream.Subscribe(func(event any) {
		if broken, ok := event.(*remote.EndpointTerminatedEvent); ok {
			t.connectionBroke(broken.Address)
		}
	})
	t.running.Go(t.watch)
	return nil
}

// stop ends every link and call. Everything that was followed at other nodes is
// lost when it returns.
func (t *traffic) stop() {
	t.cancel()
	if t.entry != nil {
		t.system.EventStream.Unsubscribe(t.events)
		t.system.ProcessRegistry.Remove(t.entry)
	}
	t.calls.failAll()
	t.out.stop()
	t.running.Wait()
	t.in.closeAll()
}

// viewChanged takes note of who came, went, and owns what. The view is the present
// one already: who is told of a loss by it finds the new owner. It does not block,
// and must not be called at once.
func (t *traffic) viewChanged(before, now *view.View) {
	for _, member := range before.Members() {
		if _, still := now.Member(member.ID); !still {
			t.calls.fail(member.ID)
		}
	}
	t.yield(now)
	t.in.viewChanged(now)
	t.out.viewChanged(now)
	t.metrics.keepOnly(now)
	next := make(chan struct{})
	close(*t.changed.Swap(&next)) // wakes calls that wait for an owner
}

// yield tells this node's owner which shards others have, and since when. A node
// that cannot reach Kafka hears of it in no other way.
func (t *traffic) yield(now *view.View) {
	theirs := make(map[string][]int32)
	for shard := range now.Shards() {
		if id, ok := now.Owner(shard); ok && id != t.id {
			theirs[id] = append(theirs[id], shard)
		}
	}
	for id, shards := range theirs {
		if member, ok := now.Member(id); ok {
			t.owner.Yield(member.Generation, shards)
		}
	}
}

// watch breaks links that have fallen silent.
func (t *traffic) watch() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-ticker.C:
			for _, id := range t.in.breakSilent(time.Now()) {
				t.suspect(id)
			}
		}
	}
}

// connectionBroke has the node at the other end suspected, and ends the calls that
// wait for its answer. It is called on a goroutine of the remote's.
func (t *traffic) connectionBroke(addr string) {
	for _, member := range t.view().Members() {
		if member.Addr == addr && member.ID != t.id {
			t.calls.fail(member.ID)
			t.suspect(member.ID)
		}
	}
}

// take takes one message of another node.
func (t *traffic) take(message any) {
	if t.ctx.Err() != nil {
		return
	}
	switch m := message.(type) {
	case *wire.Batch:
		t.in.batch(m)
	case *wire.Signal:
		if m.GetKind() == wire.Signal_ACK {
			t.out.ack(m)
		} else {
			t.in.signal(m)
		}
	case *wire.Call:
		t.metrics.count(t.nameOf(m.GetFrom()), "call", received)
		t.gate.take(m)
	case *wire.Answer:
		t.calls.answer(m)
	}
}

// nameOf returns the name of a member, for metrics; strangers share one.
func (t *traffic) nameOf(id string) string {
	if member, ok := t.view().Member(id); ok {
		return member.Name
	}
	return "unknown"
}

// to returns where the node takes messages. The name holds its id: what was for
// a dead node never reaches another one at the same address.
func to(id, addr string) *actor.PID { return actor.NewPID(addr, entranceName(id)) }

func entranceName(id string) string { return "traffic-" + id }

// entrance is the process behind a node's PID.
type entrance func(message any)

// SendUserMessage implements actor.Process.
func (e entrance) SendUserMessage(_ *actor.PID, message any) {
	_, message, _ = actor.UnwrapEnvelope(message)
	e(message)
}

// SendSystemMessage implements actor.Process: nobody watches or stops an entrance.
func (entrance) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (entrance) Stop(*actor.PID) {}
