package actors

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/hub"
)

// minUnflushed is the least budget that works: one record of the largest size
// must always fit.
const minUnflushed = 4 << 20

// Timeline is what the actors need of the timeline store; see
// persistence.Timeline for the contract of each method.
type Timeline interface {
	Write(ctx context.Context, entries []*hub.Entry, marks []hub.Mark) error
	Load(ctx context.Context, requests []hub.LoadRequest) ([]hub.StreamState, error)
	Range(ctx context.Context, stream hub.Stream, after, to uint64, limit int) ([]*hub.Entry, error)
	List(ctx context.Context, query hub.Query) ([]*hub.Entry, error)
	Prune(ctx context.Context, before time.Time) error
	Floors(ctx context.Context, streams []hub.Stream) (map[hub.Stream]uint64, error)
	FlushEvery() time.Duration
}

// Journal appends records to the journal.
type Journal interface {
	// Append returns when all in-sync replicas have all records.
	Append(ctx context.Context, records []hub.Record) error
}

// Runtime is where actors live. A process may have several, one after the other:
// PIDs of one are not used in the next. Methods may be called at once, do not block
// and do not wait for anybody who may be calling the Host.
type Runtime interface {
	// Spawn starts the actor of a stream in the present actor system. An error that
	// wraps hub.ErrInvalid means that the stream can have no actor.
	Spawn(stream hub.Stream) (*actor.PID, error)
	// Root sends to actors of the present actor system; nil while there is none. It
	// is the same for as long as the system lives, and never comes back after.
	Root() *actor.RootContext
}

// Group is the journal's consumer group, of which this node is a member. Its methods
// may be called at once.
type Group interface {
	// Commit commits the next offset of each shard to the journal's consumer
	// group. It blocks until the group's coordinator has answered.
	Commit(next map[int32]int64) error
	// Fresh reports whether the coordinator has taken this node for a member just now.
	// If not, another may have its shards. It does not block.
	Fresh() bool
}

// Options configures a Host.
type Options struct {
	Shards   int32
	Timeline Timeline
	Journal  Journal
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	// OwnershipChanged, if not nil, is called soon after what Host.Ownership
	// returns may have changed, once for many changes. Calls come one at a time.
	OwnershipChanged func()
	// MaxUnflushed bounds the bytes of entries that wait in memory for the
	// timeline; at the bound the shards are no longer consumed. 256 MiB if 0.
	MaxUnflushed int64
	// Retention is how long entries stay in the timeline; 0 keeps them for good. It
	// counts from the newest record that the host has applied, or from Now if that is
	// earlier; a host that has applied none lets nothing go.
	Retention time.Duration
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Host runs the actors of the streams whose shards this node owns. It takes the
// shards' records from the journal's consumer, answers questions about the
// streams, and commits records once they are in the timeline. Its methods may be
// called at once from many goroutines.
type Host struct {
	shards   []*shard
	timeline Timeline
	journal  Journal
	log      *slog.Logger
	metrics  *metrics
	now      func() time.Time

	retention time.Duration
	newest    newest
	loader    *loader
	writer    *writer
	budget    *budget
	counts    counts

	runtime Runtime
	group   atomic.Pointer[Group]

	ownership  sync.Mutex // makes Assigned, Yield and LetGo one step each
	assigned   bool       // since the start or the last LetGo
	generation int32      // the newest that this node took part in
	yieldedTo  int32      // the newest since, in which others were found to have shards of this node

	changed    func()
	change     chan struct{} // holds a token when changed is to be called
	committing chan struct{} // holds a token while a commit is under way
	stop       context.CancelFunc
	running    sync.WaitGroup
}

// NewHost returns a host that owns nothing yet. Start starts it.
func NewHost(opts Options) *Host {
	h := &Host{
		timeline:   opts.Timeline,
		journal:    opts.Journal,
		log:        opts.Log.With("part", "actors"),
		now:        opts.Now,
		retention:  opts.Retention,
		newest:     newest{known: make(chan struct{})},
		changed:    opts.OwnershipChanged,
		change:     make(chan struct{}, 1),
		committing: make(chan struct{}, 1),
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.changed == nil {
		h.changed = func() {}
	}
	if opts.MaxUnflushed == 0 {
		opts.MaxUnflushed = 256 << 20
	}
	h.budget = newBudget(max(opts.MaxUnflushed, minUnflushed))
	h.shards = make([]*shard, opts.Shards)
	for i := range h.shards {
		h.shards[i] = newShard(int32(i), h)
	}
	h.loader = &loader{timeline: opts.Timeline, log: h.log, stride: newStride(maxLoad), wake: make(chan struct{}, 1)}
	h.writer = newWriter(opts.Timeline, h.log, h.budget)
	h.metrics = newMetrics(opts.Metrics, h)
	h.loader.metrics, h.writer.metrics = h.metrics, h.metrics
	return h
}

// Producer makes stream actors; give it to the cluster's node.
func (h *Host) Producer() actor.Actor { return &streamActor{host: h} }

// Start begins loading, writing, committing and sweeping, with actors that live in
// the runtime. Stop ends it.
func (h *Host) Start(runtime Runtime) {
	h.runtime = runtime
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	for _, loop := range []func(context.Context){h.loader.run, h.writer.run, h.commitLoop, h.sweepLoop, h.pruneLoop, h.changeLoop} {
		h.running.Go(func() { loop(ctx) })
	}
}

// MemberOf names the group that the node's shards are of. Until then commits wait, and
// no head is certain.
func (h *Host) MemberOf(group Group) { h.group.Store(&group) }

// fresh reports whether this node is known to be a member of the group just now.
func (h *Host) fresh() bool {
	group := h.group.Load()
	return group != nil && (*group).Fresh()
}

// Stop writes what still waits, as far as ctx allows, and ends the host's
// goroutines. Consumption must have ended before, and with it the right to commit:
// entries that are stored only now, or could not be, come again at the next start,
// under the same numbers.
func (h *Host) Stop(ctx context.Context) {
	h.writer.drain(ctx)
	h.stop()
	h.running.Wait()
}

// shardOf returns the shard of a stream.
func (h *Host) shardOf(stream hub.Stream) *shard {
	return h.shards[stream.Shard(int32(len(h.shards)))]
}

// alive counts the live actors.
func (h *Host) alive() int {
	n := 0
	for _, s := range h.shards {
		s.mu.Lock()
		n += len(s.tenure.streams)
		s.mu.Unlock()
	}
	return n
}
