package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"bongsu/cluster/wire"
	"bongsu/internal/await"
	"bongsu/internal/hub"
)

func (s *station) follow(t testing.TB, stream hub.Stream) hub.Head {
	t.Helper()
	head, err := s.traffic.Follow(patience(t, 20*time.Second), stream)
	if err != nil {
		t.Fatalf("%s follows %s: %v", s.name, stream, err)
	}
	return head
}

func (s *station) reaches(t *testing.T, stream hub.Stream, seq uint64) {
	t.Helper()
	await.That(t, fmt.Sprintf("%s has entry %d of %s", s.name, seq, stream), func() bool {
		_, last := s.follower.seqs(t, stream)
		return last == seq
	})
}

func TestANodeFollowsAStreamOfAnotherFromItsHeadOn(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "all", "admin:7")
	a.owner.add(t, "all", 3, 100)
	if head := b.follow(t, "all"); head != (hub.Head{Stream: "all", Seq: 3}) {
		t.Errorf("head %+v", head)
	}
	for range 200 {
		a.owner.add(t, "all", 2, 100)
	}
	b.reaches(t, "all", 403)
	if first, _ := b.follower.seqs(t, "all"); first != 4 {
		t.Errorf("entries from %d on", first)
	}
	b.follower.mu.Lock()
	got := *b.follower.entries["all"][0]
	b.follower.mu.Unlock()
	if want := a.owner.owns["all"].entries[3]; got.ID != want.ID || got.Stream != want.Stream || got.Offset != want.Offset ||
		got.Time != want.Time || got.Kind != want.Kind || got.Type != want.Type || len(got.Payload) != 100 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	b.follow(t, "admin:7")
	for f := range a.owner.owns["admin:7"].followers {
		f.Marked("7", map[hub.Stream]uint64{"all": 9})
		f.Retained("admin:7", 5)
	}
	await.That(t, "marks and floor came", func() bool {
		b.follower.mu.Lock()
		defer b.follower.mu.Unlock()
		return b.follower.marks["7"]["all"] == 9 && b.follower.floors["admin:7"] == 5
	})
	if in, out := b.traffic.in.streams(), a.traffic.out.streams(); in != 2 || out != 2 {
		t.Errorf("the follower counts %d streams, the owner %d; want 2", in, out)
	}
	b.traffic.Unfollow("all")
	await.That(t, "the owner has no follower", func() bool { return a.owner.followers("all") == 0 })
	if in, out := b.traffic.in.streams(), a.traffic.out.streams(); in != 1 || out != 1 {
		t.Errorf("the follower counts %d streams, the owner %d; want 1", in, out)
	}
	if a.owner.followers("admin:7") != 1 {
		t.Error("another stream was unfollowed too")
	}
}

func TestAStreamOfThisNodeIsFollowedWithoutALink(t *testing.T) {
	w := newTown(t, 2)
	a := w.stations[0]
	w.move(0, "all")
	a.follow(t, "all")
	a.owner.add(t, "all", 1, 10)
	a.reaches(t, "all", 1)
	if n := a.metric(t, "bongsu_link_messages_total", nil); n != 0 {
		t.Errorf("%v messages", n)
	}
	a.traffic.Unfollow("all")
	if a.owner.followers("all") != 0 {
		t.Error("still followed")
	}
}

func TestALostBatchLosesTheStreamsOfTheLinkAndFollowingAgainHeals(t *testing.T) {
	for name, alsoLater := range map[string]bool{"the last": false, "one before others": true} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, 2)
			a, b := w.stations[0], w.stations[1]
			w.move(0, "all", "mall:1")
			b.follow(t, "all")
			b.follow(t, "mall:1")
			var once sync.Once
			b.only(func(message any) bool {
				_, drop := message.(*wire.Batch)
				if drop {
					drop = false
					once.Do(func() { drop = true })
				}
				return !drop
			})
			a.owner.add(t, "all", 1, 10)
			if alsoLater {
				await.That(t, "the first batch went", func() bool {
					return a.metric(t, "bongsu_link_messages_total", map[string]string{"type": "batch"}) == 1
				})
				a.owner.add(t, "all", 1, 10)
			}
			await.That(t, "both streams are lost", func() bool { return b.follower.losses("all") == 1 && b.follower.losses("mall:1") == 1 })
			if n := b.metric(t, "bongsu_link_repairs_total", map[string]string{"peer": "node-a", "reason": "hole"}); n != 1 {
				t.Errorf("%v repairs counted", n)
			}
			head := b.follow(t, "all")
			a.owner.add(t, "all", 1, 10)
			b.reaches(t, "all", head.Seq+1)
			await.That(t, "the broken link is let go", func() bool { return a.owner.followers("all") == 1 && a.owner.followers("mall:1") == 0 })
		})
	}
}

