package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/hub"
)

// memory is a Timeline in memory that can be told to be away.
type memory struct {
	mu      sync.Mutex
	away    bool
	refuse  error      // what Write answers, if not nil
	broken  hub.Stream // cannot be loaded, ever
	slow    hub.Stream // cannot be loaded in time
	most    int        // streams that it loads in time, if not 0
	largest int64      // bytes of the largest write
	entries map[hub.Stream]map[uint64]*hub.Entry
	marks   map[string]map[hub.Stream]uint64
	loads   int // queries that were answered
	loaded  int // streams in them
	tries   int // queries, answered or not
	newest  int // streams in the newest of them
	pruned  []time.Time
}

func newMemory() *memory {
	return &memory{entries: map[hub.Stream]map[uint64]*hub.Entry{}, marks: map[string]map[hub.Stream]uint64{}}
}

func (m *memory) setAway(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// asked returns how many queries there were, answered or not, and of how many
// streams the newest was.
func (m *memory) asked() (tries, newest int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tries, m.newest
}

func (m *memory) setMost(most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.most = most
}

func (m *memory) refuseWrites(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

func (m *memory) Write(_ context.Context, entries []*hub.Entry, marks []hub.Mark) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return hub.Unavailablef("away")
	}
	if m.refuse != nil {
		return m.refuse
	}
	size := 0
	for _, e := range entries {
		size += e.Size()
		if m.entries[e.Stream] == nil {
			m.entries[e.Stream] = map[uint64]*hub.Entry{}
		}
		m.entries[e.Stream][e.Seq] = e
	}
	m.largest = max(m.largest, int64(size))
	for _, k := range marks {
		if m.marks[k.Admin] == nil {
			m.marks[k.Admin] = map[hub.Stream]uint64{}
		}
		m.marks[k.Admin][k.Stream] = max(m.marks[k.Admin][k.Stream], k.Seq)
	}
	return nil
}

func (m *memory) sorted(stream hub.Stream) []*hub.Entry {
	return slices.SortedFunc(maps.Values(m.entries[stream]), func(a, b *hub.Entry) int { return a.Place().Compare(b.Place()) })
}

func (m *memory) Load(_ context.Context, requests []hub.LoadRequest) ([]hub.StreamState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries++
	m.newest = len(requests)
	if m.away {
		return nil, hub.Unavailablef("away")
	}
	late := slices.ContainsFunc(requests, func(r hub.LoadRequest) bool { return r.Stream == m.slow })
	if late || m.most > 0 && len(requests) > m.most {
		return nil, hub.Unavailablef("too slow: %w", context.DeadlineExceeded)
	}
	m.loads++
	m.loaded += len(requests)
	states := make([]hub.StreamState, len(requests))
	for i, r := range requests {
		if r.Stream == m.broken {
			return nil, fmt.Errorf("stream %s is broken", r.Stream)
		}
		states[i] = storedBefore(m.sorted(r.Stream), r.Before)
		states[i].Stream = r.Stream
		states[i].Marks = maps.Clone(m.marks[r.Stream.Key()])
	}
	return states, nil
}

// storedBefore is what the entries, ascending, say of a stream just before an offset.
func storedBefore(entries []*hub.Entry, offset int64) (state hub.StreamState) {
	for _, e := range entries {
		if e.Offset < offset {
			state.Seq, state.Time = e.Seq, e.Time
			state.IDs = append(state.IDs, e.ID)
		}
	}
	state.IDs = state.IDs[max(0, len(state.IDs)-hub.DuplicateWindow):]
	return state
}

func (m *memory) Range(_ context.Context, stream hub.Stream, after, to uint64, limit int) ([]*hub.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*hub.Entry
	for _, e := range m.sorted(stream) {
		if e.Seq > after && e.Seq <= to {
			found = append(found, e)
		}
	}
	return found[:hub.Fitting(found, limit, hub.MaxRangeBytes)], nil
}

