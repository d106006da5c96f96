package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	dto "github.com/prometheus/client_model/go"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

// renew gives the node another actor system, as one has that is born anew.
func (n *node) renew() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.system.Shutdown()
	n.system = newSystem()
}

// reclaim owns all shards in a generation, and replays them from their committed offset.
func (n *node) reclaim(t *testing.T, generation int32) {
	t.Helper()
	n.host.Assigned(generation, everyShard)
	n.log.mu.Lock()
	defer n.log.mu.Unlock()
	for id := range int32(shards) {
		from, end := n.log.commits[id], int64(len(n.log.records[id]))
		if err := n.host.Own(t.Context(), id, generation, from, end); err != nil {
			t.Fatal(err)
		}
		if err := n.host.Apply(t.Context(), id, n.log.records[id][from:], end); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *recorder) isLost(stream hub.Stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.lost, stream)
}

func seqs(entries []*hub.Entry) []uint64 {
	out := make([]uint64, len(entries))
	for i, e := range entries {
		out[i] = e.Seq
	}
	return out
}

func TestEachFollowerGetsAStreamInOrderWhateverOthersDo(t *testing.T) {
	n := start(t)
	one, other := newRecorder(), newRecorder()
	for range 2 { // again: harmless
		for _, f := range []hub.Follower{one, other} {
			if _, err := n.host.Follow(t.Context(), "mall:1", f); err != nil {
				t.Fatal(err)
			}
		}
	}
	n.publish(t, note("mall:1", "a"), note("mall:1", "b"))
	if head, err := n.host.Follow(t.Context(), "mall:1", one); err != nil || head.Seq != 2 {
		t.Fatalf("Follow = %+v, %v; want the head at 2", head, err)
	}
	n.host.Unfollow("mall:1", other)
	n.host.Unfollow("mall:1", newRecorder()) // never was one
	n.publish(t, note("mall:1", "c"))
	await.That(t, "one has all", func() bool { return len(one.got("mall:1")) == 3 })
	if got := seqs(one.got("mall:1")); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("the first follower got %v", got)
	}
	if got := seqs(other.got("mall:1")); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("the second follower got %v; it left after 2", got)
	}
	id := hub.Stream("mall:1").Shard(shards)
	n.host.Release(t.Context(), id)
	n.host.Assigned(2, nil)
	await.That(t, "who follows still is told", func() bool { return one.isLost("mall:1") })
	if other.isLost("mall:1") {
		t.Error("a follower that left was told that the stream is lost")
	}
}

func TestUnfollowingStartsNoActor(t *testing.T) {
	n := start(t)
	n.host.Unfollow("mall:1", n.sink)
	if alive := n.host.alive(); alive != 0 {
		t.Errorf("%d actors are alive", alive)
	}
}