func TestAStreamWhoseActorEndsIsLostThroughTheLink(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "all")
	b.follow(t, "all")
	a.owner.add(t, "all", 5, 10)
	a.owner.letGo("all")
	await.That(t, "lost", func() bool { return b.follower.losses("all") == 1 })
	b.reaches(t, "all", 5)
	b.follow(t, "all")
	a.owner.add(t, "all", 1, 10)
	b.reaches(t, "all", 6)
}

func TestAnOwnerThatGoesLosesItsStreamsAtOnce(t *testing.T) {
	w := newTown(t, 3)
	a, b, c := w.stations[0], w.stations[1], w.stations[2]
	w.move(0, "all")
	b.follow(t, "all")
	w.remove(0)
	if b.follower.losses("all") != 1 {
		t.Error("not lost when the view changed")
	}
	if n := b.metric(t, "bongsu_link_messages_total", map[string]string{"peer": "node-a"}); n != 0 {
		t.Error("the metrics of a node that has gone stay")
	}
	following := make(chan error, 1)
	go func() {
		_, err := b.traffic.Follow(patience(t, 20*time.Second), "all")
		following <- err
	}()
	w.move(2, "all")
	if err := <-following; err != nil {
		t.Fatal(err)
	}
	c.owner.add(t, "all", 1, 10)
	b.reaches(t, "all", 1)
	a.traffic.viewChanged(a.view.Swap(b.view.Load()), b.view.Load()) // it learns that it is alone
}

func TestAShardThatMovesLosesOnlyItsStreams(t *testing.T) {
	w := newTown(t, 3)
	a, b, c := w.stations[0], w.stations[1], w.stations[2]
	w.move(0, "all", "mall:1")
	b.follow(t, "all")
	b.follow(t, "mall:1")
	w.move(2, "mall:1")
	if b.follower.losses("mall:1") != 1 || b.follower.losses("all") != 0 {
		t.Errorf("lost %d of mall:1 and %d of all", b.follower.losses("mall:1"), b.follower.losses("all"))
	}
	b.follow(t, "mall:1")
	c.owner.add(t, "mall:1", 1, 10)
	b.reaches(t, "mall:1", 1)
	a.owner.add(t, "all", 1, 10)
	b.reaches(t, "all", 1)
	await.That(t, "the old owner has no follower", func() bool { return a.owner.followers("mall:1") == 0 })
}

func TestAFollowerThatIsTooSlowLosesItsLinkAndNothingElseWaits(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "all")
	a.traffic.out.limits.Credit, a.traffic.out.limits.Queue, a.traffic.out.limits.Batch = 10_000, 50_000, 5_000
	a.follow(t, "all")
	b.follow(t, "all")
	hold := make(chan struct{})
	b.follower.mu.Lock()
	b.follower.hold = hold
	b.follower.mu.Unlock()
	go func() {
		for range 200 {
			a.owner.add(t, "all", 1, 1000)
		}
	}()
	a.reaches(t, "all", 200) // or the owner would wait until the other takes something
	await.That(t, "the overflow is counted", func() bool {
		return a.metric(t, "bongsu_link_overflows_total", map[string]string{"peer": "node-b"}) == 1
	})
	await.That(t, "the owner let the link go", func() bool { return a.owner.followers("all") == 1 })
	b.follower.mu.Lock()
	b.follower.hold = nil
	b.follower.mu.Unlock()
	close(hold)
	await.That(t, "lost", func() bool { return b.follower.losses("all") == 1 })
	b.follower.forget("all")
	if head := b.follow(t, "all"); head.Seq != 200 {
		t.Errorf("followed again from %d", head.Seq)
	}
	a.owner.add(t, "all", 1, 10)
	b.reaches(t, "all", 201)
}

func TestWhatBelongsToAnotherEpochIsIgnored(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "all")
	b.follow(t, "all")
	for _, epoch := range []uint64{0, 2, 99} {
		b.traffic.take(&wire.Batch{From: a.id(), Epoch: epoch, Number: 1, Items: []*wire.Item{{Stream: "all", Entries: []*wire.Entry{{Seq: 77}}}}})
		b.traffic.take(&wire.Signal{From: a.id(), Epoch: epoch, Kind: wire.Signal_BEAT, Number: 5})
		b.traffic.take(&wire.Signal{From: a.id(), Epoch: epoch, Kind: wire.Signal_CLOSED})
		a.traffic.take(&wire.Signal{From: b.id(), Epoch: epoch, Kind: wire.Signal_ACK, Number: 5})
	}
	b.traffic.take(&wire.Batch{From: "a stranger", Epoch: 1, Number: 1})
	a.traffic.take(&wire.Call{From: b.id(), Epoch: 99, Operation: wire.Call_UNFOLLOW, Places: wire.FromStreams([]hub.Stream{"all"})})
	a.owner.add(t, "all", 1, 10)
	b.reaches(t, "all", 1)
	if b.follower.losses("all") != 0 {
		t.Error("the stream was lost")
	}
}

