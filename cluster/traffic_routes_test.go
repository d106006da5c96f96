package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"bongsu/cluster/wire"
	"bongsu/internal/await"
	"bongsu/internal/hub"
)

func TestACallWaitsForAnOwnerAndGoesOnAtOnceWhenThereIsOne(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		b := w.stations[1]
		if _, err := b.traffic.Heads(patience(t, 50*time.Millisecond), []hub.Stream{"all"}); !hub.Temporary(err) {
			t.Errorf("without an owner: %v", err)
		}
		type result struct {
			heads []hub.Head
			at    time.Time
			err   error
		}
		done := make(chan result)
		before := b.metric(t, "bongsu_call_retries_total", nil)
		go func() {
			heads, err := b.traffic.Heads(patience(t, 8*time.Second), []hub.Stream{"all"})
			done <- result{heads, time.Now(), err}
		}()
		// The wait is the longest then, and has just begun: at least 100 ms are left.
		await.That(t, "the backoff has grown", func() bool { return b.metric(t, "bongsu_call_retries_total", nil) >= before+7 })
		moved := time.Now()
		w.move(0, "all")
		got := <-done
		if got.err != nil || len(got.heads) != 1 || got.heads[0].Stream != "all" {
			t.Fatalf("got %+v", got)
		}
		if took := got.at.Sub(moved); took > 0 {
			t.Errorf("it took %s after the view changed", took)
		}
	})
}

func TestACallToANodeThatIsNotTheOwnerIsMadeAgain(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all")
		holds := a.owner.holds
		a.owner.holds = func(hub.Stream) bool { return false } // the view does not know yet
		for what, call := range map[string]func(context.Context) error{
			"follow":  func(ctx context.Context) error { _, err := b.traffic.Follow(ctx, "all"); return err },
			"heads":   func(ctx context.Context) error { _, err := b.traffic.Heads(ctx, []hub.Stream{"all"}); return err },
			"tail":    func(ctx context.Context) error { _, err := b.traffic.Tail(ctx, "all", 0); return err },
			"pending": func(ctx context.Context) error { _, err := b.traffic.Pending(ctx, []hub.Stream{"all"}); return err },
		} {
			if err := call(patience(t, 100*time.Millisecond)); !hub.Temporary(err) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if n := b.metric(t, "bongsu_call_retries_total", nil); n < 4 {
			t.Errorf("%v tries again", n)
		}
		back := time.AfterFunc(50*time.Millisecond, func() {
			a.owner.mu.Lock()
			defer a.owner.mu.Unlock()
			a.owner.holds = holds
		})
		defer back.Stop()
		b.follow(t, "all")
	})
}