func (m *memory) List(_ context.Context, q hub.Query) ([]*hub.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*hub.Entry
	for _, r := range q.Ranges {
		for _, e := range m.sorted(r.Stream) {
			if q.Holds(e) {
				found = append(found, e)
			}
		}
	}
	slices.SortFunc(found, func(a, b *hub.Entry) int { return b.Place().Compare(a.Place()) })
	return found[:min(len(found), q.Limit)], nil
}

func (m *memory) Prune(_ context.Context, before time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pruned = append(m.pruned, before)
	return nil
}

// cuts returns before when things were let go, each time.
func (m *memory) cuts() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.pruned)
}

func (m *memory) Floors(context.Context, []hub.Stream) (map[hub.Stream]uint64, error) {
	return nil, nil
}

func (m *memory) FlushEvery() time.Duration { return 0 }

// errAway is what the journal answers while it is away.
var errAway = hub.Unavailablef("journal away")

// log is a journal of one process: Append gives records to the host at once.
type log struct {
	mu      sync.Mutex
	host    *Host
	records [][]hub.Record
	away    bool
	commits map[int32]int64
	stale   atomic.Bool // the group has not been heard of
}

func (l *log) Append(ctx context.Context, records []hub.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return errAway
	}
	for _, r := range records {
		id := r.Stream.Shard(int32(len(l.records)))
		r.Offset, r.Time = int64(len(l.records[id])), int64(len(l.records[id]))
		l.records[id] = append(l.records[id], r)
		if err := l.host.Apply(ctx, id, []hub.Record{r}, r.Offset+1); err != nil {
			return err
		}
	}
	return nil
}

func (l *log) Commit(next map[int32]int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.commits, next)
	return nil
}

func (l *log) Fresh() bool { return !l.stale.Load() }

func (l *log) committed(id int32) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commits[id]
}

// recorder is a Follower that remembers.
type recorder struct {
	mu      sync.Mutex
	entries map[hub.Stream][]*hub.Entry
	marks   map[string]map[hub.Stream]uint64
	lost    []hub.Stream
	panics  bool
}

func newRecorder() *recorder {
	return &recorder{entries: map[hub.Stream][]*hub.Entry{}, marks: map[string]map[hub.Stream]uint64{}}
}

func (s *recorder) setPanics(panics bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.panics = panics
}

func (s *recorder) Deliver(stream hub.Stream, entries []*hub.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics {
		panic("the sink is broken")
	}
	s.entries[stream] = append(s.entries[stream], entries...)
}

func (s *recorder) Marked(admin string, marks map[hub.Stream]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks[admin] = marks
}

func (s *recorder) Retained(hub.Stream, uint64) {}

func (s *recorder) Lost(stream hub.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = append(s.lost, stream)
}

func (s *recorder) got(stream hub.Stream) []*hub.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries[stream])
}

// node is a host with all that it needs, in one process.
type node struct {
	host     *Host
	core     *Core
	log      *log
	sink     *recorder
	timeline *memory

	changes atomic.Int32 // of ownership, as they were told

	mu     sync.Mutex
	system *actor.ActorSystem
}

func (n *node) Spawn(stream hub.Stream) (*actor.PID, error) {
	if _, err := hub.ParseStream(string(stream)); err != nil {
		return nil, err
	}
	return n.Root().Spawn(actor.PropsFromProducer(n.host.Producer)), nil
}

// Root implements Runtime.
func (n *node) Root() *actor.RootContext { return n.present().Root }

func (n *node) present() *actor.ActorSystem {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.system
}

// local is Streams of a cluster of one: it tries again until ctx ends.
type local struct {
	host     *Host
	follower hub.Follower
}

