package actors

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/hub"
)

// sweepEvery is how often actors are asked to let go of what is not needed. A
// stream that was quiet for a whole period is passivated.
const sweepEvery = time.Minute

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

// Spawner starts the actor of a stream.
type Spawner interface {
	Spawn(stream hub.Stream) (*actor.PID, error)
}

// Commits takes the offsets up to which shards are in the timeline.
type Commits interface {
	// Commit commits the next offset of each shard to the journal's consumer
	// group. It blocks until the group's coordinator has answered.
	Commit(next map[int32]int64) error
}

// Options configures a Host.
type Options struct {
	Shards   int32
	Timeline Timeline
	Journal  Journal
	Sink     Sink
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	// MaxUnflushed bounds the bytes of entries that wait in memory for the
	// timeline; at the bound the shards are no longer consumed. 256 MiB if 0.
	MaxUnflushed int64
	// Retention is how long entries stay in the timeline; 0 keeps them for good.
	Retention time.Duration
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Host runs the actors of the streams whose shards this node owns. It takes the
// shards' records from the journal's consumer and commits them once they are in
// the timeline.
type Host struct {
	shards   []*shard
	timeline Timeline
	journal  Journal
	sink     Sink
	log      *slog.Logger
	metrics  *metrics
	now      func() time.Time

	retention time.Duration
	loader    *loader
	writer    *writer
	budget    *budget

	spawner Spawner
	system  *actor.ActorSystem
	commits atomic.Pointer[Commits]

	generation atomic.Int32 // the newest in which this node owned a shard

	committing chan struct{} // holds a token while a commit is under way
	stop       context.CancelFunc
	running    sync.WaitGroup
}

// NewHost returns a host that owns nothing yet. Start starts it.
func NewHost(opts Options) *Host {
	h := &Host{
		timeline:   opts.Timeline,
		journal:    opts.Journal,
		sink:       opts.Sink,
		log:        opts.Log.With("part", "actors"),
		now:        opts.Now,
		retention:  opts.Retention,
		committing: make(chan struct{}, 1),
	}
	if h.now == nil {
		h.now = time.Now
	}
	if opts.MaxUnflushed == 0 {
		opts.MaxUnflushed = 256 << 20
	}
	h.budget = newBudget(max(opts.MaxUnflushed, minUnflushed))
	h.shards = make([]*shard, opts.Shards)
	for i := range h.shards {
		h.shards[i] = &shard{id: int32(i), host: h, streams: make(map[hub.Stream]*activation)}
	}
	h.loader = &loader{timeline: opts.Timeline, log: h.log, wake: make(chan struct{}, 1)}
	h.writer = newWriter(opts.Timeline, h.log, h.budget)
	h.metrics = newMetrics(opts.Metrics, h)
	h.loader.metrics, h.writer.metrics = h.metrics, h.metrics
	return h
}

// Producer makes stream actors; give it to the cluster's node.
func (h *Host) Producer() actor.Actor { return &streamActor{host: h} }

// Start begins loading, writing, committing and sweeping. spawner and system are
// the cluster node's. Stop ends it.
func (h *Host) Start(spawner Spawner, system *actor.ActorSystem) {
	h.spawner, h.system = spawner, system
	h.loader.reply = func(to *actor.PID, m *loaded) { system.Root.Send(to, m) }
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	for _, loop := range []func(context.Context){h.loader.run, h.writer.run, h.commitLoop, h.sweepLoop, h.pruneLoop} {
		h.running.Go(func() { loop(ctx) })
	}
}

// CommitTo names where offsets are committed. Until then they wait.
func (h *Host) CommitTo(commits Commits) { h.commits.Store(&commits) }

// Stop writes what still waits, as far as ctx allows, and ends the host's
// goroutines. Consumption must have ended before, and with it the right to commit:
// entries that are stored only now, or could not be, come again at the next start,
// under the same numbers.
func (h *Host) Stop(ctx context.Context) {
	h.writer.drain(ctx)
	h.stop()
	h.running.Wait()
}

// Owned returns the shards that this node owns, ascending, and the newest
// generation of the consumer group that gave it one.
func (h *Host) Owned() (generation int32, shards []int32) {
	shards = []int32{}
	for _, s := range h.shards {
		s.mu.Lock()
		if s.owned {
			shards = append(shards, s.id)
			generation = max(generation, s.generation)
		}
		s.mu.Unlock()
	}
	return generation, shards
}

// Serving reports whether this node holds shards and has applied, in all of them,
// what was in the journal when it got them.
func (h *Host) Serving() bool {
	held := false
	for _, s := range h.shards {
		s.mu.Lock()
		behind := s.held && s.position < s.end
		held = held || s.held
		s.mu.Unlock()
		if behind {
			return false
		}
	}
	return held
}

// newest notes a generation of the consumer group that gave this node a shard.
func (h *Host) newest(generation int32) {
	for {
		known := h.generation.Load()
		if generation <= known || h.generation.CompareAndSwap(known, generation) {
			return
		}
	}
}

// shardOf returns the shard of a stream.
func (h *Host) shardOf(stream hub.Stream) *shard {
	return h.shards[stream.Shard(int32(len(h.shards)))]
}

// Activate returns the PID of the stream's actor, having started it if need be.
func (h *Host) Activate(stream hub.Stream) (*actor.PID, error) {
	return h.shardOf(stream).activate(stream)
}

// commitEvery is how often finished offsets are committed. What was not
// committed at a crash is replayed, and gets the same numbers.
const commitEvery = 200 * time.Millisecond

func (h *Host) commitLoop(ctx context.Context) {
	every(ctx, commitEvery, func() { h.commit(ctx) })
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, period time.Duration, f func()) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}