func TestANodeThatLetGoAnswersForNothingUntilItsShardsAreClaimedAnew(t *testing.T) {
	n := start(t)
	if _, err := n.core.Follow(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	await.That(t, "a is committed", func() bool { return n.log.committed(id) == 1 })

	n.host.LetGo()
	await.That(t, "followers are told", func() bool { return n.sink.isLost("all") })
	if _, owned := n.host.Ownership(); len(owned) != 0 || n.host.Serving() || n.host.alive() != 0 {
		t.Errorf("it answers for %v, serving %t, %d actors", owned, n.host.Serving(), n.host.alive())
	}
	if _, err := n.host.Follow(t.Context(), "all", n.sink); !hub.Temporary(err) {
		t.Errorf("Follow = %v, want a temporary error", err)
	}
	if err := n.host.Apply(t.Context(), id, []hub.Record{{Stream: "all", ID: "b", Offset: 1}}, 2); err == nil {
		t.Error("a claim of before goes on")
	}
	n.host.Release(t.Context(), id)
	n.renew()

	n.reclaim(t, 2)
	if generation, owned := n.host.Ownership(); generation != 2 || len(owned) != shards || !n.host.Serving() {
		t.Errorf("it answers for %v in generation %d, serving %t", owned, generation, n.host.Serving())
	}
	if head, err := n.core.Follow(t.Context(), "all"); err != nil || head.Seq != 1 {
		t.Fatalf("Follow = %+v, %v", head, err)
	}
	n.publish(t, note("all", "b"))
	await.That(t, "b is delivered", func() bool { return slices.Equal(seqs(n.sink.got("all")), []uint64{1, 2}) })
}

func TestActorsOfASystemThatIsGoneAreNeverUsed(t *testing.T) {
	n := start(t)
	if _, err := n.core.Follow(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	await.That(t, "a is committed", func() bool { return n.log.committed(id) == 1 })
	n.host.LetGo()
	n.reclaim(t, 2) // a rebalance that comes in between
	n.renew()
	if _, err := n.host.Head(t.Context(), "all"); !hub.Temporary(err) {
		t.Errorf("Head = %v, want a temporary error", err)
	}
	if _, owned := n.host.Ownership(); len(owned) != 0 {
		t.Errorf("it answers for %v with actors that are gone", owned)
	}
	if err := n.host.Apply(t.Context(), id, []hub.Record{{Stream: "all", ID: "b", Offset: 1}}, 2); err == nil {
		t.Error("records were given to actors that are gone")
	}
	n.reclaim(t, 3) // the next generation: nobody else had the shards, and still all is new
	if heads, err := n.core.Heads(t.Context(), []hub.Stream{"all"}); err != nil || heads[0].Seq != 1 {
		t.Fatalf("Heads = %v, %v", heads, err)
	}
}

func TestWhatWaitsUnderAnEndedTenureTouchesNoLaterClaim(t *testing.T) {
	n := start(t)
	n.timeline.refuseWrites(errors.New("not now"))
	n.publish(t, note("all", "a"), note("all", "b"))
	id := hub.All.Shard(shards)
	if _, err := n.core.Heads(t.Context(), []hub.Stream{"all"}); err != nil {
		t.Fatal(err) // both are with the writer
	}
	n.host.LetGo()
	n.timeline.mu.Lock()
	n.timeline.broken = "all" // the new actor does not wake
	n.timeline.mu.Unlock()
	n.reclaim(t, 2)
	n.timeline.refuseWrites(nil)
	await.That(t, "what waited is stored", func() bool {
		n.timeline.mu.Lock()
		defer n.timeline.mu.Unlock()
		return len(n.timeline.entries["all"]) == 2
	})
	if low, ok := n.host.shards[id].present().committable(); ok {
		t.Errorf("offset %d could be committed for records that the new claim has only begun to apply", low)
	}
	n.timeline.mu.Lock()
	n.timeline.broken = ""
	n.timeline.mu.Unlock()
	await.That(t, "all is committed", func() bool { return n.log.committed(id) == 2 })
	if got := seqs(n.timeline.sorted("all")); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("stored %v", got)
	}
	await.That(t, "the budget is whole again", func() bool { return n.held() == 0 })
}

func TestStreamsOfAnEndedTenureAreNotLoaded(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	n.publish(t, note("all", "a"))
	await.That(t, "the actor waits to be woken", func() bool { return n.host.alive() == 1 && n.held() > 0 })
	n.host.LetGo()
	await.That(t, "the budget is whole again", func() bool { return n.held() == 0 })
	before, _ := n.timeline.asked()
	n.reclaim(t, 2)
	// One more query for the old actor may have been about to go when the tenure ended.
	await.That(t, "the new actor waits to be woken", func() bool { tries, _ := n.timeline.asked(); return tries >= before+2 })
	n.timeline.setAway(false)
	await.That(t, "the new actor stores the record", func() bool { return n.log.committed(hub.All.Shard(shards)) == 1 })
	n.timeline.mu.Lock()
	defer n.timeline.mu.Unlock()
	if n.timeline.loaded != 1 {
		t.Errorf("%d streams were loaded, want the new actor's alone", n.timeline.loaded)
	}
}

func TestAKeptShardAnswersAtOnceAndOneThatOthersMayHaveHadDoesNot(t *testing.T) {
	n := start(t)
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	n.host.Release(t.Context(), id)
	n.host.Assigned(2, everyShard)
	if err := n.host.Own(t.Context(), id, 2, 0, 2); err != nil { // one more has come
		t.Fatal(err)
	}
	if _, err := n.host.Head(t.Context(), "all"); err != nil {
		t.Errorf("Head = %v; nobody else can have shown more", err)
	}
	n.host.Release(t.Context(), id)
	n.host.Assigned(4, everyShard) // what was in the third?
	if _, err := n.host.Head(t.Context(), "all"); !hub.Temporary(err) {
		t.Errorf("Head = %v, want a temporary error", err)
	}
}

func TestAShardThatAnotherNodeHasSinceALaterGenerationIsLetGoAtOnce(t *testing.T) {
	n := start(t)
	n.publish(t, note("all", "a"), note("mall:1", "b"))
	for _, stream := range []hub.Stream{"all", "mall:1"} {
		if _, err := n.core.Follow(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}
	id := hub.All.Shard(shards)
	await.That(t, "a is committed", func() bool { return n.log.committed(id) == 1 })
	n.host.Release(t.Context(), id) // Kafka is away from here; nobody calls Assigned
	before := n.changes.Load()
	n.host.Yield(2, []int32{id})
	await.That(t, "its followers are told", func() bool { return n.sink.isLost("all") })
	await.That(t, "the cluster is told", func() bool { return n.changes.Load() > before })
	if _, err := n.host.Head(t.Context(), "all"); !hub.Temporary(err) {
		t.Errorf("Head = %v, want a temporary error", err)
	}
	if _, owned := n.host.Ownership(); slices.Contains(owned, id) || len(owned) != shards-1 {
		t.Errorf("it answers for %v", owned)
	}
	if _, err := n.host.Head(t.Context(), "mall:1"); err != nil || n.sink.isLost("mall:1") {
		t.Errorf("Head = %v; a shard that nobody else has was let go, too", err)
	}
	if !n.host.Serving() {
		t.Error("the host does not call itself serving, although it owes nobody an answer")
	}
	n.reclaim(t, 3)
	if head, err := n.core.Follow(t.Context(), "all"); err != nil || head.Seq != 1 {
		t.Errorf("Follow = %+v, %v after the shard was claimed anew", head, err)
	}
}

func TestAnOldWordOfAnotherOwnerEndsNothing(t *testing.T) {
	n := start(t)
	n.reclaim(t, 4)
	if _, err := n.core.Follow(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	for _, generation := range []int32{-1, 0, 3, 4} {
		n.host.Yield(generation, everyShard)
	}
	if _, owned := n.host.Ownership(); len(owned) != shards {
		t.Errorf("it answers for %v", owned)
	}
	n.publish(t, note("all", "a"))
	await.That(t, "a is delivered", func() bool { return len(n.sink.got("all")) == 1 })
	if n.sink.isLost("all") {
		t.Error("a follower was told that the stream is lost")
	}
}

func TestAJournalThatHasLostRecordsEndsTheWarmActors(t *testing.T) {
	n := start(t)
	var written bytes.Buffer
	n.host.log = slog.New(slog.NewTextHandler(&written, nil))
	n.publish(t, note("all", "a"), note("all", "b"), note("all", "c"))
	if _, err := n.core.Follow(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	id := hub.All.Shard(shards)
	n.host.Release(t.Context(), id)
	n.host.Assigned(2, everyShard)
	if err := n.host.Own(t.Context(), id, 2, 0, 2); err != nil { // c is gone
		t.Fatal(err)
	}
	await.That(t, "followers are told", func() bool { return n.sink.isLost("all") })
	if !strings.Contains(written.String(), "level=ERROR") || !strings.Contains(written.String(), "shard="+fmt.Sprint(id)) {
		t.Errorf("it says %q", written.String())
	}
	records := []hub.Record{note("all", "a"), note("all", "b"), note("all", "d")}
	for i := range records {
		records[i].Offset = int64(i)
	}
	if err := n.host.Apply(t.Context(), id, records, 3); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the record in c's place is stored", func() bool {
		n.timeline.mu.Lock()
		defer n.timeline.mu.Unlock()
		e := n.timeline.entries["all"][3]
		return e != nil && e.ID == "d"
	})
}

func TestANodeWithoutShardsServesOnceItKnowsThat(t *testing.T) {
	n := newNode(t, newMemory(), &log{records: make([][]hub.Record, shards), commits: map[int32]int64{}})
	defer n.host.Stop(context.Background())
	if n.host.Serving() {
		t.Error("it serves before the group has told it its shards")
	}
	n.host.Assigned(1, nil)
	if !n.host.Serving() {
		t.Error("it does not serve")
	}
	n.host.Assigned(2, []int32{1})
	if n.host.Serving() {
		t.Error("it serves before it has caught up")
	}
}

func TestTheClusterIsToldWhenAShardHasCaughtUp(t *testing.T) {
	n := newNode(t, newMemory(), &log{records: make([][]hub.Record, shards), commits: map[int32]int64{}})
	defer n.host.Stop(context.Background())
	n.host.Assigned(1, []int32{1})
	if err := n.host.Own(t.Context(), 1, 1, 0, 5); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the assignment is told", func() bool { return n.changes.Load() > 0 })
	before := n.changes.Load()
	if err := n.host.Apply(t.Context(), 1, nil, 4); err != nil {
		t.Fatal(err)
	}
	if _, owned := n.host.Ownership(); len(owned) != 0 {
		t.Errorf("it answers for %v before it has caught up", owned)
	}
	if err := n.host.Apply(t.Context(), 1, nil, 5); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the change is told", func() bool { return n.changes.Load() > before })
	if _, owned := n.host.Ownership(); !slices.Equal(owned, []int32{1}) {
		t.Errorf("it answers for %v", owned)
	}
}

// failing is a Runtime that cannot start actors now.
type failing struct{ *node }

func (failing) Spawn(hub.Stream) (*actor.PID, error) { return nil, hub.Unavailablef("not now") }

func TestRecordsAreNotPassedOverBecauseAnActorCannotStartNow(t *testing.T) {
	n := start(t)
	n.host.runtime = failing{n}
	id := hub.All.Shard(shards)
	if err := n.host.Apply(t.Context(), id, []hub.Record{note("all", "a")}, 1); !hub.Temporary(err) {
		t.Fatalf("Apply = %v, want a temporary error", err)
	}
	if low, ok := n.host.shards[id].present().committable(); ok || n.held() != 0 {
		t.Errorf("offset %d could be committed (%t), %d bytes are held", low, ok, n.held())
	}
}

// slow is a journal that takes records only once it is let.
type slow struct {
	*log
	let   chan struct{}
	mu    sync.Mutex
	calls int
}

func (s *slow) Append(ctx context.Context, records []hub.Record) error {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	<-s.let
	return s.log.Append(ctx, records)
}

func TestACommandThatIsAskedForAgainWaitsForTheSameRecord(t *testing.T) {
	n := start(t)
	journal := &slow{log: n.log, let: make(chan struct{})}
	n.host.journal = journal
	marks := map[hub.Stream]uint64{"all": 7}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := n.host.Mark(short, "7", marks, "key"); !hub.Temporary(err) {
		t.Fatalf("Mark = %v, want a temporary error", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { close(journal.let) })
	got, err := n.host.Mark(t.Context(), "7", marks, "key")
	if err != nil || got["all"] != 7 {
		t.Fatalf("Mark = %v, %v", got, err)
	}
	if got, err = n.host.Mark(t.Context(), "7", marks, "key"); err != nil || got["all"] != 7 {
		t.Fatalf("Mark = %v, %v when all is done", got, err)
	}
	journal.mu.Lock()
	defer journal.mu.Unlock()
	id := hub.AdminStream("7").Shard(shards)
	if journal.calls != 1 || len(n.log.records[id]) != 1 || n.log.records[id][0].ID != "key" {
		t.Errorf("%d records were asked for, and the journal has %v", journal.calls, n.log.records[id])
	}
}

func TestNoRequestIsLostWithAnActorThatIsPassivated(t *testing.T) {
	n := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// Head, with more patience: an answer that is late is not lost.
	head := func() error {
		patient, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		q := newAsked()
		if err := n.host.shardOf("mall:1").ask("mall:1", &headOf{q}); err != nil {
			return err
		}
		_, err := q.await(patient, "mall:1")
		return err
	}
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for ctx.Err() == nil {
				if err := head(); err != nil {
					t.Errorf("the head: %v", err)
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	// Each time but the first, a request has brought the actor back.
	const enough = 100
	for n.passivated(t) < enough && ctx.Err() == nil && !t.Failed() {
		n.host.sweep()
		n.host.sweep()                     // what came between keeps the actor
		time.Sleep(100 * time.Microsecond) // else requests would wait behind sweeps
	}
	cancel()
	asking.Wait()
	if times := n.passivated(t); times < enough {
		t.Errorf("an actor was passivated %v times only", times)
	}
}

// passivated returns how often an actor was passivated.
func (n *node) passivated(t *testing.T) float64 {
	t.Helper()
	var m dto.Metric
	if err := n.host.metrics.passivated.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func TestAnActorWithARequestInItsMailboxIsNotForgotten(t *testing.T) {
	n := start(t)
	if _, err := n.host.Head(t.Context(), "mall:1"); err != nil {
		t.Fatal(err)
	}
	s := n.host.shardOf("mall:1")
	self, err := n.host.Activate("mall:1")
	if err != nil {
		t.Fatal(err)
	}
	if s.forget(s.present(), "mall:1", self, 0) {
		t.Error("the actor could stop before it has taken the request that it was sent")
	}
	if s.forget(newTenure(nil, 0), "mall:1", self, 1) {
		t.Error("an actor of an earlier tenure took its successor out of the shard")
	}
	if !s.forget(s.present(), "mall:1", self, 1) {
		t.Error("the actor cannot stop although it has taken all")
	}
	if _, err := n.host.Head(t.Context(), "mall:1"); err != nil {
		t.Fatal(err)
	}
	if s.forget(s.present(), "mall:1", self, 1) {
		t.Error("an actor that was forgotten took its successor out of the shard")
	}
}