// tried calls the host until it does not say that a later try may help.
func tried[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !hub.Temporary(err) || errors.Is(err, errAway) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (l *local) Follow(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	return tried(ctx, func() (hub.Head, error) { return l.host.Follow(ctx, stream, l.follower) })
}

func (l *local) Unfollow(stream hub.Stream) { l.host.Unfollow(stream, l.follower) }

func (l *local) Heads(ctx context.Context, streams []hub.Stream) ([]hub.Head, error) {
	heads := make([]hub.Head, len(streams))
	for i, stream := range streams {
		var err error
		if heads[i], err = tried(ctx, func() (hub.Head, error) { return l.host.Head(ctx, stream) }); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

func (l *local) Tail(ctx context.Context, stream hub.Stream, after uint64) (hub.Tail, error) {
	return tried(ctx, func() (hub.Tail, error) { return l.host.Tail(ctx, stream, after) })
}

func (l *local) Pending(ctx context.Context, streams []hub.Stream) ([]*hub.Entry, error) {
	var all []*hub.Entry
	for _, stream := range streams {
		entries, err := tried(ctx, func() ([]*hub.Entry, error) { return l.host.Pending(ctx, stream) })
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

func (l *local) Person(ctx context.Context, admin string, heads []hub.Head) (map[hub.Stream]uint64, error) {
	key := rand.Text()
	return tried(ctx, func() (map[hub.Stream]uint64, error) { return l.host.Person(ctx, admin, heads, key) })
}

func (l *local) Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64) (map[hub.Stream]uint64, error) {
	key := rand.Text()
	return tried(ctx, func() (map[hub.Stream]uint64, error) { return l.host.Mark(ctx, admin, marks, key) })
}

const shards = 4

var everyShard = []int32{0, 1, 2, 3}

func newSystem() *actor.ActorSystem {
	quiet := slog.New(slog.DiscardHandler)
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
		actor.WithDeadLetterRequestLogging(false))
}

func newNode(t *testing.T, timeline *memory, journal *log) *node {
	t.Helper()
	return newNodeWith(t, timeline, journal, func(*Options) {})
}

// newNodeWith returns a node whose host has other options.
func newNodeWith(t *testing.T, timeline *memory, journal *log, change func(*Options)) *node {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	n := &node{
		timeline: timeline, log: journal,
		sink:   &recorder{entries: map[hub.Stream][]*hub.Entry{}, marks: map[string]map[hub.Stream]uint64{}},
		system: newSystem(),
	}
	opts := Options{
		Shards: shards, Timeline: timeline, Journal: journal, Log: quiet, Metrics: prometheus.NewRegistry(),
		OwnershipChanged: func() { n.changes.Add(1) },
	}
	change(&opts)
	n.host = NewHost(opts)
	n.host.Start(n)
	n.host.MemberOf(journal)
	n.core = NewCore(&local{n.host, n.sink}, timeline)
	journal.mu.Lock()
	journal.host = n.host
	journal.mu.Unlock()
	return n
}

// claim owns every shard and replays it from its committed offset.
func (n *node) claim(t *testing.T) {
	t.Helper()
	n.log.mu.Lock()
	defer n.log.mu.Unlock()
	n.host.Assigned(1, everyShard)
	for id := range int32(shards) {
		from := n.log.commits[id]
		if err := n.host.Own(t.Context(), id, 1, from, int64(len(n.log.records[id]))); err != nil {
			t.Fatal(err)
		}
		if err := n.host.Apply(t.Context(), id, n.log.records[id][from:], int64(len(n.log.records[id]))); err != nil {
			t.Fatal(err)
		}
	}
}

func start(t *testing.T) *node {
	t.Helper()
	return startWith(t, func(*Options) {})
}

func startWith(t *testing.T, change func(*Options)) *node {
	t.Helper()
	n := newNodeWith(t, newMemory(), &log{records: make([][]hub.Record, shards), commits: map[int32]int64{}}, change)
	n.claim(t)
	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		n.host.Stop(limit)
		n.present().Shutdown()
	})
	return n
}

func note(stream hub.Stream, id string) hub.Record {
	return hub.Record{Stream: stream, Kind: hub.Notification, ID: id, Type: "NOTICE", Payload: []byte(`{"id":"` + id + `"}`)}
}

func (n *node) publish(t *testing.T, records ...hub.Record) {
	t.Helper()
	if err := n.log.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

// asleep returns how many actors wait to be woken while the timeline is away.
func (n *node) asleep() int {
	n.host.loader.mu.Lock()
	queued := len(n.host.loader.sleepers)
	n.host.loader.mu.Unlock()
	_, asked := n.timeline.asked()
	return queued + asked
}
