package actors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

func TestAFollowedStreamIsDeliveredStoredAndCommitted(t *testing.T) {
	n := start(t)
	head, err := n.core.Follow(t.Context(), "mall:1")
	if err != nil || head.Seq != 0 {
		t.Fatalf("Follow = %+v, %v", head, err)
	}
	n.publish(t, note("mall:1", "a"), note("mall:1", "b"), note("mall:1", "a"))
	await.That(t, "both entries are delivered", func() bool { return len(n.sink.got("mall:1")) == 2 })
	id := hub.Stream("mall:1").Shard(shards)
	await.That(t, "the offset behind the duplicate is committed", func() bool { return n.log.committed(id) == 3 })
}

func TestAStreamThatIsNotFollowedIsNotDelivered(t *testing.T) {
	n := start(t)
	for range 100 { // the second follow never overtakes the unfollow
		n.core.Unfollow("mall:1")
		if _, err := n.core.Follow(t.Context(), "mall:1"); err != nil {
			t.Fatal(err)
		}
	}
	n.publish(t, note("mall:1", "a"))
	await.That(t, "a is delivered", func() bool { return len(n.sink.got("mall:1")) == 1 })
	n.core.Unfollow("mall:1")
	n.publish(t, note("mall:1", "b"))
	heads, err := n.core.Heads(t.Context(), []hub.Stream{"mall:1"})
	if err != nil || heads[0].Seq != 2 || len(n.sink.got("mall:1")) != 1 {
		t.Fatalf("Heads = %v, %v, delivered %d; want seq 2, of which only 1 was delivered", heads, err, len(n.sink.got("mall:1")))
	}
}

func TestPushesGoOnAndNothingIsCommittedWhileTheTimelineIsAway(t *testing.T) {
	n := start(t)
	if _, err := n.core.Follow(t.Context(), "mall:1"); err != nil {
		t.Fatal(err)
	}
	n.timeline.setAway(true)
	n.publish(t, note("mall:1", "a"))
	await.That(t, "the entry is delivered", func() bool { return len(n.sink.got("mall:1")) == 1 })
	id := hub.Stream("mall:1").Shard(shards)
	if got := n.log.committed(id); got != 0 {
		t.Fatalf("offset %d was committed before the timeline had the entry", got)
	}
	page, err := n.core.Range(t.Context(), "mall:1", 0, 10)
	if err != nil || len(page) != 1 {
		t.Fatalf("Range = %d entries, %v; want the one that is not stored", len(page), err)
	}
	n.timeline.setAway(false)
	await.That(t, "the offset is committed", func() bool { return n.log.committed(id) == 1 })
}

func TestAPageHoldsWhatIsNotStoredYet(t *testing.T) {
	n := start(t)
	n.publish(t, note("all", "a"))
	await.That(t, "a is stored", func() bool { return n.log.committed(hub.All.Shard(shards)) == 1 })
	n.timeline.setAway(true)
	n.publish(t, note("all", "b"))
	page, err := n.core.List(t.Context(), hub.Query{Ranges: []hub.Range{{Stream: "all"}}, Limit: 10})
	n.timeline.setAway(false)
	if err != nil || len(page) != 2 || page[0].ID != "b" || page[1].ID != "a" {
		t.Fatalf("List = %v, %v; want b, which is not stored, then a", page, err)
	}
}

func TestARestartAfterACrashGivesTheSameNumbers(t *testing.T) {
	n := start(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		n.publish(t, note(hub.MallStream(fmt.Sprint(rng.IntN(20))), fmt.Sprint(i-rng.IntN(2))))
	}
	await.That(t, "all is stored", func() bool { return n.held() == 0 })
	want := maps.Clone(n.timeline.entries["mall:3"]) // the replay writes into the same timeline

	// The crash: some of what is stored was never committed.
	crashed := &log{records: n.log.records, commits: map[int32]int64{}}
	for id := range crashed.records {
		crashed.commits[int32(id)] = int64(rng.IntN(len(crashed.records[id])))
	}
	again := newNode(t, n.timeline, crashed)
	defer again.host.Stop(context.Background())
	again.claim(t)
	await.That(t, "the replay is stored", func() bool {
		id := hub.Stream("mall:3").Shard(shards)
		return crashed.committed(id) == int64(len(crashed.records[id]))
	})
	got := n.timeline.entries["mall:3"]
	if len(got) != len(want) {
		t.Fatalf("%d entries after the replay, %d before", len(got), len(want))
	}
	for seq, e := range want {
		if got[seq].ID != e.ID || got[seq].Offset != e.Offset {
			t.Fatalf("seq %d is %s at offset %d after the replay, and was %s at %d", seq, got[seq].ID, got[seq].Offset, e.ID, e.Offset)
		}
	}
}

