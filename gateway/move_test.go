package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// gaps returns the gaps that the client was told of.
func gaps(c *client) []string {
	var gaps []string
	for _, line := range c.said() {
		if strings.HasPrefix(line, "gap") {
			gaps = append(gaps, line)
		}
	}
	return gaps
}

func TestMarksThatWereLostWithTheStreamAreFetched(t *testing.T) {
	g, core := start(t, gateway.Options{UnreadEvery: time.Millisecond})
	core.Publish("mall:1", 3)
	core.Publish("admin:7", 2)
	c := connect(t, g, "7 mall:1", hub.Cursor{"mall:1": 3})
	other := connect(t, g, "7 mall:2", nil) // a device with an older token
	core.Publish("mall:1", 2)
	c.await(t, `unread {"streams":{"admin:7":2,"mall:1":2},"total":4,"version":10}`)
	core.Lose(func(hub.Stream) bool { return true })
	if _, err := core.Mark(context.Background(), "7", map[hub.Stream]uint64{"mall:1": 4, "admin:7": 2}); err != nil {
		t.Fatal(err)
	}
	core.Lose(nil)
	core.Move("admin:7")
	c.await(t, `unread {"streams":{"mall:1":1},"total":1,"version":13}`)
	other.await(t, `unread {"streams":{},"total":0,"version":4}`)
}

func TestMarksAreAskedForUntilTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		core.Publish("admin:7", 2)
		c := connect(t, g, "7", nil)
		core.Lose(func(hub.Stream) bool { return true })
		if _, err := core.Mark(context.Background(), "7", map[hub.Stream]uint64{"admin:7": 1}); err != nil {
			t.Fatal(err)
		}
		core.Lose(nil)
		var asked atomic.Int64
		core.RefusePerson = func() error {
			if asked.Add(1) <= 3 {
				return hub.Unavailablef("the owner is away")
			}
			return nil
		}
		core.Move("admin:7")
		time.Sleep(2 * time.Second)
		if got := c.said(); got[len(got)-1] != `unread {"streams":{"admin:7":1},"total":1,"version":3}` || asked.Load() != 4 {
			t.Errorf("asked %d times, the client heard %q", asked.Load(), got)
		}
		g.Close()
	})
}

// moves is how an owner answers Follow while streams move, and what that costs.
type moves struct {
	under, most, calls atomic.Int64
	// away is nil while all owners are there; else it is closed when those of the
	// streams that leaves names come back.
	away   atomic.Pointer[chan struct{}]
	leaves func(hub.Stream) bool
}

func (m *moves) answer(ctx context.Context, head hub.Head) (hub.Head, error) {
	m.calls.Add(1)
	under := m.under.Add(1)
	defer m.under.Add(-1)
	for {
		most := m.most.Load()
		if under <= most || m.most.CompareAndSwap(most, under) {
			break
		}
	}
	if back := m.away.Load(); back != nil && m.leaves(head.Stream) {
		select {
		case <-*back:
		case <-ctx.Done():
			return hub.Head{}, hub.Unavailablef("nobody owns it: %w", ctx.Err())
		}
	}
	time.Sleep(5 * time.Millisecond)
	return head, nil
}

// crowd connects people so that the node follows n malls, ten each.
func crowd(t *testing.T, g *gateway.Gateway, n int) []hub.Stream {
	t.Helper()
	var malls []hub.Stream
	for person := range n / 10 {
		token := fmt.Sprint(person)
		for i := range 10 {
			mall := fmt.Sprint(person*10 + i)
			malls = append(malls, hub.MallStream(mall))
			token += " mall:" + mall
		}
		connect(t, g, token, nil)
	}
	return malls
}

func TestTenThousandStreamsThatAreLostAtOnceHealWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		var m moves
		core.AnswerFollow = m.answer
		malls := crowd(t, g, 10_000)
		m.calls.Store(0)
		for _, mall := range malls {
			core.Move(mall)
		}
		for _, mall := range malls[:100] {
			core.Publish(mall, 1)
		}
		time.Sleep(time.Second)
		lost := slices.DeleteFunc(malls, core.Followed)
		if len(lost) > 0 || m.most.Load() > 4096 || m.calls.Load() != 10_000 {
			t.Errorf("%d of 10,000 not followed after %d calls, %d at once", len(lost), m.calls.Load(), m.most.Load())
		}
		g.Close()
	})
}

func TestStreamsWhoseOwnerIsAwayDoNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		m := moves{leaves: func(s hub.Stream) bool { return s[len(s)-1] != '7' }} // nine of ten
		var mu sync.Mutex
		healed := map[hub.Stream]bool{}
		core.AnswerFollow = func(ctx context.Context, head hub.Head) (hub.Head, error) {
			head, err := m.answer(ctx, head)
			if err == nil {
				mu.Lock()
				healed[head.Stream] = true
				mu.Unlock()
			}
			return head, err
		}
		malls := crowd(t, g, 10_000)
		clear(healed)
		back := make(chan struct{})
		m.away.Store(&back)
		for _, mall := range malls {
			core.Move(mall)
		}
		time.Sleep(2 * time.Second)
		mu.Lock()
		got := len(healed)
		mu.Unlock()
		if got != 1000 {
			t.Errorf("%d of the 1,000 streams are followed whose owner is there", got)
		}
		time.Sleep(20 * time.Second)
		if calls := m.calls.Load(); calls > 60_000 {
			t.Errorf("%d calls while the owner of 9,000 streams was away for 22 s", calls)
		}
		m.away.Store(nil)
		close(back)
		time.Sleep(1500 * time.Millisecond)
		mu.Lock()
		got = len(healed)
		mu.Unlock()
		if got != 10_000 {
			t.Errorf("%d of 10,000 are followed after the owner came back", got)
		}
		g.Close()
	})
}

