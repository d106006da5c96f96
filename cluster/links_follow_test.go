package cluster

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/cluster/wire"
	"bongsu/internal/await"
	"bongsu/internal/hub"
)

// waitingWishes returns how many calls to follow wait for their turn at a station,
// and how many places they have.
func (s *station) waitingWishes(owner *station) (wishes, places int) {
	in := s.traffic.in.find(owner.id())
	s.traffic.in.mu.Lock()
	defer s.traffic.in.mu.Unlock()
	for _, w := range in.wishes {
		places += len(w.streams)
	}
	return len(in.wishes), places
}

// wishFor has a station wish for a stream until ctx ends, beside the test.
func (s *station) wishFor(ctx context.Context, stream hub.Stream) {
	go func() { _, _ = s.traffic.Follow(ctx, stream) }()
}

// occupy has all calls to follow under way that may be, to an owner that stalls.
func (s *station) occupy(t *testing.T, owner *station) {
	t.Helper()
	for i := range wishesAtOnce {
		s.wishFor(patience(t, 10*time.Second), hub.Stream(fmt.Sprint("mall:", 100+i)))
		synctest.Wait()
	}
	in := s.traffic.in.find(owner.id())
	s.traffic.in.mu.Lock()
	defer s.traffic.in.mu.Unlock()
	if in.wishing != wishesAtOnce {
		t.Fatalf("%d calls are under way", in.wishing)
	}
}

// follows returns a count of the calls to follow a stream that come to a station.
func (s *station) follows(stream hub.Stream) (count func() int) {
	var mu sync.Mutex
	n := 0
	s.only(func(message any) bool {
		call, ok := message.(*wire.Call)
		if !ok || call.GetOperation() != wire.Call_FOLLOW {
			return true
		}
		mu.Lock()
		defer mu.Unlock()
		for _, place := range call.GetPlaces() {
			if place.GetStream() == string(stream) {
				n++
			}
		}
		return true
	})
	return func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func TestWishesOfEpochsThatHaveEndedAreNotMade(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		streams := make([]hub.Stream, 8*maxPlaces)
		for i := range streams {
			streams[i] = hub.Stream(fmt.Sprint("mall:", i))
		}
		w.move(0, streams...)
		a.only(func(any) bool { return false })
		var group sync.WaitGroup
		for _, stream := range streams {
			group.Go(func() {
				if _, err := b.traffic.Follow(patience(t, time.Minute), stream); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if n, places := b.waitingWishes(a); places > 2*len(streams) {
			t.Errorf("%d calls about %d streams wait; %d streams are wanted", n, places, len(streams))
		}
		in := b.traffic.in.find(a.id())
		b.traffic.in.mu.Lock()
		present := in.receiver.Epoch()
		b.traffic.in.mu.Unlock()
		a.only(func(message any) bool {
			if call, ok := message.(*wire.Call); ok && call.GetOperation() == wire.Call_FOLLOW && call.GetEpoch() < present {
				t.Errorf("a wish of epoch %d, the present one is %d", call.GetEpoch(), present)
			}
			return true
		})
		healed := time.Now()
		group.Wait()
		if took := time.Since(healed); took > 2*tryPatience {
			t.Errorf("all are followed %s after the owner could be reached", took)
		}
	})
}

func TestAStreamThatWaitsForItsTurnHasOnePlace(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all", "mall:100", "mall:101", "mall:102", "mall:103")
		stall := make(chan struct{})
		a.owner.stall = stall
		b.occupy(t, a)
		calls := a.follows("all")
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			b.wishFor(ctx, "all")
			synctest.Wait()
			cancel()
		}
		if n, places := b.waitingWishes(a); n != 1 || places != 1 {
			t.Errorf("%d calls about %d streams wait", n, places)
		}
		close(stall)
		b.follow(t, "all")
		if n := calls(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestAStreamThatIsUnfollowedBeforeItsTurnIsNotAskedFor(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all", "mall:1", "mall:100", "mall:101", "mall:102", "mall:103")
		stall := make(chan struct{})
		a.owner.stall = stall
		b.occupy(t, a)
		calls := a.follows("mall:1")
		ctx, cancel := context.WithCancel(t.Context())
		b.wishFor(ctx, "mall:1")
		synctest.Wait()
		cancel()
		b.traffic.Unfollow("mall:1")
		b.wishFor(patience(t, 10*time.Second), "all") // in the same call
		synctest.Wait()
		close(stall)
		await.That(t, "the other is followed", func() bool { return a.owner.followers("all") == 1 })
		if n := calls(); n != 0 || a.owner.followers("mall:1") != 0 {
			t.Errorf("asked %d times", n)
		}
		b.follow(t, "mall:1")
	})
}

func TestWhoIsAnsweredForAStreamThatNobodyWantsSaysSo(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all")
		stall := make(chan struct{})
		a.owner.stall = stall
		ctx, cancel := context.WithCancel(t.Context())
		b.wishFor(ctx, "all")
		synctest.Wait()
		// As if the word to unfollow had come before the wish.
		a.only(func(message any) bool {
			call, ok := message.(*wire.Call)
			return !ok || call.GetOperation() != wire.Call_UNFOLLOW
		})
		cancel()
		b.traffic.Unfollow("all")
		synctest.Wait()
		a.only(nil)
		close(stall)
		synctest.Wait()
		if n := a.owner.followers("all"); n != 0 {
			t.Errorf("%d followers of a stream that nobody wants", n)
		}
	})
}