// commit commits the finished offsets of all claimed shards. One commit is under
// way at a time, so that none undoes a later one; ctx bounds the wait for its turn.
func (h *Host) commit(ctx context.Context) {
	commits := h.commits.Load()
	if commits == nil {
		return
	}
	select {
	case h.committing <- struct{}{}:
	default:
		select {
		case h.committing <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
	defer func() { <-h.committing }()
	next := make(map[int32]int64)
	for _, s := range h.shards {
		if low, moved := s.uncommitted(); moved {
			next[s.id] = low
		}
	}
	if len(next) == 0 {
		return
	}
	if err := (*commits).Commit(next); err != nil {
		h.metrics.commitErrors.Inc()
		h.log.Debug("offsets not committed yet", "shards", len(next), "err", err)
		return
	}
	for id, low := range next {
		h.shards[id].setCommitted(low)
	}
}

func (h *Host) sweepLoop(ctx context.Context) { every(ctx, sweepEvery, h.sweep) }

// sweep ticks every actor, and lets go of shards that are not coming back.
func (h *Host) sweep() {
	tick := &sweep{now: h.now()}
	for _, s := range h.shards {
		s.dropAbandoned(h.generation.Load())
		for _, pid := range s.live() {
			h.system.Root.Send(pid, tick)
		}
	}
}

// pruneEvery is how often the timeline is asked to let go of old entries.
const pruneEvery = time.Hour

func (h *Host) pruneLoop(ctx context.Context) {
	if h.retention <= 0 {
		return
	}
	prune := func() {
		if err := h.prune(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("retention could not be applied; it is tried again within the hour", "err", err)
		}
	}
	prune()
	every(ctx, pruneEvery, prune)
}

func (h *Host) prune(ctx context.Context) error {
	if err := h.timeline.Prune(ctx, h.now().Add(-h.retention)); err != nil {
		return err
	}
	for _, s := range h.shards {
		live := s.live()
		floors, err := h.timeline.Floors(ctx, slices.Collect(maps.Keys(live)))
		if err != nil {
			return err
		}
		for stream, floor := range floors {
			h.system.Root.Send(live[stream], &retained{floor})
		}
	}
	return nil
}
