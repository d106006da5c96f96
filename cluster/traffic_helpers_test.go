package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// trafficShards is how many shards the tests' clusters have.
const trafficShards = 16

// town is a few nodes in one process that talk over loopback. Who is a member
// and who owns what is as the test says.
type town struct {
	t        testing.TB
	stations []*station
	mu       sync.Mutex
	claims   map[int32]int // shard to station
	absent   map[int]bool
	// generation grows with every move; a station that is cut off from it goes on
	// announcing what it had then.
	generation int32
	cut        map[int]view.Announcement
	lines      *lines // nil: protoactor's remote
}

// station is a node's traffic with an owner and a follower of the test's.
type station struct {
	town     *town
	name     string
	system   *actor.ActorSystem
	traffic  *traffic
	owner    *fakeOwner
	follower *recorder
	registry *prometheus.Registry
	view     atomic.Pointer[view.View]
	// take decides about messages that come; nil takes all.
	filter    atomic.Pointer[func(message any) bool]
	suspected sync.Map
}

// newTown returns a town whose time is the machine's.
func newTown(t testing.TB, n int) *town {
	t.Helper()
	if test, ok := t.(*testing.T); ok {
		test.Parallel() // what takes time here is waiting
	}
	if underRace {
		return build(t, n, newLines())
	}
	return build(t, n, nil)
}

// onItsOwnClock runs a test of a town whose clock goes on only when everybody waits:
// what the test says of times holds however busy the machine is.
func onItsOwnClock(t *testing.T, n int, test func(t *testing.T, w *town)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		// At last, for protoactor to have counted the dead letters of a second.
		t.Cleanup(func() { time.Sleep(2 * time.Second) })
		test(t, build(t, n, newLines()))
	})
}

func build(t testing.TB, n int, over *lines) *town {
	t.Helper()
	w := &town{t: t, claims: map[int32]int{}, absent: map[int]bool{}, cut: map[int]view.Announcement{}, lines: over}
	for i := range n {
		w.stations = append(w.stations, newStation(t, w, fmt.Sprintf("node-%c", 'a'+i)))
	}
	w.publish()
	for _, s := range w.stations {
		if err := s.traffic.start(); err != nil {
			t.Fatal(err)
		}
		s.filterMessages()
	}
	t.Cleanup(func() {
		for _, s := range w.stations {
			s.traffic.stop()
		}
	})
	return w
}

func newStation(t testing.TB, w *town, name string) *station {
	t.Helper()
	system := newSystem(t, w, name)
	s := &station{town: w, name: name, system: system, follower: newRecorder(), registry: prometheus.NewRegistry()}
	s.owner = &fakeOwner{owns: map[hub.Stream]*fakeStream{}, keys: map[string]int{}, yielded: map[int32]int32{}, holds: func(stream hub.Stream) bool { return w.ownerOf(stream) == s }, newest: s.newest}
	s.view.Store(view.New(trafficShards))
	metrics, err := newLinkMetrics(s.registry)
	if err != nil {
		t.Fatal(err)
	}
	s.traffic = newTraffic(trafficConfig{
		id: system.ID, system: system, view: s.view.Load, owner: s.owner, follower: s.follower,
		status:  func() Status { return Status{Sessions: 7, Lag: map[int32]int64{3: 4}} },
		suspect: func(id string) { s.suspected.Store(id, true) },
		log:     slog.New(slog.DiscardHandler), metrics: metrics,
	})
	return s
}

// filterMessages puts the filter before the traffic's entrance.
func (s *station) filterMessages() {
	s.system.ProcessRegistry.Remove(s.traffic.entry)
	s.system.ProcessRegistry.Add(entrance(func(message any) {
		if pass := s.filter.Load(); pass == nil || (*pass)(message) {
			s.traffic.take(message)
		}
	}), s.traffic.entry.Id)
}

// only lets only some messages in; nil lets in all.
func (s *station) only(pass func(message any) bool) {
	if pass == nil {
		s.filter.Store(nil)
		return
	}
	s.filter.Store(&pass)
}

