package actors

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

// held returns how many bytes of the budget are taken.
func (n *node) held() int64 {
	b := n.host.budget
	free := int64(0)
	for step := b.limit; step > 0; step /= 2 {
		for b.held.TryAcquire(step) {
			free += step
		}
	}
	b.held.Release(free)
	return b.limit - free
}

func TestWhatAStoppedActorHeldGivesItsBudgetBack(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	n.publish(t, note("all", "a"), note("all", "b")) // waits in an actor that cannot load
	id := hub.All.Shard(shards)
	await.That(t, "the records are held", func() bool { return n.held() > 0 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.host.Release(ctx, id)
	if err := n.host.Own(t.Context(), id, 2, 40, 40); err != nil { // somebody else has stored them
		t.Fatal(err)
	}
	await.That(t, "the budget is whole again", func() bool { return n.held() == 0 })
}

func TestAnAbandonedShardIsReplayedFromItsCommittedOffset(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	n.publish(t, note("all", "a"), note("all", "b"), note("all", "c"))
	id := hub.All.Shard(shards)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.host.Release(ctx, id)
	n.host.Assigned(2, nil) // the group has gone on without the shard
	n.host.Assigned(3, everyShard)
	if err := n.host.Own(t.Context(), id, 3, 0, 3); err != nil {
		t.Fatal(err)
	}
	if err := n.host.Apply(t.Context(), id, n.log.records[id][:1], 1); err != nil {
		t.Fatal(err)
	}
	if low, _ := n.host.shards[id].present().committable(); low > 1 {
		t.Fatalf("offset %d could be committed before anything is stored", low)
	}
	n.timeline.setAway(false)
	if err := n.host.Apply(t.Context(), id, n.log.records[id][1:], 3); err != nil {
		t.Fatal(err)
	}
	await.That(t, "all is committed", func() bool { return n.log.committed(id) == 3 })
	await.That(t, "the budget is whole again", func() bool { return n.held() == 0 })
	if got := n.timeline.sorted("all"); len(got) != 3 || got[2].ID != "c" {
		t.Fatalf("stored %v", got)
	}
}

func TestAPersonWhoseMarksAreNotStoredIsNotPassivated(t *testing.T) {
	n := start(t)
	head := []hub.Head{{Stream: "mall:1", Seq: 5}}
	if _, err := n.core.Person(t.Context(), "7", head); err != nil {
		t.Fatal(err)
	}
	id := hub.AdminStream("7").Shard(shards)
	await.That(t, "the first marks are stored", func() bool { return n.log.committed(id) == 1 })
	n.timeline.setAway(true)
	if _, err := n.core.Mark(t.Context(), "7", map[hub.Stream]uint64{"mall:1": 9}); err != nil {
		t.Fatal(err)
	}
	pid, err := n.host.Activate(hub.AdminStream("7"))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		n.host.sweep()
		// The answer comes behind the sweep. A request would keep the actor.
		if err := n.Root().RequestFuture(pid, &actor.Touch{}, 10*time.Second).Wait(); err != nil || n.host.alive() != 1 {
			t.Fatalf("%d actors are alive after a sweep (%v)", n.host.alive(), err)
		}
	}
	marks, err := n.core.Person(t.Context(), "7", head)
	if err != nil || marks["mall:1"] != 9 {
		t.Fatalf("marks = %v, %v; want mall:1 read to 9", marks, err)
	}
	n.timeline.setAway(false)
	await.That(t, "the actor goes once all is stored", func() bool { n.host.sweep(); return n.host.alive() == 0 })
}

func TestAShardAnswersUntilTheGroupGoesOnWithoutIt(t *testing.T) {
	n := start(t)
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	for other := range int32(shards) { // Kafka is away, and nobody owns anything
		n.host.Release(t.Context(), other)
	}
	if _, err := n.core.List(t.Context(), hub.Query{Ranges: []hub.Range{{Stream: "all"}}, Limit: 5}); err != nil {
		t.Fatalf("List = %v while Kafka is away; nobody can have added anything", err)
	}
	if _, err := n.core.Follow(t.Context(), "mall:new"); err != nil || !n.host.Serving() {
		t.Fatalf("Follow = %v, serving %t", err, n.host.Serving())
	}
	n.host.Assigned(2, []int32{(id + 1) % shards})
	if _, err := n.host.Head(t.Context(), "all"); !hub.Temporary(err) {
		t.Fatalf("Heads = %v; the shard may be another node's by now", err)
	}
}

func TestOffsetsOfAShardThatIsGoneAreNotCommitted(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	short, giveUp := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer giveUp()
	if _, err := n.core.Follow(short, "mall:other"); !hub.Temporary(err) {
		t.Fatalf("Follow = %v of a stream that cannot wake without the timeline", err)
	}
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.host.Release(ctx, id)
	n.timeline.setAway(false)
	await.That(t, "the entry is stored", func() bool { return n.held() == 0 })
	n.host.commit(t.Context())
	if at := n.log.committed(id); at != 0 {
		t.Fatalf("committed %d of a shard that may be another node's, and further", at)
	}
}

func TestAStreamThatCannotLoadHoldsUpNoOther(t *testing.T) {
	n := start(t)
	n.timeline.broken = "mall:bad"
	failed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := n.core.Follow(ctx, "mall:bad")
		failed <- err
	}()
	streams := []hub.Stream{"mall:bad", "mall:1", "mall:2", "mall:3"}
	for _, stream := range streams {
		if _, err := n.host.Activate(stream); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.core.Heads(t.Context(), streams[1:]); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Fatal("a stream woke that cannot be loaded")
	}
	n.timeline.mu.Lock()
	n.timeline.broken = ""
	n.timeline.mu.Unlock()
	patient, cancel := context.WithTimeout(t.Context(), 30*time.Second) // it was set aside for loadAgain
	defer cancel()
	if _, err := n.core.Follow(patient, "mall:bad"); err != nil {
		t.Fatalf("Follow = %v once it can be loaded", err)
	}
}

