package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

// watch is a handler that notes what happens, and a member that has it.
type watch struct {
	group *Group
	stop  func()

	mu       sync.Mutex
	running  map[int32]int64 // partition → offset of the newest record
	began    int             // how many claims did
	begins   map[int32]int   // of each partition
	assigned []map[string][]int32
	errs     []string
	// hold makes ended claims stay until it is closed.
	hold chan struct{}
}

func startWatch(t *testing.T, cfg Config, hold chan struct{}) *watch {
	t.Helper()
	return startLogged(t, cfg, hold, slog.New(slog.DiscardHandler))
}

func startLogged(t *testing.T, cfg Config, hold chan struct{}, log *slog.Logger) *watch {
	t.Helper()
	w := &watch{running: map[int32]int64{}, begins: map[int32]int{}, hold: hold, group: NewGroup(cfg, "g", []string{"t"}, log)}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := w.group.Run(ctx, Handler{Assigned: w.note, Consume: w.consume}); err != nil {
			t.Error(err)
		}
	})
	w.stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
	t.Cleanup(func() {
		w.stop()
		for _, err := range w.errs {
			t.Error(err)
		}
	})
	return w
}

func (w *watch) note(_ int32, claims map[string][]int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.assigned = append(w.assigned, claims)
}

func (w *watch) consume(ctx context.Context, claim Claim) error {
	w.mu.Lock()
	if _, twice := w.running[claim.Partition]; twice {
		w.errs = append(w.errs, fmt.Sprint("claimed twice at once: ", claim.Partition))
	}
	w.running[claim.Partition] = claim.From - 1
	w.began++
	w.begins[claim.Partition]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.running, claim.Partition)
		w.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			if w.hold != nil {
				<-w.hold
			}
			return nil
		case batch := <-claim.Batches:
			w.mu.Lock()
			for _, m := range batch {
				if m.Offset != w.running[claim.Partition]+1 {
					w.errs = append(w.errs, fmt.Sprintf("%d/%d after %d", m.Partition, m.Offset, w.running[claim.Partition]))
				}
				w.running[claim.Partition] = m.Offset
			}
			w.mu.Unlock()
		}
	}
}

// state returns how many claims run, have begun, and what the newest assignment
// has.
func (w *watch) state() (running, began, given int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	given = -1
	if n := len(w.assigned); n > 0 {
		given = len(w.assigned[n-1]["t"])
	}
	return len(w.running), w.began, given
}

// claims returns how many claims of a partition have begun.
func (w *watch) claims(id int32) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begins[id]
}

func (w *watch) offset(id int32) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[id]
}

func (w *watch) has(n int) func() bool {
	return func() bool {
		running, _, given := w.state()
		return running == n && given == n
	}
}

// sender returns a function that appends one record to a partition.
func sender(t *testing.T, cfg Config) func(id int32) {
	t.Helper()
	settings, err := cfg.Producer()
	if err != nil {
		t.Fatal(err)
	}
	settings.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(cfg.Brokers, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = producer.Close() })
	return func(id int32) {
		t.Helper()
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "t", Partition: id, Value: sarama.StringEncoder("x")}); err != nil {
			t.Fatal(err)
		}
	}
}

func named(cfg Config, name string) Config {
	cfg.ClientID = name
	return cfg
}

func TestClaimsThatStayGoOnAcrossRebalances(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(8, "t"))
	a := startWatch(t, named(cfg, "a"), nil)
	await.That(t, "a has all", a.has(8))
	b := startWatch(t, named(cfg, "b"), nil)
	await.That(t, "each has half", func() bool { return a.has(4)() && b.has(4)() })
	b.stop()
	await.That(t, "a has all again", a.has(8))
	if _, began, _ := a.state(); began != 12 {
		t.Errorf("%d claims began, want 8 and then the 4 that came back", began)
	}
}

func TestMembersWithoutAPartitionAreToldSo(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	a := startWatch(t, named(cfg, "a"), nil)
	await.That(t, "a has it", a.has(1))
	b := startWatch(t, named(cfg, "b"), nil)
	await.That(t, "b has none", b.has(0))
	a.stop()
	await.That(t, "b has it", b.has(1))
}