func TestALinkThatFallsSilentIsBrokenAndItsOwnerSuspected(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all")
		b.follow(t, "all")
		b.only(func(any) bool { return false })
		start := time.Now()
		await.That(t, "lost", func() bool { return b.follower.losses("all") == 1 })
		if took := time.Since(start); took > linkPatience+2*watchEvery {
			t.Errorf("noticed after %s", took)
		}
		await.That(t, "its owner is suspected", func() bool { _, told := b.suspected.Load(a.id()); return told })
		await.That(t, "the owner lets the link go", func() bool { return a.owner.followers("all") == 0 })
		b.only(nil)
		b.follow(t, "all")
		a.owner.add(t, "all", 1, 10)
		b.reaches(t, "all", 1)
	})
}

func TestOneEntryForAllIsOneMessageToEachNode(t *testing.T) {
	w := newTown(t, 3)
	a, b, c := w.stations[0], w.stations[1], w.stations[2]
	w.move(0, "all")
	for _, s := range w.stations {
		s.follow(t, "all")
	}
	a.owner.add(t, "all", 1, 10)
	for _, s := range w.stations {
		s.reaches(t, "all", 1)
	}
	for _, peer := range []string{"node-b", "node-c"} {
		if n := a.metric(t, "bongsu_link_messages_total", map[string]string{"peer": peer, "type": "batch", "direction": "out"}); n != 1 {
			t.Errorf("%v messages to %s", n, peer)
		}
	}
	for _, s := range []*station{b, c} {
		await.That(t, s.name+" counts one entry", func() bool {
			return s.metric(t, "bongsu_link_entries_total", map[string]string{"peer": "node-a", "direction": "in"}) == 1
		})
	}
}

func TestManyStreamsAreFollowedWithFewCalls(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		streams := make([]hub.Stream, 3000)
		for i := range streams {
			streams[i] = hub.Stream(fmt.Sprint("mall:", i))
		}
		w.move(0, streams...)
		stall := make(chan struct{}) // so that all are wanted while the first calls are under way
		a.owner.stall = stall
		var group sync.WaitGroup
		for _, stream := range streams {
			group.Go(func() {
				if _, err := b.traffic.Follow(patience(t, 8*time.Second), stream); err != nil {
					t.Error(err)
				}
			})
		}
		await.That(t, "all are wanted", func() bool { return b.traffic.in.streams() == len(streams) })
		close(stall)
		group.Wait()
		full := (len(streams) + maxPlaces - 1) / maxPlaces
		if n := b.metric(t, "bongsu_link_messages_total", map[string]string{"type": "call", "direction": "out"}); n > float64(wishesAtOnce+full) {
			t.Errorf("%v calls", n)
		}
		for _, stream := range streams {
			if a.owner.followers(stream) != 1 {
				t.Fatalf("%s is not followed", stream)
			}
		}
		b.traffic.stop()
		for _, stream := range streams {
			if b.follower.losses(stream) != 1 {
				t.Fatalf("%s was not lost when the node stopped", stream)
			}
		}
		if _, err := b.traffic.Follow(patience(t, time.Second), "mall:1"); !hub.Temporary(err) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestAFollowThatWasGivenUpLeavesNoFollower(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "all")
	stall := make(chan struct{})
	a.owner.stall = stall
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error)
	go func() {
		_, err := b.traffic.Follow(ctx, "all")
		given <- err
	}()
	await.That(t, "the owner is asked", func() bool { a.owner.mu.Lock(); defer a.owner.mu.Unlock(); return a.owner.calls > 0 })
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.traffic.Unfollow("all")
	await.That(t, "the owner knows", func() bool {
		out := a.traffic.out.find(b.id(), 1)
		out.wishes.Lock()
		defer out.wishes.Unlock()
		return len(out.wanted) == 0
	})
	close(stall)
	await.That(t, "the call is answered", func() bool {
		return b.metric(t, "bongsu_link_messages_total", map[string]string{"type": "call"}) >= 2 && a.traffic.gate.follows.TryAcquire(gateBound)
	})
	if a.owner.followers("all") != 0 {
		t.Error("a stream is followed that nobody wants")
	}
}

func TestAFollowUnderWayEndsWithTheNode(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all")
		a.only(func(any) bool { return false })
		done := make(chan error)
		go func() { done <- second(b.traffic.Follow(patience(t, 20*time.Second), "all")) }()
		await.That(t, "the call went", func() bool { return b.metric(t, "bongsu_link_messages_total", map[string]string{"type": "call"}) == 1 })
		start := time.Now()
		b.traffic.stop()
		if err := <-done; !hub.Temporary(err) || time.Since(start) > 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if b.follower.losses("all") != 1 {
			t.Error("the follower was not told")
		}
	})
}