// move gives the shards of streams to a station, in a new generation, and tells
// everybody.
func (w *town) move(to int, streams ...hub.Stream) {
	w.mu.Lock()
	w.generation++
	for _, stream := range streams {
		w.claims[stream.Shard(trafficShards)] = to
	}
	w.mu.Unlock()
	w.publish()
}

// cutOff keeps a station from hearing of later generations.
func (w *town) cutOff(i int) {
	own, _ := w.stations[i].view.Load().Member(w.stations[i].id())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[i] = own
}

// newest returns the newest generation that the station has heard of.
func (s *station) newest() int32 {
	s.town.mu.Lock()
	defer s.town.mu.Unlock()
	for i, own := range s.town.cut {
		if s.town.stations[i] == s {
			return own.Generation
		}
	}
	return s.town.generation
}

// remove has all others find a station gone.
func (w *town) remove(i int) {
	w.mu.Lock()
	w.absent[i] = true
	for shard, owner := range w.claims {
		if owner == i {
			delete(w.claims, shard)
		}
	}
	w.mu.Unlock()
	w.publish()
}

func (w *town) ownerOf(stream hub.Stream) *station {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i, ok := w.claims[stream.Shard(trafficShards)]; ok {
		return w.stations[i]
	}
	return nil
}

// publish gives all stations the view as the test wants it.
func (w *town) publish() {
	w.mu.Lock()
	shards := make([][]int32, len(w.stations))
	for shard, i := range w.claims {
		shards[i] = append(shards[i], shard)
	}
	var members []view.Announcement
	for i, s := range w.stations {
		own, cut := w.cut[i]
		if !cut {
			own = view.Announcement{
				ID: s.system.ID, Name: s.name, Addr: s.system.Address(), Generation: w.generation, Shards: view.SetOf(shards[i]...),
			}
		}
		if !w.absent[i] {
			members = append(members, own)
		}
	}
	absent := maps.Clone(w.absent)
	w.mu.Unlock()
	now := view.New(trafficShards, members...)
	for i, s := range w.stations {
		if !absent[i] {
			s.traffic.viewChanged(s.view.Swap(now), now)
		}
	}
}

func (s *station) id() string { return s.system.ID }

// fakeOwner owns streams and keeps all their entries.
type fakeOwner struct {
	holds  func(hub.Stream) bool
	newest func() int32 // generation that it knows of

	mu       sync.Mutex
	owns     map[hub.Stream]*fakeStream
	keys     map[string]int // of commands: how often each was tried
	failNext int            // of commands
	stall    chan struct{}  // while not nil, calls wait for it
	calls    int
	begins   uint64          // tails hold what comes after it
	yielded  map[int32]int32 // shard to the newest generation in which it is another's
}

type fakeStream struct {
	entries   []*hub.Entry
	followers map[hub.Follower]bool
}

func (o *fakeOwner) Activate(hub.Stream) (*actor.PID, error) {
	return nil, hub.Unavailablef("no actors")
}

// stream returns a stream that it owns; mu is held.
func (o *fakeOwner) stream(stream hub.Stream) (*fakeStream, error) {
	if !o.holds(stream) {
		return nil, hub.Unavailablef("not the owner of %s", stream)
	}
	s := o.owns[stream]
	if s == nil {
		s = &fakeStream{followers: map[hub.Follower]bool{}}
		o.owns[stream] = s
	}
	return s, nil
}