func TestRejoiningBeginsAllClaimsAnew(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(4, "t"))
	a := startWatch(t, named(cfg, "a"), nil)
	b := startWatch(t, named(cfg, "b"), nil)
	await.That(t, "each has half", func() bool { return a.has(2)() && b.has(2)() })
	_, bBegan, _ := b.state()
	await.AtMost(t, 2*time.Second, func() time.Duration {
		_, aBegan, _ := a.state()
		start := time.Now()
		a.group.Rejoin()
		await.That(t, "a began anew", func() bool {
			_, began, _ := a.state()
			return began == aBegan+2 && a.has(2)()
		})
		return time.Since(start)
	})
	if _, began, _ := b.state(); began != bBegan {
		t.Error("the other member's claims did not go on")
	}
}

func TestAMemberThatWithdrawsStaysOutUntilItRejoins(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(4, "t"))
	a := startWatch(t, named(cfg, "a"), nil)
	b := startWatch(t, named(cfg, "b"), nil)
	await.That(t, "each has half", func() bool { return a.has(2)() && b.has(2)() })
	a.group.Withdraw()
	await.That(t, "b has all", b.has(4))
	a.group.Withdraw() // again: harmless
	time.Sleep(3 * heartbeat)
	if running, _, _ := a.state(); running != 0 || !b.has(4)() {
		t.Errorf("the member came back by itself, to %d claims", running)
	}
	a.group.Rejoin()
	await.That(t, "each has half again", func() bool { return a.has(2)() && b.has(2)() })
}

// A claim that does not end keeps the group waiting for a second, commits
// nothing later, and its partition is not consumed twice at once by one member.
func TestAClaimThatDoesNotEndHoldsUpNobodyForLong(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(2, "t"))
	hold := make(chan struct{})
	free := sync.OnceFunc(func() { close(hold) })
	a := startWatch(t, named(cfg, "a"), hold)
	t.Cleanup(free)
	await.That(t, "a has all", a.has(2))
	b := startWatch(t, named(cfg, "b"), nil)
	await.That(t, "b has one", b.has(1)) // and the group has not gone on without a: it commits below
	var lost int32
	b.mu.Lock()
	for id := range b.running {
		lost = id
	}
	b.mu.Unlock()
	if err := a.group.Commit("t", map[int32]int64{lost: 0}); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("committed what was taken away: %v", err)
	}
	if err := a.group.Commit("t", map[int32]int64{1 - lost: 0}); err != nil {
		t.Errorf("cannot commit what stayed: %v", err)
	}
	b.stop()
	await.That(t, "a is given all again", func() bool { _, _, given := a.state(); return given == 2 })
	time.Sleep(100 * time.Millisecond) // in which the second claim must not begin
	if _, began, _ := a.state(); began != 2 {
		t.Errorf("%d claims began", began)
	}
	free()
	await.That(t, "a claims it again", func() bool { _, began, _ := a.state(); return began == 3 })
}

// Who hears that a generation was left out must take it that others had
// everything meanwhile. So those that only went by too fast are told.
func TestGenerationsAreLeftOutOnlyByWhoWasNotThere(t *testing.T) {
	var told []string
	g := NewGroup(Config{}, "g", []string{"t"}, slog.New(slog.DiscardHandler))
	m := &member{
		group: g, held: &holdings{group: g, held: map[partition]*holding{{"t", 3}: {}}},
		handler: Handler{Assigned: func(generation int32, claims map[string][]int32) {
			told = append(told, fmt.Sprint(generation, claims["t"]))
		}},
	}
	for _, generation := range []int32{5, 6, 9} {
		m.generation = generation
		m.tell([]partition{{"t", 3}, {"t", 4}})
	}
	m.held.held = nil
	m.lose(errors.New("removed"))
	m.generation = 12
	m.tell(nil)
	if got, want := fmt.Sprint(told), "[5 [3 4] 6 [3 4] 7 [3] 8 [3] 9 [3 4] 12 []]"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}

