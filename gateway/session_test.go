package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

func span(from, to uint64) []uint64 {
	var out []uint64
	for seq := from; seq <= to; seq++ {
		out = append(out, seq)
	}
	return out
}

func expect(t *testing.T, c *client, stream hub.Stream, want []uint64) {
	t.Helper()
	if got := c.entries(stream); !slices.Equal(got, want) {
		t.Errorf("entries of %s: got %v, want %v", stream, got, want)
	}
}

func TestSessionGetsWhatComesAfterItsHead(t *testing.T) {
	g, core := start(t, gateway.Options{})
	core.Publish(hub.All, 3)
	c := connect(t, g, "7 mall:1001", nil)
	core.Publish(hub.All, 2)
	core.Publish("mall:1001", 1)
	core.Publish("mall:9", 1)
	c.await(t, "entry all 5")
	c.await(t, "entry mall:1001 1")
	expect(t, c, hub.All, []uint64{4, 5})
	expect(t, c, "mall:9", nil)
	if first := c.said()[0]; first != "welcome 7 unread 0 at admin:7=0,all=3,mall:1001=0" {
		t.Errorf("first line %q", first)
	}
}

func TestResumeSendsWhatWasMissedThenLive(t *testing.T) {
	g, core := start(t, gateway.Options{})
	core.Publish(hub.All, 900)
	c := connect(t, g, "7", hub.Cursor{hub.All: 100})
	core.Publish(hub.All, 10)
	c.await(t, "entry all 910")
	expect(t, c, hub.All, span(101, 910))
}

func TestResumeTooFarBehindIsAGap(t *testing.T) {
	g, core := start(t, gateway.Options{CatchUp: 100})
	core.Publish(hub.All, 200)
	c := connect(t, g, "7", hub.Cursor{hub.All: 99})
	core.Publish(hub.All, 1)
	c.await(t, "entry all 201")
	if got := c.await(t, "gap"); got != `gap {"stream":"all","from":100,"to":200,"reason":"behind"}` {
		t.Error(got)
	}
	expect(t, c, hub.All, []uint64{201})

	edge := connect(t, g, "8", hub.Cursor{hub.All: 101})
	edge.await(t, "entry all 201")
	expect(t, edge, hub.All, span(102, 201))
}

func TestResumePastRetentionIsAGapThenTheRest(t *testing.T) {
	g, core := start(t, gateway.Options{})
	core.Publish(hub.All, 50)
	other := connect(t, g, "8", nil)
	core.Retain(hub.All, 30)
	c := connect(t, g, "7", hub.Cursor{hub.All: 10})
	c.await(t, "entry all 50")
	if got := c.await(t, "gap"); got != `gap {"stream":"all","from":11,"to":30,"reason":"behind"}` {
		t.Error(got)
	}
	expect(t, c, hub.All, span(31, 50))
	expect(t, other, hub.All, nil)
}

func TestCursorBeyondHeadIsReset(t *testing.T) {
	g, core := start(t, gateway.Options{ResetAfter: 100 * time.Millisecond})
	core.Publish(hub.All, 5)
	c := connect(t, g, "7", hub.Cursor{hub.All: 50})
	if got := c.await(t, "gap"); got != `gap {"stream":"all","from":1,"to":5,"reason":"reset"}` {
		t.Error(got)
	}
	core.Publish(hub.All, 1)
	c.await(t, "entry all 6")
	expect(t, c, hub.All, []uint64{6})
}

func TestCursorBeyondALateNodeIsNoReset(t *testing.T) {
	g, core := start(t, gateway.Options{ResetAfter: 100 * time.Millisecond})
	core.Publish(hub.All, 5)
	connect(t, g, "8", nil)
	core.Lose(func(hub.Stream) bool { return true })
	core.Publish(hub.All, 5) // this node does not hear of them
	core.Lose(nil)
	c := connect(t, g, "7", hub.Cursor{hub.All: 9})
	c.await(t, "entry all 10")
	time.Sleep(1500 * time.Millisecond) // one sweep and more
	expect(t, c, hub.All, []uint64{10})
	for _, line := range c.said() {
		if strings.HasPrefix(line, "gap") {
			t.Error(line)
		}
	}
}