// The old owner's last pushes and the new one's first come side by side.
func TestTwoOwnersPushAtOnce(t *testing.T) {
	g, core := start(t, gateway.Options{})
	c := connect(t, g, "7", nil)
	const total = 2000
	core.Lose(func(hub.Stream) bool { return true })
	entries := core.Publish(hub.All, total)
	core.Lose(nil)
	var owners sync.WaitGroup
	for owner := range 2 {
		owners.Go(func() {
			for from := owner * 3; from < total-10; from += 7 {
				g.Deliver(hub.All, entries[from:from+10])
				if from%5 == owner {
					g.Lost(hub.All)
				}
			}
		})
	}
	owners.Wait()
	core.Publish(hub.All, 1)
	c.await(t, fmt.Sprintf("entry all %d", total+1))
	expect(t, c, hub.All, span(1, total+1))
}

func TestALossThatOvertakesTheAnswerIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		var asked atomic.Int64
		core.AnswerFollow = func(_ context.Context, head hub.Head) (hub.Head, error) {
			if head.Stream == hub.All && asked.Add(1) == 2 {
				core.Move(hub.All) // the owner answers, and is one no longer
			}
			return head, nil
		}
		c := connect(t, g, "7", nil)
		core.Move(hub.All)
		time.Sleep(100 * time.Millisecond)
		core.Publish(hub.All, 1)
		time.Sleep(100 * time.Millisecond)
		expect(t, c, hub.All, []uint64{1})
		g.Close()
	})
}

func TestAnOwnerThatKnowsLessIsAskedAgainAndResetsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		var stale atomic.Bool
		core.AnswerFollow = func(_ context.Context, head hub.Head) (hub.Head, error) {
			if stale.Load() && head.Stream == hub.All {
				head.Seq = 3
			}
			return head, nil
		}
		core.Publish(hub.All, 5)
		c := connect(t, g, "7", nil)
		stale.Store(true)
		core.Move(hub.All)
		time.Sleep(5 * time.Second)
		ahead := make(chan error, 1)
		go func() { ahead <- dial(t, g, false).open("8", hub.Cursor{hub.All: 4}) }()
		time.Sleep(5 * time.Second)
		stale.Store(false)
		time.Sleep(time.Second)
		core.Publish(hub.All, 1)
		time.Sleep(3 * time.Second)
		expect(t, c, hub.All, []uint64{6})
		if told := gaps(c); told != nil {
			t.Errorf("the client was told %q", told)
		}
		if err := <-ahead; err != nil {
			t.Errorf("a connect in the meantime: %v", err)
		}
		g.Close()
	})
}

func TestAStreamThatReallyBeginsAnewResetsItsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		var stale atomic.Bool
		core.AnswerFollow = func(_ context.Context, head hub.Head) (hub.Head, error) {
			if stale.Load() && head.Stream == hub.All {
				head.Seq = 3
			}
			return head, nil
		}
		core.Publish(hub.All, 5)
		c := connect(t, g, "7", nil)
		stale.Store(true)
		core.Move(hub.All)
		time.Sleep(25 * time.Second)
		if told := gaps(c); told != nil {
			t.Errorf("after 25 s the client was told %q", told)
		}
		time.Sleep(15 * time.Second)
		if told := gaps(c); !slices.Equal(told, []string{`gap {"stream":"all","from":1,"to":3,"reason":"reset"}`}) {
			t.Errorf("after 40 s the client was told %q", told)
		}
		g.Deliver(hub.All, []*hub.Entry{{Stream: hub.All, Seq: 4, Payload: []byte("{}")}})
		time.Sleep(time.Second)
		expect(t, c, hub.All, []uint64{4})
		g.Close()
	})
}

// A client comes from the new owner's node to one that still asks the old owner.
func TestAClientThatKnowsMoreThanAStaleOwnerIsNotReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		var stale atomic.Bool
		stale.Store(true)
		core.AnswerFollow = func(_ context.Context, head hub.Head) (hub.Head, error) {
			if stale.Load() && head.Stream == hub.All {
				head.Seq = 3
			}
			return head, nil
		}
		core.Publish(hub.All, 5)
		c := connect(t, g, "7", hub.Cursor{hub.All: 5})
		time.Sleep(500 * time.Millisecond)
		stale.Store(false) // by now the new one is asked
		time.Sleep(5 * time.Second)
		core.Publish(hub.All, 1)
		time.Sleep(time.Second)
		expect(t, c, hub.All, []uint64{6})
		if told := gaps(c); told != nil {
			t.Errorf("the client was told %q", told)
		}
		g.Close()
	})
}

func TestConnectNamesTheNodes(t *testing.T) {
	nodes := []string{"http://node-1:8080"}
	g, _ := start(t, gateway.Options{Nodes: func() []string { return nodes }})
	for _, want := range []int{1, 2} {
		c := dial(t, g, false)
		var got []string
		err := c.session.Connect(t.Context(), "7", nil, func(dst []byte, w gateway.Welcome, _ gateway.CursorText) []byte {
			got = w.Nodes
			return dst
		})
		if err != nil || len(got) != want || got[0] != nodes[0] {
			t.Errorf("got %v, %v", got, err)
		}
		nodes = append(nodes, "http://node-2:8080")
	}
}