func TestThousandsOfStreamsWakeWithAHandfulOfQueries(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	for i := range 3000 {
		n.publish(t, note(hub.AdminStream(fmt.Sprint(i)), "x"))
	}
	await.That(t, "all actors wait to be woken", func() bool { return n.asleep() == 3000 })
	n.timeline.setAway(false)
	await.That(t, "all is stored", func() bool {
		n.timeline.mu.Lock()
		defer n.timeline.mu.Unlock()
		return len(n.timeline.entries) == 3000
	})
	if n.timeline.loads > 20 {
		t.Errorf("3000 streams took %d queries", n.timeline.loads)
	}
}

func TestAPersonsMarksGoThroughTheJournalAndReachItsFollowers(t *testing.T) {
	n := start(t)
	if _, err := n.core.Follow(t.Context(), "admin:7"); err != nil {
		t.Fatal(err)
	}
	heads := []hub.Head{{Stream: "admin:7"}, {Stream: "all", Seq: 12}}
	marks, err := n.core.Person(t.Context(), "7", heads)
	if err != nil || marks["all"] != 12 || len(marks) != 2 {
		t.Fatalf("Person = %v, %v", marks, err)
	}
	marks, err = n.core.Mark(t.Context(), "7", map[hub.Stream]uint64{"all": 20})
	if err != nil || marks["all"] != 20 {
		t.Fatalf("Mark = %v, %v", marks, err)
	}
	if marks, err = n.core.Mark(t.Context(), "7", map[hub.Stream]uint64{"all": 3}); err != nil || marks["all"] != 20 {
		t.Fatalf("a lower mark gives %v, %v; want 20 still", marks, err)
	}
	n.sink.mu.Lock()
	defer n.sink.mu.Unlock()
	if n.sink.marks["7"]["all"] != 20 {
		t.Errorf("the person's other sessions were told %v", n.sink.marks["7"])
	}
}

func TestAMarkFailsAtOnceWhenTheJournalIsAway(t *testing.T) {
	n := start(t)
	n.log.mu.Lock()
	n.log.away = true
	n.log.mu.Unlock()
	_, err := n.core.Mark(t.Context(), "7", map[hub.Stream]uint64{"all": 1})
	if !hub.Temporary(err) {
		t.Fatalf("Mark = %v, want a temporary error", err)
	}
}

func TestPeopleReadOnWhileKafkaIsAwayAndNobodyOwnsAnything(t *testing.T) {
	n := start(t)
	n.publish(t, note("all", "a"), note("mall:1", "b"))
	for id := range int32(shards) {
		n.host.Release(t.Context(), id)
	}
	n.host.sweep()
	heads, err := n.core.Heads(t.Context(), []hub.Stream{"all", "mall:1", "mall:2"})
	if err != nil || heads[0].Seq != 1 || heads[1].Seq != 1 || heads[2].Seq != 0 {
		t.Fatalf("Heads = %v, %v", heads, err)
	}
	if !heads[0].Unsure {
		t.Error("a head is given as certain, though somebody else may own the shard")
	}
	if !n.host.Serving() {
		t.Error("the host does not call itself serving")
	}
}

func TestAHeadIsCertainOnlyWhileTheGroupIsHeardOf(t *testing.T) {
	n := start(t)
	n.publish(t, note("all", "a"))
	for _, stale := range []bool{false, true, false} {
		n.log.stale.Store(stale)
		if head, err := n.host.Head(t.Context(), "all"); err != nil || head.Seq != 1 || head.Unsure != stale {
			t.Errorf("heard of for long: %t, head %+v, %v", !stale, head, err)
		}
	}
}