func TestCallsToANodeThatHangsEndAtTheirDeadline(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all", "admin:1")
		a.only(func(any) bool { return false })
		start := time.Now()
		ctx := patience(t, 300*time.Millisecond)
		for _, err := range []error{
			second(b.traffic.Follow(ctx, "all")), second(b.traffic.Tail(ctx, "all", 0)),
			second(b.traffic.Mark(ctx, "1", map[hub.Stream]uint64{"all": 1})), second(b.traffic.Pending(ctx, []hub.Stream{"all"})),
		} {
			if !hub.Temporary(err) {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(start); took > 300*time.Millisecond {
			t.Errorf("took %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := b.traffic.Heads(ctx, []hub.Stream{"all"}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		// When others take the hung node's shards, calls under way go there at once.
		done := make(chan error)
		last := b.traffic.calls.id() // the follow above waits on
		go func() { done <- second(b.traffic.Heads(patience(t, 8*time.Second), []hub.Stream{"all"})) }()
		await.That(t, "the call is under way", func() bool { return b.traffic.calls.waits(last, a.id()) })
		w.remove(0)
		start = time.Now()
		w.move(1, "all")
		if err := <-done; err != nil || time.Since(start) > 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func second[T any](_ T, err error) error { return err }

// waits reports whether a call after the last waits for the peer's answer.
func (c *calls) waits(last uint64, peer string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, w := range c.waiting {
		if id > last && w.peer == peer {
			return true
		}
	}
	return false
}

func TestOneQuestionAboutManyStreamsIsOneMessageToEachOwner(t *testing.T) {
	w := newTown(t, 3)
	a, b, c := w.stations[0], w.stations[1], w.stations[2]
	var streams []hub.Stream
	for i := range 200 {
		streams = append(streams, hub.Stream(fmt.Sprint("mall:", i)))
	}
	for _, stream := range streams {
		w.mu.Lock()
		w.claims[stream.Shard(trafficShards)] = int(stream.Shard(trafficShards)) % 3
		w.mu.Unlock()
	}
	w.publish()
	for i, stream := range streams {
		w.ownerOf(stream).owner.add(t, stream, i%4, 50)
	}
	heads, err := b.traffic.Heads(patience(t, 20*time.Second), streams)
	if err != nil {
		t.Fatal(err)
	}
	for i, head := range heads {
		if head.Stream != streams[i] || head.Seq != uint64(i%4) {
			t.Fatalf("head %d is %+v", i, head)
		}
	}
	for _, peer := range []*station{a, c} {
		if n := b.metric(t, "bongsu_link_messages_total", map[string]string{"peer": peer.name, "type": "call", "direction": "out"}); n != 1 {
			t.Errorf("%v calls to %s", n, peer.name)
		}
	}
	entries, err := b.traffic.Pending(patience(t, 20*time.Second), streams)
	if err != nil || len(entries) != 300 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

func TestLargeAnswersComeInParts(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "all", "mall:1", "mall:2")
	a.owner.add(t, "all", 40, 100<<10)
	a.owner.add(t, "mall:1", 3, 256<<10)
	a.owner.add(t, "mall:2", 1, 10)
	entries, err := b.traffic.Pending(patience(t, 20*time.Second), []hub.Stream{"all", "mall:1", "mall:2"})
	if err != nil || len(entries) != 44 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, entry := range entries[:40] {
		if entry.Stream != "all" || entry.Seq != uint64(i+1) {
			t.Fatalf("entry %d is %s %d", i, entry.Stream, entry.Seq)
		}
	}
	tail, err := b.traffic.Tail(patience(t, 20*time.Second), "all", 10)
	if err != nil || !tail.Whole || tail.Head.Seq != 40 || len(tail.Entries) == 0 || tail.Entries[0].Seq != 11 {
		t.Errorf("tail %+v, %v", tail.Head, err)
	}
	if n := len(tail.Entries); n > 4 {
		t.Errorf("%d entries of 100 KiB in one answer", n)
	}
	a.owner.begins = 20
	tail, err = b.traffic.Tail(patience(t, 20*time.Second), "all", 10)
	if err != nil || tail.Whole || len(tail.Entries) != 20 || tail.Entries[0].Seq != 21 || tail.Entries[19].Seq != 40 {
		t.Errorf("a tail that is not whole: %d entries, %v", len(tail.Entries), err)
	}
}

func TestACommandHasOneKeyHoweverOftenItIsTried(t *testing.T) {
	w := newTown(t, 2)
	for _, owner := range w.stations {
		w.move(slices.Index(w.stations, owner), "admin:7")
		owner.owner.mu.Lock()
		owner.owner.failNext = 3
		owner.owner.mu.Unlock()
		caller := w.stations[0]
		marks, err := caller.traffic.Mark(patience(t, 20*time.Second), "7", map[hub.Stream]uint64{"all": 5})
		if err != nil || marks["all"] != 5 {
			t.Fatalf("%v, %v", marks, err)
		}
		marks, err = caller.traffic.Person(patience(t, 20*time.Second), "7", []hub.Head{{Stream: "all", Seq: 9}})
		if err != nil || marks["all"] != 9 {
			t.Fatalf("%v, %v", marks, err)
		}
		var tries []int
		for _, n := range owner.owner.keys {
			tries = append(tries, n)
		}
		slices.Sort(tries)
		if !slices.Equal(tries, []int{1, 4}) {
			t.Errorf("keys were tried %v times", tries)
		}
	}
}

func TestAnErrorKeepsItsClassAndIsNotTriedAgain(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "admin:7")
	_, err := b.traffic.Mark(patience(t, 20*time.Second), "7", map[hub.Stream]uint64{"mall:0": 5})
	if !errors.Is(err, hub.ErrInvalid) || err.Error() != "no such mall" {
		t.Errorf("got %v", err)
	}
	if len(a.owner.keys) != 1 {
		t.Error("it was tried again")
	}
}

func TestTheGateRefusesCallsBeyondItsBound(t *testing.T) {
	onItsOwnClock(t, 2, func(t *testing.T, w *town) {
		a, b := w.stations[0], w.stations[1]
		w.move(0, "all")
		if !a.traffic.gate.bound.TryAcquire(gateBound) {
			t.Fatal("calls are under way")
		}
		if _, err := b.traffic.Heads(patience(t, 200*time.Millisecond), []hub.Stream{"all"}); !hub.Temporary(err) {
			t.Errorf("got %v", err)
		}
		if n := a.metric(t, "bongsu_calls_refused_total", nil); n < 1 {
			t.Error("the refusal is not counted")
		}
		a.traffic.gate.bound.Release(gateBound)
		if _, err := b.traffic.Heads(patience(t, 20*time.Second), []hub.Stream{"all"}); err != nil {
			t.Errorf("got %v", err)
		}
		places := wire.FromStreams(make([]hub.Stream, maxPlaces+1))
		member, _ := b.view.Load().Member(a.id())
		if _, err := b.traffic.ask(patience(t, 20*time.Second), member, &wire.Call{Operation: wire.Call_HEADS, Places: places}); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("too many streams: %v", err)
		}
	})
}

func TestANodeTellsHowItFares(t *testing.T) {
	w := newTown(t, 2)
	for _, s := range w.stations {
		got, err := w.stations[1].traffic.statusOf(patience(t, 20*time.Second), s.id())
		if err != nil || got.Sessions != 7 || got.Lag[3] != 4 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if _, err := w.stations[0].traffic.statusOf(patience(t, time.Second), "nobody"); !hub.Temporary(err) {
		t.Errorf("a stranger: %v", err)
	}
}
