package cluster

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

// coldOwner loads no stream that is to be followed.
type coldOwner struct{ *fakeOwner }

func (coldOwner) Follow(ctx context.Context, _ hub.Stream, _ hub.Follower) (hub.Head, error) {
	<-ctx.Done()
	return hub.Head{}, ctx.Err()
}

func TestWishesToFollowWhatDoesNotLoadHoldUpNoOtherCall(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		a.traffic.owner = coldOwner{a.owner}
		w.move(0, "all", "admin:7")
		a.owner.add(t, "all", 3, 10)
		place, _ := b.view.Load().Member(a.id())
		many := make([]hub.Stream, maxPlaces)
		for range gateBound/maxPlaces + 1 {
			go func() { _, _ = b.traffic.ask(t.Context(), place, wishOf(wire.Call_FOLLOW, many)) }()
		}
		synctest.Wait()
		if n := a.metric(t, "bongsu_calls_refused_total", nil); n != 1 {
			t.Errorf("%v wishes were refused, want the last", n)
		}
		begun := time.Now()
		if _, err := b.traffic.Mark(patience(t, time.Second), "7", map[hub.Stream]uint64{"all": 3}); err != nil {
			t.Errorf("a mark: %v", err)
		}
		if tail, err := b.traffic.Tail(patience(t, time.Second), "all", 0); err != nil || len(tail.Entries) != 3 {
			t.Errorf("a tail: %d entries, %v", len(tail.Entries), err)
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("they took %s", took)
		}
	})
}

func TestALinkLivesThoughNothingCanBeFollowedThroughIt(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all")
		if !a.traffic.gate.follows.TryAcquire(gateBound) {
			t.Fatal("wishes are under way")
		}
		followed := make(chan error)
		go func() { followed <- second(b.traffic.Follow(patience(t, time.Minute), "all")) }()
		time.Sleep(3 * linkPatience)
		synctest.Wait()
		if n := b.metric(t, "bongsu_link_repairs_total", nil); n != 0 {
			t.Errorf("the link broke %v times", n)
		}
		if _, suspected := b.suspected.Load(a.id()); suspected {
			t.Error("the owner is suspected")
		}
		if n := a.traffic.out.streams(); n != 0 {
			t.Errorf("%d streams are taken for followed", n)
		}
		a.traffic.gate.follows.Release(gateBound)
		if err := <-followed; err != nil {
			t.Error(err)
		}
		a.owner.add(t, "all", 1, 10)
		b.reaches(t, "all", 1)
	})
}

func TestALinkThatNothingWasFollowedThroughEndsWithItsFollower(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all")
		if !a.traffic.gate.follows.TryAcquire(gateBound) {
			t.Fatal("wishes are under way")
		}
		if _, err := b.traffic.Follow(patience(t, time.Second), "all"); !hub.Temporary(err) {
			t.Errorf("got %v", err)
		}
		out := a.traffic.out.find(b.id(), 1)
		if out == nil || out.isClosed() {
			t.Fatal("there is no link")
		}
		w.remove(1)
		if !out.isClosed() {
			t.Error("the link is there still")
		}
	})
}
