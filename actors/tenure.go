package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/actors/rules"
	"bongsu/internal/hub"
)

// tenure is what lives and dies with one holding of a shard: its actors, and the
// ledger of their records. What is still on its way to the timeline when the
// tenure ends goes on under it, and touches no later one.
type tenure struct {
	root *actor.RootContext // of the actor system that the actors live in
	over atomic.Bool        // the actors are being let go

	streams map[hub.Stream]*activation // guarded by the shard's mutex

	mu     sync.Mutex // may be taken while the shard's is held
	ledger *rules.Ledger
}

// activation is one live actor and how many messages it was sent that it counts.
type activation struct {
	pid  *actor.PID
	sent uint64
}

func newTenure(root *actor.RootContext, from int64) *tenure {
	return &tenure{root: root, streams: make(map[hub.Stream]*activation), ledger: rules.NewLedger(from, mutant())}
}

// end lets all actors go. They end behind their mailboxes, so that all records in
// them come to the writer; the shard's mutex is held, so that none follows.
func (t *tenure) end() {
	t.over.Store(true)
	t.release()
	for _, a := range t.streams {
		t.root.Poison(a.pid)
	}
	t.streams = nil
}

// send gives the actor a message that it counts.
func (t *tenure) send(a *activation, message any) {
	a.sent++
	t.root.Send(a.pid, message)
}

func (t *tenure) claim(from int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ledger.Claim(from)
}

func (t *tenure) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ledger.Release()
}

func (t *tenure) take(records []hub.Record, next int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ledger.Take(records, next)
}

// claimed reports whether a claim of the shard is under way.
func (t *tenure) claimed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ledger.Claimed()
}

// finish says that the record at offset is in the timeline or needs not be.
func (t *tenure) finish(offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ledger.Finish(offset)
}

func (t *tenure) unfinished() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ledger.Unfinished()
}

func (t *tenure) committable() (low int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ledger.Committable()
}

func (t *tenure) committed(low int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ledger.Committed(low)
}
