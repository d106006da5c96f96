package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"bongsu/cluster/view"
	"bongsu/cluster/wire"
	"bongsu/internal/await"
	"bongsu/internal/hub"
)

// slowOwner has one stream whose actor is not loaded: what it is asked for waits,
// in order, until it is.
type slowOwner struct {
	*fakeOwner
	slow hub.Stream

	mu     sync.Mutex
	queued []func()
}

func (o *slowOwner) Follow(ctx context.Context, stream hub.Stream, f hub.Follower) (hub.Head, error) {
	if stream != o.slow {
		return o.fakeOwner.Follow(ctx, stream, f)
	}
	o.queue(func() { _, _ = o.fakeOwner.Follow(context.Background(), stream, f) })
	<-ctx.Done()
	return hub.Head{}, ctx.Err()
}

func (o *slowOwner) Unfollow(stream hub.Stream, f hub.Follower) {
	if stream != o.slow {
		o.fakeOwner.Unfollow(stream, f)
		return
	}
	o.queue(func() { o.fakeOwner.Unfollow(stream, f) })
}

func (o *slowOwner) queue(request func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queued = append(o.queued, request)
}

func (o *slowOwner) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queued)
}

// load has the stream's actor take what has waited.
func (o *slowOwner) load() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, request := range o.queued {
		request()
	}
	o.queued = nil
}

// slowTown is two nodes, of which one owns streams; one of these does not load.
type slowTown struct {
	t        *testing.T
	owner    *slowOwner
	follower *station
	place    view.Announcement // the owner's node
}

// inSlowTown runs a test of such a town, on its own clock.
func inSlowTown(t *testing.T, test func(t *testing.T, w *slowTown)) {
	t.Helper()
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		owner := &slowOwner{fakeOwner: a.owner, slow: "mall:1"}
		a.traffic.owner = owner
		w.move(0, "all", "mall:1", "mall:2")
		place, _ := b.view.Load().Member(a.id())
		test(t, &slowTown{t, owner, b, place})
	})
}

func wishOf(op wire.Call_Operation, streams []hub.Stream) *wire.Call {
	return &wire.Call{Operation: op, Epoch: 1, Places: wire.FromStreams(streams)}
}

// follow makes one call to follow streams, and says how long the answer took.
func (w *slowTown) follow(streams ...hub.Stream) ([]*wire.Part, time.Duration) {
	w.t.Helper()
	begun := time.Now()
	answer, err := w.follower.traffic.ask(w.t.Context(), w.place, wishOf(wire.Call_FOLLOW, streams))
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.GetParts(), time.Since(begun)
}

func (w *slowTown) unfollow(streams ...hub.Stream) {
	w.follower.traffic.tell(to(w.place.ID, w.place.Addr), w.place.Name, wishOf(wire.Call_UNFOLLOW, streams))
}

func TestAStreamThatDoesNotLoadHoldsUpNoOtherOfTheWish(t *testing.T) {
	inSlowTown(t, func(t *testing.T, w *slowTown) {
		w.owner.add(t, "all", 3, 10)
		parts, took := w.follow("mall:1", "all", "mall:2")
		if took > lull {
			t.Errorf("the answer took %s", took)
		}
		if err := wire.ToError(parts[0].GetFailure()); !hub.Temporary(err) {
			t.Errorf("the stream that does not load: %v", err)
		}
		err := errors.Join(wire.ToError(parts[1].GetFailure()), wire.ToError(parts[2].GetFailure()))
		if err != nil || parts[1].GetSeq() != 3 {
			t.Errorf("the others: head %d, %v", parts[1].GetSeq(), err)
		}
	})
}

func TestAWishForStreamsOfWhichNoneLoadsIsGivenItsTime(t *testing.T) {
	inSlowTown(t, func(t *testing.T, w *slowTown) {
		if _, took := w.follow("mall:1"); took < ownerPatience {
			t.Errorf("given up after %s", took)
		}
	})
}

func TestAStreamThatLoadsLateIsFollowedIfItIsWishedStill(t *testing.T) {
	for name, test := range map[string]struct{ ends, again, followed bool }{
		"still":               {followed: true},
		"no more":             {ends: true},
		"no more, then again": {ends: true, again: true, followed: true},
	} {
		t.Run(name, func(t *testing.T) {
			inSlowTown(t, func(t *testing.T, w *slowTown) {
				w.follow("mall:1", "all")
				if test.ends {
					before := w.owner.waiting()
					w.unfollow("mall:1")
					await.That(t, "the owner was told", func() bool { return w.owner.waiting() > before })
				}
				if test.again {
					w.follow("mall:1", "all")
				}
				w.owner.load()
				if got := w.owner.followers("mall:1"); (got == 1) != test.followed {
					t.Errorf("%d followers", got)
				}
			})
		})
	}
}