func TestAShardThatSomebodyElseOwnsAnswersUnavailable(t *testing.T) {
	n := start(t)
	mine, lost := hub.All.Shard(shards), hub.Stream("mall:1").Shard(shards)
	if mine == lost {
		t.Fatal("the streams of this test must be in different shards")
	}
	n.publish(t, note("mall:1", "a"))
	for id := range int32(shards) {
		n.host.Release(t.Context(), id)
	}
	n.host.Assigned(2, []int32{mine})
	if err := n.host.Own(t.Context(), mine, 2, 0, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := n.host.Head(t.Context(), "mall:1"); !hub.Temporary(err) {
		t.Fatalf("Heads = %v, want a temporary error", err)
	}
	if heads, err := n.core.Heads(t.Context(), []hub.Stream{"all"}); err != nil {
		t.Fatalf("Heads = %v, %v", heads, err)
	}
}

func TestAShardAnswersOnceItHasAppliedWhatWasThereBefore(t *testing.T) {
	n := start(t)
	id := hub.All.Shard(shards)
	n.host.Release(t.Context(), id)
	n.host.Assigned(3, []int32{id}) // the second went by without this node
	if err := n.host.Own(t.Context(), id, 3, 0, 2); err != nil {
		t.Fatal(err)
	}
	records := []hub.Record{note("all", "a"), note("all", "b")}
	records[1].Offset = 1
	if err := n.host.Apply(t.Context(), id, records[:1], 1); err != nil {
		t.Fatal(err)
	}
	if _, err := n.host.Head(t.Context(), "all"); !hub.Temporary(err) || n.host.Serving() {
		t.Fatalf("Heads = %v half-way; an earlier owner may have shown more", err)
	}
	if err := n.host.Apply(t.Context(), id, records[1:], 2); err != nil {
		t.Fatal(err)
	}
	heads, err := n.core.Heads(t.Context(), []hub.Stream{"all"})
	if err != nil || heads[0].Seq != 2 || !n.host.Serving() {
		t.Fatalf("Heads = %v, %v; want seq 2", heads, err)
	}
}

func TestActorsOfAKeptShardStayWarmAndSkipWhatTheyHave(t *testing.T) {
	n := start(t)
	if _, err := n.core.Follow(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	n.host.Release(t.Context(), id)
	loads := n.timeline.loads
	if err := n.host.Own(t.Context(), id, 2, 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := n.host.Apply(t.Context(), id, n.log.records[id], 1); err != nil {
		t.Fatal(err)
	}
	n.publish(t, note("all", "b"))
	await.That(t, "b is delivered", func() bool { return len(n.sink.got("all")) == 2 })
	if n.timeline.loads != loads {
		t.Error("a kept shard's stream was loaded again")
	}
}

func TestSomebodyElsesProgressEndsTheWarmActors(t *testing.T) {
	n := start(t)
	if _, err := n.core.Follow(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	n.host.Release(t.Context(), id)
	if err := n.host.Own(t.Context(), id, 5, 40, 40); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the followers are told", func() bool {
		n.sink.mu.Lock()
		defer n.sink.mu.Unlock()
		return slices.Contains(n.sink.lost, hub.All)
	})
}

func TestQuietStreamsArePassivatedAndComeBackWithoutLoss(t *testing.T) {
	n := start(t)
	for round := range 5 {
		n.publish(t, note("mall:1", fmt.Sprint(round)))
		await.That(t, "it is stored", func() bool { return n.held() == 0 })
		await.That(t, "the actor is passivated", func() bool {
			n.host.sweep()
			return n.host.alive() == 0
		})
	}
	heads, err := n.core.Heads(t.Context(), []hub.Stream{"mall:1"})
	if err != nil || heads[0].Seq != 5 {
		t.Fatalf("Heads = %v, %v; want seq 5", heads, err)
	}
}

func TestARecordOfAnImpossibleStreamHoldsNothingUp(t *testing.T) {
	n := start(t)
	id := hub.All.Shard(shards)
	bad := note("nonsense", "x")
	if err := n.host.Apply(t.Context(), id, []hub.Record{bad}, 1); err != nil {
		t.Fatal(err)
	}
	await.That(t, "it is passed over", func() bool { return n.log.committed(id) == 1 })
}

func TestConsumptionPausesWhenTooMuchWaits(t *testing.T) {
	n := start(t)
	n.host.budget = newBudget(minUnflushed)
	n.host.writer.budget = n.host.budget
	n.timeline.setAway(true)
	big := note("all", "big")
	big.Payload = make([]byte, 1<<20)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var err error
	for i := int64(0); i < 10 && err == nil; i++ {
		big.ID, big.Offset = fmt.Sprint(i), i
		err = n.host.Apply(ctx, hub.All.Shard(shards), []hub.Record{big}, i+1)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("10 MiB were taken into a budget of 4 MiB: %v", err)
	}
	n.timeline.setAway(false)
}