func TestAHoleInPushesIsFetched(t *testing.T) {
	g, core := start(t, gateway.Options{})
	c := connect(t, g, "7", nil)
	core.Publish(hub.All, 1)
	c.await(t, "entry all 1")
	core.Lose(func(hub.Stream) bool { return true })
	core.Publish(hub.All, 3)
	core.Lose(nil)
	core.Publish(hub.All, 1)
	c.await(t, "entry all 5")
	expect(t, c, hub.All, span(1, 5))
}

func TestAStreamThatMovesIsFollowedAgain(t *testing.T) {
	g, core := start(t, gateway.Options{})
	c := connect(t, g, "7", nil)
	down := true
	core.Refuse(func(hub.Stream) error {
		if down {
			return hub.Unavailablef("nobody owns it")
		}
		return nil
	})
	core.Move(hub.All)
	core.Publish(hub.All, 3)
	core.Refuse(nil)
	c.await(t, "entry all 3")
	core.Publish(hub.All, 1)
	c.await(t, "entry all 4")
	expect(t, c, hub.All, span(1, 4))
}

func TestConnectFailsForAWhileWithoutAnOwner(t *testing.T) {
	g, core := start(t, gateway.Options{})
	core.Refuse(func(s hub.Stream) error {
		if s == hub.All {
			return hub.Unavailablef("nobody owns it")
		}
		return nil
	})
	c := dial(t, g, false)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := c.session.Connect(ctx, "7", nil, welcomeLine)
	if !errors.Is(err, hub.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	core.Refuse(nil)
	if err := c.open("7", nil); err != nil {
		t.Fatal(err)
	}
	core.Publish(hub.All, 1)
	c.await(t, "entry all 1")
}

func TestRefreshChangesStreamsAtOnce(t *testing.T) {
	g, core := start(t, gateway.Options{})
	core.Publish("mall:2", 5)
	c := connect(t, g, "7 mall:1", nil)
	core.Publish("mall:1", 1)
	c.await(t, "entry mall:1 1")
	if err := c.open("7 mall:2", nil); err != nil {
		t.Fatal(err)
	}
	core.Publish("mall:1", 1)
	core.Publish("mall:2", 1)
	core.Publish(hub.All, 1)
	c.await(t, "entry mall:2 6")
	c.await(t, "entry all 1")
	expect(t, c, "mall:1", []uint64{1})
	expect(t, c, "mall:2", []uint64{6})
	if err := c.open("8 mall:2", nil); !errors.Is(err, hub.ErrForbidden) {
		t.Errorf("another person's token: %v", err)
	}
}

func TestAStreamThatANewTokenBringsGoesOnWhereTheCursorSays(t *testing.T) {
	g, core := start(t, gateway.Options{})
	core.Publish("mall:2", 3)
	c := connect(t, g, "7", nil)
	if err := c.open("7 mall:2", hub.Cursor{"mall:2": 1}); err != nil {
		t.Fatal(err)
	}
	c.await(t, "entry mall:2 3")
	expect(t, c, "mall:2", span(2, 3))
}

func TestUnreadFollowsEntriesAndMarks(t *testing.T) {
	g, core := start(t, gateway.Options{UnreadEvery: 100 * time.Millisecond})
	core.Publish("mall:1", 2)
	c := connect(t, g, "7 mall:1", nil)
	twin := connect(t, g, "7 mall:1", nil)
	core.Publish("mall:1", 3)
	c.await(t, `unread {"streams":{"mall:1":3},"total":3,"version":7}`)
	if _, err := core.Mark(context.Background(), "7", map[hub.Stream]uint64{"mall:1": 4}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []*client{c, twin} {
		one.await(t, `unread {"streams":{"mall:1":1},"total":1,"version":9}`)
	}
	core.Retain("mall:1", 5)
	c.await(t, `unread {"streams":{},"total":0,"version":10}`)
}

func TestUnreadFollowsRetentionThatANewOwnerTellsOf(t *testing.T) {
	g, core := start(t, gateway.Options{UnreadEvery: 100 * time.Millisecond})
	c := connect(t, g, "7 mall:1", nil)
	core.Publish("mall:1", 3)
	c.await(t, `unread {"streams":{"mall:1":3},"total":3,"version":3}`)
	core.Core.Retain("mall:1", 2) // the old owner told the others, and was not heard
	core.Move("mall:1")
	c.await(t, `unread {"streams":{"mall:1":1},"total":1,"version":5}`)
}

func TestPushedUnreadIsWhatCountCounts(t *testing.T) {
	g, core := start(t, gateway.Options{UnreadEvery: time.Millisecond})
	for i, stream := range []hub.Stream{hub.All, "mall:1", "mall:2"} {
		core.Publish(stream, 3+i)
	}
	c := connect(t, g, "7 mall:1 mall:2", nil)
	core.Publish("mall:2", 4)
	core.Publish("admin:7", 2)
	unread, err := gateway.NewInbox(core).Unread(context.Background(), c.session.Principal())
	if err != nil {
		t.Fatal(err)
	}
	if unread.Total != 6 || unread.Version != 30 {
		t.Fatalf("inbox says %+v", unread)
	}
	c.await(t, `unread {"streams":{"admin:7":2,"mall:2":4},"total":6,"version":30}`)
}

func TestAMarkThatComesDuringConnectCounts(t *testing.T) {
	g, core := start(t, gateway.Options{})
	core.Publish("admin:7", 3)
	core.AfterPerson = func(admin string) { // on another device, right now
		if _, err := core.Mark(context.Background(), admin, map[hub.Stream]uint64{"admin:7": 2}); err != nil {
			t.Error(err)
		}
	}
	c := connect(t, g, "7", nil)
	if got := c.await(t, "welcome"); got != "welcome 7 unread 1 at admin:7=3,all=0" {
		t.Errorf("got %q", got)
	}
}

func TestTooManySessionsOfOnePerson(t *testing.T) {
	g, _ := start(t, gateway.Options{PersonSessions: 2})
	a := connect(t, g, "7", nil)
	connect(t, g, "7", nil)
	connect(t, g, "8", nil)
	c := dial(t, g, false)
	err := c.open("7", nil)
	if !errors.Is(err, gateway.ErrTooManySessions) || gateway.CloseOf(err) != gateway.CloseTooMany {
		t.Fatalf("got %v", err)
	}
	a.session.Close(gateway.CloseNormal)
	if err := c.open("7", nil); err != nil {
		t.Fatal(err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	g, _ := start(t, gateway.Options{Sessions: 2, Pending: 1})
	waiting := dial(t, g, false)
	if err := g.Admit(); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("a second one that waits: %v", err)
	}
	if err := waiting.open("7", nil); err != nil {
		t.Fatal(err)
	}
	connect(t, g, "8", nil)
	if err := g.Admit(); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("a third: %v", err)
	}
	waiting.session.Close(gateway.CloseNormal)
	<-waiting.ended
	for g.Admit() != nil { // the place is free as soon as the connection is
		time.Sleep(time.Millisecond)
	}
}

func TestASlowClientIsClosed(t *testing.T) {
	g, core := start(t, gateway.Options{})
	c := connect(t, g, "7", nil)
	c.await(t, "welcome")
	c.mu.Lock()
	c.stalls = true
	c.mu.Unlock()
	other := connect(t, g, "8", nil)
	core.Publish(hub.All, 1)
	other.await(t, "entry all 1")
	<-c.ended
}

func TestAnOutboxIsBounded(t *testing.T) {
	g, _ := start(t, gateway.Options{OutboxBytes: 1 << 10})
	c := dial(t, g, false)
	c.mu.Lock() // the socket takes nothing
	chunk := make([]byte, 600)
	for range 10 {
		c.session.Send(chunk)
	}
	c.mu.Unlock()
	line := c.await(t, "\x00") // two chunks, and as many that the writer has taken before
	if kept := strings.Count(line, "\x00"); kept < 2*len(chunk) || kept > 4*len(chunk) || line[kept:] != "close 4001" {
		t.Errorf("%d bytes were kept, and then %q", kept, line[kept:])
	}
}

func TestDrainClosesAllOverTheWindow(t *testing.T) {
	g, _ := start(t, gateway.Options{})
	var all []*client
	for range 20 {
		all = append(all, connect(t, g, "7", nil))
	}
	began := time.Now()
	if err := g.Drain(t.Context(), 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("took %v", took)
	}
	for _, c := range all {
		c.await(t, "close 4000")
	}
	if err := g.Admit(); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("a new connection: %v", err)
	}
}

func TestDrainSpreadsReconnectsEvenly(t *testing.T) {
	for _, sessions := range []int{3000, 130, 7} {
		synctest.Test(t, func(t *testing.T) {
			g, _ := start(t, gateway.Options{})
			const window, parts = 10 * time.Second, 10
			var began time.Time
			var closed [parts]int
			var mu sync.Mutex
			for i := range sessions {
				if err := g.Admit(); err != nil {
					t.Fatal(err)
				}
				c := &client{ended: make(chan struct{})}
				c.some.L = &c.mu
				s := g.Accept(gateway.Accepted{Conn: c, Protocol: lines{}, OnClose: func() {
					mu.Lock()
					defer mu.Unlock()
					closed[time.Since(began)*parts/window]++
				}})
				go func() { _, _ = c.Read(nil); s.Gone() }()
				if err := s.Connect(t.Context(), fmt.Sprint(i), nil, welcomeLine); err != nil {
					t.Fatal(err)
				}
			}
			began = time.Now()
			if err := g.Drain(t.Context(), window); err != nil {
				t.Fatal(err)
			}
			for _, n := range closed {
				if share := sessions / parts; n < share-share/20-1 || n > share+share/20+1 {
					t.Errorf("%d sessions, closed in tenths of the window: %v", sessions, closed)
					break
				}
			}
			g.Close()
		})
	}
}

func TestQuietSessionsHeartbeatAndSilentOnesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := start(t, gateway.Options{})
		quiet := connect(t, g, "7", nil)
		silent := dial(t, g, true)
		if err := silent.open("8", nil); err != nil {
			t.Fatal(err)
		}
		never := dial(t, g, true)
		time.Sleep(11 * time.Second)
		if got := never.said(); !slices.Equal(got, []string{"close 4502"}) {
			t.Errorf("without a session: %q", got)
		}
		time.Sleep(16 * time.Second)
		if got := quiet.said(); got[len(got)-1] != "heartbeat" {
			t.Errorf("after 27 s: %q", got)
		}
		silent.session.Heard()
		time.Sleep(60 * time.Second)
		if got := silent.said(); slices.Contains(got, "close 4002") {
			t.Errorf("closed before 2.5 heartbeats of silence: %q", got)
		}
		time.Sleep(5 * time.Second)
		if got := silent.said(); !slices.Contains(got, "close 4002") {
			t.Errorf("still open after 65 s of silence: %q", got)
		}
		if got := quiet.said(); slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "close") }) {
			t.Errorf("one that need not answer: %q", got)
		}
		g.Close()
	})
}

func TestATokenExpiresUnlessRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := start(t, gateway.Options{})
		lapses := connect(t, g, "7!10s", nil)
		renews := connect(t, g, "8!10s", nil)
		time.Sleep(5 * time.Second)
		if err := renews.open("8!10s", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		if got := lapses.said(); !slices.Contains(got, "close 4003") {
			t.Errorf("expired: %q", got)
		}
		if got := renews.said(); slices.Contains(got, "close 4003") {
			t.Errorf("renewed: %q", got)
		}
		g.Close()
	})
}

func TestUnusedStreamsAreLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		c := connect(t, g, "7", nil)
		stays := connect(t, g, "8", nil)
		c.session.Close(gateway.CloseNormal)
		time.Sleep(20 * time.Second)
		if !core.Followed("admin:7") {
			t.Error("let go at once")
		}
		time.Sleep(20 * time.Second)
		if core.Followed("admin:7") {
			t.Error("still followed")
		}
		if !core.Followed(hub.All) || !core.Followed("admin:8") {
			t.Error("streams in use were let go")
		}
		core.Publish("admin:7", 2)
		again := connect(t, g, "7", hub.Cursor{"admin:7": 0})
		core.Publish("admin:7", 1)
		time.Sleep(time.Second)
		expect(t, again, "admin:7", span(1, 3))
		expect(t, stays, "admin:7", nil)
		g.Close()
	})
}

func TestHistoryThatCannotBeFetchedBecomesAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		core.Publish(hub.All, 5)
		connect(t, g, "8", nil)
		core.Refuse(func(hub.Stream) error { return hub.Unavailablef("the timeline is away") })
		c := connect(t, g, "8", hub.Cursor{hub.All: 2})
		core.Publish(hub.All, 1)
		time.Sleep(25 * time.Second)
		expect(t, c, hub.All, nil) // order before speed
		time.Sleep(10 * time.Second)
		expect(t, c, hub.All, []uint64{6})
		if got := c.said(); !slices.Contains(got, `gap {"stream":"all","from":3,"to":5,"reason":"behind"}`) {
			t.Errorf("got %q", got)
		}
		g.Close()
	})
}