func (o *fakeOwner) wait(ctx context.Context) error {
	o.mu.Lock()
	o.calls++
	stall := o.stall
	o.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (o *fakeOwner) Follow(ctx context.Context, stream hub.Stream, f hub.Follower) (hub.Head, error) {
	if err := o.wait(ctx); err != nil {
		return hub.Head{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s, err := o.stream(stream)
	if err != nil {
		return hub.Head{}, err
	}
	s.followers[f] = true
	return s.head(stream), nil
}

func (s *fakeStream) head(stream hub.Stream) hub.Head {
	return hub.Head{Stream: stream, Seq: uint64(len(s.entries))}
}

func (o *fakeOwner) Unfollow(stream hub.Stream, f hub.Follower) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.owns[stream]; s != nil {
		delete(s.followers, f)
	}
}

func (o *fakeOwner) followers(stream hub.Stream) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.owns[stream]; s != nil {
		return len(s.followers)
	}
	return 0
}

func (o *fakeOwner) Head(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	if err := o.wait(ctx); err != nil {
		return hub.Head{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s, err := o.stream(stream)
	if err != nil {
		return hub.Head{}, err
	}
	return s.head(stream), nil
}

func (o *fakeOwner) Tail(ctx context.Context, stream hub.Stream, after uint64) (hub.Tail, error) {
	entries, err := o.Pending(ctx, stream)
	if err != nil {
		return hub.Tail{}, err
	}
	tail := hub.Tail{Head: hub.Head{Stream: stream, Seq: uint64(len(entries))}, Whole: after >= o.begins}
	tail.Entries = entries[max(after, o.begins):]
	return tail, nil
}

func (o *fakeOwner) Pending(ctx context.Context, stream hub.Stream) ([]*hub.Entry, error) {
	if err := o.wait(ctx); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s, err := o.stream(stream)
	if err != nil {
		return nil, err
	}
	return append([]*hub.Entry(nil), s.entries...), nil
}

func (o *fakeOwner) Person(ctx context.Context, admin string, heads []hub.Head, key string) (map[hub.Stream]uint64, error) {
	marks := map[hub.Stream]uint64{}
	for _, head := range heads {
		marks[head.Stream] = head.Seq
	}
	return o.Mark(ctx, admin, marks, key)
}

func (o *fakeOwner) Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64, key string) (map[hub.Stream]uint64, error) {
	if err := o.wait(ctx); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.stream(hub.AdminStream(admin)); err != nil {
		return nil, err
	}
	o.keys[key]++
	if o.failNext > 0 {
		o.failNext--
		return nil, hub.Unavailablef("try again")
	}
	if marks["mall:0"] > 0 {
		return nil, hub.Invalidf("no such mall")
	}
	return marks, nil
}

func (o *fakeOwner) Ownership() (int32, []int32) { return 0, nil }
func (o *fakeOwner) LetGo()                      {}

func (o *fakeOwner) Yield(generation int32, shards []int32) {
	own := o.newest()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, shard := range shards {
		o.yielded[shard] = max(o.yielded[shard], generation)
	}
	for stream := range o.owns {
		if own < generation && slices.Contains(shards, stream.Shard(trafficShards)) {
			o.loseLocked(stream)
		}
	}
}

// yields returns of which generation another's claim of the stream's shard is; 0 if
// nobody has told.
func (o *fakeOwner) yields(stream hub.Stream) int32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.yielded[stream.Shard(trafficShards)]
}

// add gives a stream its next entries, in one delivery.
func (o *fakeOwner) add(t *testing.T, stream hub.Stream, n, size int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	s, err := o.stream(stream)
	if err != nil {
		t.Fatal(err)
	}
	var fresh []*hub.Entry
	for range n {
		seq := uint64(len(s.entries) + 1)
		entry := &hub.Entry{Stream: stream, Seq: seq, Offset: int64(seq) * 2, Time: int64(seq) * 3, Kind: hub.Notification, ID: fmt.Sprint("id-", seq), Type: "NOTICE", Payload: make([]byte, size)}
		s.entries, fresh = append(s.entries, entry), append(fresh, entry)
	}
	for f := range s.followers {
		f.Deliver(stream, fresh)
	}
}

// letGo loses a stream to its followers.
func (o *fakeOwner) letGo(stream hub.Stream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.loseLocked(stream)
}

func (o *fakeOwner) loseLocked(stream hub.Stream) {
	for f := range o.owns[stream].followers {
		f.Lost(stream)
	}
	o.owns[stream].followers = map[hub.Follower]bool{}
}

func patience(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// metric returns the sum of a station's counters of a name with these labels.
func (s *station) metric(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			matches := 0
			for _, label := range m.GetLabel() {
				if labels[label.GetName()] == label.GetValue() {
					matches++
				}
			}
			if matches == len(labels) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