func TestAnActorThatPanicsHasItsShardReplayed(t *testing.T) {
	n := start(t)
	if _, err := n.core.Follow(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	await.That(t, "a is committed", func() bool { return n.log.committed(id) == 1 })
	n.sink.setPanics(true)
	_ = n.log.Append(t.Context(), []hub.Record{note("all", "b")}) // the actor may panic before it has returned
	// The consumer asks so every second.
	await.That(t, "the shard wants to be claimed anew", func() bool {
		return n.host.Apply(t.Context(), id, nil, 2) != nil
	})
	n.sink.setPanics(false)
	n.host.Release(t.Context(), id)
	if err := n.host.Own(t.Context(), id, 2, 1, 2); err != nil {
		t.Fatal(err)
	}
	if err := n.host.Apply(t.Context(), id, n.log.records[id][1:], 2); err != nil {
		t.Fatal(err)
	}
	heads, err := n.core.Heads(t.Context(), []hub.Stream{"all"})
	if err != nil || heads[0].Seq != 2 {
		t.Fatalf("Heads = %v, %v", heads, err)
	}
	await.That(t, "b is committed", func() bool { return n.log.committed(id) == 2 })
	await.That(t, "the budget is whole again", func() bool { return n.held() == 0 })
}

func TestAskingAShardWhetherItGoesOnChangesNothing(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	n.publish(t, note("all", "a"))
	id := hub.All.Shard(shards)
	allocated := testing.AllocsPerRun(100, func() {
		if err := n.host.Apply(t.Context(), id, nil, 1); err != nil {
			t.Fatal(err)
		}
	})
	if allocated > 0 {
		t.Errorf("it takes %v pieces of memory", allocated)
	}
	if low, ok := n.host.shards[id].present().committable(); ok {
		t.Errorf("offset %d could be committed, and nothing is stored", low)
	}
	n.timeline.setAway(false)
	await.That(t, "a is committed", func() bool { return n.log.committed(id) == 1 })
}

func TestTheRingIsBoundedInBytes(t *testing.T) {
	n := start(t)
	large := note("mall:1", "")
	large.Payload = []byte(`{"data":"` + strings.Repeat("x", 16<<10) + `"}`)
	for _, followed := range []bool{false, true} {
		if followed {
			if _, err := n.core.Follow(t.Context(), "mall:1"); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 40 {
			large.ID = string(rune('A'+i)) + map[bool]string{true: "f"}[followed]
			n.publish(t, large)
			await.That(t, "it is stored", func() bool { return n.held() == 0 })
		}
		tail, err := n.host.Tail(t.Context(), "mall:1", 0)
		if err != nil {
			t.Fatal(err)
		}
		most := 1
		if followed {
			most = 1 + 2*ringBytes/(16<<10)
		}
		if len(tail.Entries) > most {
			t.Errorf("followed %t: %d large entries stay in memory, want %d at most", followed, len(tail.Entries), most)
		}
	}
}

func TestOneWriteIsBoundedInBytes(t *testing.T) {
	n := start(t)
	n.timeline.setAway(true)
	n.timeline.mu.Lock()
	n.timeline.away = false
	n.timeline.refuse = errors.New("not now")
	n.timeline.mu.Unlock()
	large := note("mall:1", "")
	large.Payload = []byte(`{"data":"` + strings.Repeat("x", 512<<10) + `"}`)
	for i := range 80 {
		large.ID = string(rune('A' + i))
		n.publish(t, large)
	}
	n.timeline.mu.Lock()
	n.timeline.refuse = nil
	n.timeline.mu.Unlock()
	await.That(t, "all is stored", func() bool { return n.held() == 0 })
	n.timeline.mu.Lock()
	defer n.timeline.mu.Unlock()
	if n.timeline.largest > maxWriteBytes {
		t.Errorf("one write had %d bytes, want at most %d", n.timeline.largest, maxWriteBytes)
	}
}

func TestARangeShowsNothingThatRetentionHasTaken(t *testing.T) {
	n := start(t)
	if _, err := n.core.Follow(t.Context(), "mall:1"); err != nil {
		t.Fatal(err)
	}
	n.publish(t, note("mall:1", "a"), note("mall:1", "b"), note("mall:1", "c"))
	await.That(t, "all are delivered", func() bool { return len(n.sink.got("mall:1")) == 3 })
	pid, err := n.host.Activate("mall:1")
	if err != nil {
		t.Fatal(err)
	}
	n.Root().Send(pid, &retained{2})
	entries, err := n.core.Range(t.Context(), "mall:1", 0, 10)
	if err != nil || len(entries) != 1 || entries[0].ID != "c" {
		t.Fatalf("Range = %v, %v; want c alone", entries, err)
	}
}

func TestARangeOfLargeEntriesComesInPartsThatJoin(t *testing.T) {
	n := start(t)
	large := note("mall:1", "")
	large.Payload = []byte(`{"data":"` + strings.Repeat("x", 240<<10) + `"}`)
	publish := func(from, to rune) {
		for id := from; id <= to; id++ {
			large.ID = string(id)
			n.publish(t, large)
		}
	}
	if _, err := n.core.Follow(t.Context(), "mall:1"); err != nil { // so that the actor keeps its newest
		t.Fatal(err)
	}
	publish('a', 'z')
	await.That(t, "all are stored", func() bool { return n.held() == 0 })
	n.timeline.mu.Lock()
	n.timeline.refuse = errors.New("not now") // what comes now is in memory only
	n.timeline.mu.Unlock()
	publish('A', 'Z')
	var ids string
	for len(ids) < 52 {
		entries, err := n.core.Range(t.Context(), "mall:1", uint64(len(ids)), 500)
		if err != nil || len(entries) == 0 {
			t.Fatalf("Range after %q = %d entries, %v", ids, len(entries), err)
		}
		if fit := hub.Fitting(entries, len(entries), hub.MaxRangeBytes); fit < len(entries) {
			t.Errorf("Range after %q = %d entries, of which an answer holds %d", ids, len(entries), fit)
		}
		for _, e := range entries {
			ids += e.ID
		}
	}
	if ids != "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		t.Errorf("the parts are %q", ids)
	}
	n.timeline.mu.Lock()
	n.timeline.refuse = nil
	n.timeline.mu.Unlock()
}

func TestRequestsThatWaitInAMailboxOutliveThePassivation(t *testing.T) {
	n := start(t)
	for range 200 {
		if _, err := n.core.Heads(t.Context(), []hub.Stream{"mall:1"}); err != nil {
			t.Fatal(err)
		}
		n.host.sweep() // the second in a row finds the actor idle
		n.host.sweep()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := n.core.Heads(ctx, []hub.Stream{"mall:1"})
		cancel()
		if err != nil {
			t.Fatalf("a request was lost with the actor: %v", err)
		}
	}
}
