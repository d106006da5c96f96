package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/cluster/view"
	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

const (
	// ownerPatience is how long one try may take at the owner, tryPatience with the
	// way there and back.
	ownerPatience = 2 * time.Second
	tryPatience   = ownerPatience + 500*time.Millisecond
)

// calls are the calls of this node that wait for an answer.
type calls struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]waitingCall
	over    bool
}

type waitingCall struct {
	peer   string
	answer chan *wire.Answer // takes one; closed instead when none will come
}

func newCalls() *calls { return &calls{waiting: map[uint64]waitingCall{}} }

// id returns the number of a call that nobody waits for. Numbers rise.
func (c *calls) id() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	return c.last
}

func (c *calls) open(peer string) (id uint64, answer <-chan *wire.Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	ch := make(chan *wire.Answer, 1)
	if c.over {
		close(ch)
		return c.last, ch
	}
	c.waiting[c.last] = waitingCall{peer, ch}
	return c.last, ch
}

func (c *calls) close(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// answer gives an answer to who waits for it, if anybody still does.
func (c *calls) answer(a *wire.Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.waiting[a.GetId()]; ok {
		delete(c.waiting, a.GetId())
		w.answer <- a
	}
}

// fail ends the calls that wait for a peer.
func (c *calls) fail(peer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, w := range c.waiting {
		if w.peer == peer {
			delete(c.waiting, id)
			close(w.answer)
		}
	}
}

// failAll ends all calls, and those to come.
func (c *calls) failAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for id, w := range c.waiting {
		delete(c.waiting, id)
		close(w.answer)
	}
}

// ask makes one try of a call. An error that a later try can mend wraps
// hub.ErrUnavailable.
func (t *traffic) ask(ctx context.Context, peer view.Announcement, call *wire.Call) (*wire.Answer, error) {
	if _, ok := t.view().Member(peer.ID); !ok {
		return nil, hub.Unavailablef("node %s has gone", peer.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, tryPatience)
	defer cancel()
	id, answer := t.calls.open(peer.ID)
	defer t.calls.close(id)
	call.Id, call.From, call.Address = id, t.id, t.system.Address()
	deadline, _ := ctx.Deadline()
	call.PatienceMs = uint32(max(1, min(time.Until(deadline), ownerPatience).Milliseconds()))
	t.metrics.count(peer.Name, "call", sent)
	t.system.Root.Send(to(peer.ID, peer.Addr), call)
	select {
	case a, ok := <-answer:
		if !ok {
			return nil, hub.Unavailablef("the connection to node %s broke", peer.Name)
		}
		t.metrics.count(peer.Name, "answer", received)
		return a, wire.ToError(a.GetFailure())
	case <-ctx.Done():
		switch {
		case t.ctx.Err() != nil:
			return nil, hub.Unavailablef("this node is leaving")
		case errors.Is(ctx.Err(), context.Canceled):
			return nil, ctx.Err()
		}
		return nil, hub.Unavailablef("node %s did not answer in time", peer.Name)
	}
}

// tell makes a call that has no answer.
func (t *traffic) tell(pid *actor.PID, name string, call *wire.Call) {
	call.Id, call.From, call.Address = t.calls.id(), t.id, t.system.Address()
	t.metrics.count(name, "call", sent)
	t.system.Root.Send(pid, call)
}