// joinsOf counts how often a member of the group joins from now on.
func joinsOf(cluster *kfake.Cluster, w *watch) *atomic.Int32 {
	w.group.mu.Lock()
	id := w.group.member
	w.group.mu.Unlock()
	var joins atomic.Int32
	cluster.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if r.(*kmsg.JoinGroupRequest).MemberID == id {
			joins.Add(1)
		}
		return nil, nil, false
	})
	return &joins
}

// The dead member was in the group and comes to no rebalance: those who live go
// on with what they have, and the newcomer gets its share when it is evicted.
func TestEvictingTheDeadEndsTheWaitForThem(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(4, "t"))
	send := sender(t, cfg)
	a := startWatch(t, named(cfg, "a"), nil)
	await.That(t, "a has all", a.has(4))
	joins := joinsOf(cluster, a)
	go haunt(t, named(cfg, "dead"))
	// The dead one's join is answered, then it says nothing any more.
	await.That(t, "a has half", a.has(2))
	b := startWatch(t, named(cfg, "b"), nil)
	var kept int32
	a.mu.Lock()
	for id := range a.running {
		kept = id
	}
	a.mu.Unlock()
	// a has joined twice since it had all: for the dead one, and without its half.
	await.That(t, "a and b wait for the dead one", func() bool {
		g := cluster.GroupInfo("g")
		return g.State == "PreparingRebalance" && len(g.Members) == 3 && joins.Load() >= 2
	})
	for i := range 5 {
		send(kept)
		want := int64(i)
		await.That(t, "a goes on", func() bool { return a.offset(kept) == want })
	}
	if running, _, _ := b.state(); running != 0 {
		t.Fatal("the dead member was not waited for: this test shows nothing")
	}
	start := time.Now()
	removed, err := Find(t.Context(), cfg, []string{"g", "unknown"}, "dead").Remove(t.Context())
	if err != nil || removed != 1 {
		t.Fatal(removed, err)
	}
	await.That(t, "the living share", func() bool { return a.has(2)() && b.has(2)() })
	if took := time.Since(start); took > session {
		t.Errorf("it took %v", took)
	}
	if removed, err := Find(t.Context(), cfg, []string{"g"}, "dead").Remove(t.Context()); err != nil || removed != 0 {
		t.Errorf("again: %d, %v", removed, err)
	}
}

func TestACommittedOffsetThatIsGoneBeginsAtTheOldest(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	send := sender(t, cfg)
	a := startWatch(t, named(cfg, "a"), nil)
	await.That(t, "a has it", a.has(1))
	if err := a.group.Commit("t", map[int32]int64{0: 99}); err != nil {
		t.Fatal(err)
	}
	a.stop()
	send(0)
	b := startWatch(t, named(cfg, "b"), nil)
	await.That(t, "the record is read", func() bool { return b.has(1)() && b.offset(0) == 0 })
}

func TestANewPartitionIsClaimed(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	a := startWatch(t, named(cfg, "a"), nil)
	await.That(t, "a has it", a.has(1))
	settings, err := cfg.Sarama()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sarama.NewClusterAdmin(cluster.ListenAddrs(), settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if err := admin.CreatePartitions("t", 3, nil, false); err != nil {
		t.Fatal(err)
	}
	a.group.mu.Lock()
	control := a.group.control
	a.group.mu.Unlock()
	if err := control.RefreshMetadata("t"); err != nil { // it does so by itself once a minute
		t.Fatal(err)
	}
	await.That(t, "a has all three", a.has(3))
	if _, began, _ := a.state(); began != 3 {
		t.Errorf("%d claims began", began)
	}
}

// Records of many partitions, in batches, with a slow reader among the others.
func TestEveryRecordComesOnceAndInOrder(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(16, "t"))
	send := sender(t, cfg)
	a := startWatch(t, named(cfg, "a"), nil)
	await.That(t, "a has all", a.has(16))
	const each = 40
	for range each {
		for id := range int32(16) {
			send(id)
		}
	}
	for id := range int32(16) {
		await.That(t, "all of a partition", func() bool { return a.offset(id) == each-1 })
	}
}
