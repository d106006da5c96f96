package cluster

import (
	"context"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"bongsu/cluster/view"
	"bongsu/internal/await"
)

func TestNodesFindEachOtherThroughOneSeed(t *testing.T) {
	t.Parallel()
	l := newLAN()
	a := start(t, l, "a")
	b, c := start(t, l, "b", a), start(t, l, "c", a)
	agree(t, a, b, c)
	if a.Peers() != 2 {
		t.Errorf("a has %d peers", a.Peers())
	}
	if got := c.URLs(); len(got) != 3 || got[0] != "http://c" {
		t.Errorf("URLs = %v, want c's own first", got)
	}
}

func TestEverybodyLearnsAtOnceWhoOwnsWhat(t *testing.T) {
	t.Parallel()
	members := together(t, newLAN(), "a", "b", "c")
	a, b := members[0], members[1]
	owns := func(m *member, shard int32, who *member) bool {
		id, ok := m.View().Owner(shard)
		return ok && id == who.ID()
	}
	shards := []int32{0, 1, 2}
	await.AtMost(t, 500*time.Millisecond, func() time.Duration {
		begun, next := time.Now(), int32(len(shards))
		shards = append(shards, next)
		a.holder.own(1, shards...)
		a.OwnershipChanged()
		for _, m := range members {
			await.That(t, "the owner of a shard is known", func() bool { return owns(m, next, a) })
		}
		return time.Since(begun)
	})
	b.holder.own(2, 3)
	b.OwnershipChanged()
	for _, m := range members {
		await.That(t, "the claim of the later generation holds", func() bool { return owns(m, 3, b) && owns(m, 2, a) })
	}
	moves := members[2].Moves()
	if len(moves) == 0 || moves[0].Shard != 3 || moves[0].From != "a" || moves[0].To != "b" {
		t.Errorf("moves = %+v", moves)
	}
}

func TestANodeThatLeavesIsNotTakenForDead(t *testing.T) {
	t.Parallel()
	l := newLAN()
	members := together(t, l, "a", "b")
	a, b := members[0], members[1]
	await.AtMost(t, 2*time.Second, func() time.Duration {
		c := start(t, l, "c", a)
		agree(t, a, b, c)
		begun := time.Now()
		if err := c.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		agree(t, a, b)
		took := time.Since(begun)
		c.Stop()
		return took
	})
	time.Sleep(2 * evictionStep)
	if got := slices.Concat(a.evictions(), b.evictions()); len(got) > 0 {
		t.Errorf("removed from the groups: %v", got)
	}
}

func TestAKilledNodeIsNoticedAtOnceAndRemovedFromTheGroups(t *testing.T) {
	t.Parallel()
	l := newLAN()
	var log records
	a := prepare(t, l, "a", func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if err := a.Start(t.Context(), a.holder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	b, c := start(t, l, "b", a), start(t, l, "c", a)
	agree(t, a, b, c)
	for _, m := range []*member{a, b, c} {
		// Answers come over connections both ways.
		await.That(t, "connections to all stand", func() bool {
			list := m.Members(t.Context())
			return len(list) == 3 && !slices.ContainsFunc(list, func(other Member) bool { return !other.Reachable })
		})
	}
	c.Stop() // without Leave
	agree(t, a, b)
	await.That(t, "a tells that c's process is gone", func() bool { return log.count(string(whyRefused)) == 1 })
	await.That(t, "c was removed from the groups", func() bool {
		return slices.Contains(slices.Concat(a.evictions(), b.evictions()), "c")
	})
}

func TestANodeThatWasCutOffIsRebornUnderANewID(t *testing.T) {
	t.Parallel()
	l := newLAN()
	members := together(t, l, "a", "b", "c")
	a, b, c := members[0], members[1], members[2]
	c.holder.own(1, 1)
	was, root := c.ID(), c.Root()
	l.split(1, "c")
	agree(t, a, b)
	await.That(t, "c is alone", func() bool { return c.Peers() == 0 })
	if got := c.evictions(); len(got) > 1 {
		t.Errorf("the node that was cut off removed %v from the groups", got)
	}
	l.heal()
	await.That(t, "c has a new id", func() bool { return c.ID() != was })
	agree(t, a, b, c)
	await.That(t, "c joined its groups anew", func() bool { return c.rejoins() == 1 })
	c.holder.mu.Lock()
	letGo := c.holder.letGo
	c.holder.mu.Unlock()
	if letGo != 1 || c.Root() != root {
		t.Errorf("let go %d times; the actor system is the same: %v", letGo, c.Root() == root)
	}
	if a.rejoins()+b.rejoins() != 0 {
		t.Error("the larger side was reborn")
	}
}

func TestANodeThatOneOtherDroppedIsReborn(t *testing.T) {
	t.Parallel()
	members := together(t, newLAN(), "a", "b", "c")
	a, c := members[0], members[2]
	was := c.ID()
	a.present.Load().found <- finding{was, whyRefused} // a false alarm
	await.That(t, "c has a new id", func() bool { return c.ID() != was })
	agree(t, members...)
}

func TestAnEvictionUnderWayHoldsNoRebirthUp(t *testing.T) {
	t.Parallel()
	l := newLAN()
	over := make(chan struct{})
	begun := make(chan int, 8) // by whom
	var members []*member
	for i, name := range []string{"a", "b", "c"} {
		m := prepare(t, l, name, func(o *Options) {
			for _, seed := range members {
				o.Join = append(o.Join, seed.Joinable())
			}
			o.Evict = func(context.Context, string) func(context.Context) error {
				return func(context.Context) error { // heeds no context
					begun <- i
					<-over
					return nil
				}
			}
		})
		if err := m.Start(t.Context(), m.holder); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Stop)
		members = append(members, m)
	}
	t.Cleanup(func() { close(over) }) // before the nodes stop
	agree(t, members...)
	members[2].Stop()
	i := <-begun
	busy, other := members[i], members[1-i]
	was := busy.ID()
	other.present.Load().found <- finding{was, whyRefused}
	await.That(t, "who removes the dead node from the groups has a new id", func() bool { return busy.ID() != was })
}

func TestManyLivesLeaveNothingBehind(t *testing.T) {
	members := together(t, newLAN(), "a", "b")
	a, b := members[0], members[1]
	rebear := func() (took time.Duration) {
		was, begun := b.ID(), time.Now()
		a.present.Load().found <- finding{was, whyRefused}
		await.That(t, "b has a new id", func() bool { return b.ID() != was })
		took = time.Since(begun)
		agree(t, members...)
		return took
	}
	rebear()
	before := runtime.NumGoroutine()
	for _, least := range []time.Duration{2 * rebirthPause, 4 * rebirthPause, 8 * rebirthPause} {
		if took := rebear(); took < least {
			t.Errorf("b was reborn after %s, want %s and more", took, least)
		}
	}
	await.That(t, "there are no more goroutines than before", func() bool { return runtime.NumGoroutine() <= before+5 })
}

func TestAClusterThatWasSplitInTwoBecomesOneAgain(t *testing.T) {
	t.Parallel()
	l := newLAN()
	members := together(t, l, "a", "b", "c", "d")
	l.split(1, "c", "d")
	agree(t, members[:2]...)
	agree(t, members[2:]...)
	l.heal()
	agree(t, members...)
	reborn := func() (first, second int) {
		return members[0].rejoins() + members[1].rejoins(), members[2].rejoins() + members[3].rejoins()
	}
	await.That(t, "both nodes of one side joined their groups anew", func() bool {
		first, second := reborn()
		return first+second == 2
	})
	if first, second := reborn(); first != 0 && second != 0 {
		t.Errorf("%d nodes of one side were reborn, and %d of the other", first, second)
	}
}

func TestNodesThatStartedApartBecomeOneCluster(t *testing.T) {
	t.Parallel()
	l := newLAN()
	a := start(t, l, "a")
	l.split(1, "b")
	b := start(t, l, "b", a)
	if b.Peers() != 0 {
		t.Fatal("b reached a")
	}
	l.heal()
	agree(t, a, b)
	if a.rejoins()+b.rejoins() != 0 {
		t.Error("a node was reborn although none was dropped")
	}
}

func TestNamesakesThatStartedApartAreToldOfAndRemoveNeitherFromTheGroups(t *testing.T) {
	t.Parallel()
	l := newLAN()
	var log records
	logged := func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }
	first := prepare(t, l, "a", logged)
	if err := first.Start(t.Context(), first.holder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(first.Stop)
	l.split(1, "elsewhere")
	second := prepare(t, l, "a", func(o *Options) {
		logged(o)
		o.Join, o.network = []string{first.Joinable()}, (&port{lan: l, name: "elsewhere"}).network()
	})
	if err := second.Start(t.Context(), second.holder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.Stop)
	l.at("elsewhere", second.Addr())
	l.heal()
	agree(t, first, second)
	const told = "level=ERROR msg=\"another living node has this node's name"
	await.That(t, "both tell", func() bool { return log.count(told) == 2 })
	time.Sleep(2*repetition + 100*time.Millisecond)
	if n := log.count(told); n != 2 {
		t.Errorf("told %d times within a minute", n)
	}
	l.split(1, "elsewhere")
	await.That(t, "each finds the other gone", func() bool { return first.Peers()+second.Peers() == 0 })
	time.Sleep(2 * evictionStep)
	if got := slices.Concat(first.evictions(), second.evictions()); len(got) > 0 {
		t.Errorf("removed from the groups: %v", got)
	}
}

func TestALivingNodesNameIsRefused(t *testing.T) {
	t.Parallel()
	l := newLAN()
	a := start(t, l, "a")
	await.AtMost(t, 3*time.Second, func() time.Duration {
		second := prepare(t, l, "a", func(o *Options) { o.Join = []string{a.Joinable()} })
		begun := time.Now()
		err := second.Start(t.Context(), second.holder)
		took := time.Since(begun)
		if err == nil || !strings.Contains(err.Error(), `name "a"`) {
			t.Fatalf("Start = %v", err)
		}
		second.Stop()
		return took
	})
	agree(t, a)
}

func TestAKilledNodeComesBackUnderItsName(t *testing.T) {
	t.Parallel()
	for name, sameAddress := range map[string]bool{"at its address": true, "elsewhere": false} {
		t.Run(name, func(t *testing.T) {
			l := newLAN()
			members := together(t, l, "a", "b")
			a, b := members[0], members[1]
			await.AtMost(t, 2*time.Second, func() time.Duration {
				bind := b.Joinable()
				b.Stop()
				b = prepare(t, l, "b", func(o *Options) {
					o.Join = []string{a.Joinable()}
					if sameAddress {
						o.Bind = bind
					}
				})
				begun := time.Now()
				if err := b.Start(t.Context(), b.holder); err != nil {
					t.Fatal(err)
				}
				took := time.Since(begun)
				t.Cleanup(b.Stop)
				agree(t, a, b)
				return took
			})
		})
	}
}

func TestWhoAnswersAtAnAddressStaysWhateverTheClocksSay(t *testing.T) {
	t.Parallel()
	l := newLAN()
	var log records
	a := prepare(t, l, "a", func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if err := a.Start(t.Context(), a.holder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	b := start(t, l, "b", a)
	agree(t, a, b)
	was := b.ID()
	// What was at b's address before, by a clock that is a day ahead.
	former := view.Announcement{ID: "former", Name: "b", Addr: b.Addr(), Since: time.Now().Add(24 * time.Hour).UnixMilli(), Version: 1}
	meta, err := former.Encode()
	if err != nil {
		t.Fatal(err)
	}
	at, err := netip.ParseAddrPort(b.Joinable())
	if err != nil {
		t.Fatal(err)
	}
	a.present.Load().gossip.note(&memberlist.Node{Name: former.ID, Addr: at.Addr().AsSlice(), Port: at.Port(), Meta: meta})
	await.That(t, "one of the two is found gone", func() bool { return log.count(string(whyReplaced)) > 0 })
	time.Sleep(repetition + 200*time.Millisecond) // whoever was dropped would be told
	agree(t, a, b)
	if b.ID() != was || log.count("member_id=former why=\""+string(whyReplaced)) != 1 {
		t.Error("it was b")
	}
}

func TestASeedThatIsADNSName(t *testing.T) {
	t.Parallel()
	l := newLAN()
	a := start(t, l, "a")
	addr, err := parseAddr("", a.Joinable())
	if err != nil {
		t.Fatal(err)
	}
	addr.host = "localhost"
	b := prepare(t, l, "b", func(o *Options) { o.Join = []string{addr.String(), "no-such-host.invalid"} })
	if err := b.Start(t.Context(), b.holder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	agree(t, a, b)
}

func TestAStartCanBeGivenUp(t *testing.T) {
	t.Parallel()
	m := prepare(t, newLAN(), "a", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Start(ctx, m.holder); err == nil {
		t.Error("started")
		m.Stop()
	}
}

func TestOperatorsSeeHowEveryMemberFares(t *testing.T) {
	t.Parallel()
	l := newLAN()
	var members []*member
	for i, name := range []string{"a", "b"} {
		m := prepare(t, l, name, func(o *Options) {
			for _, seed := range members {
				o.Join = append(o.Join, seed.Joinable())
			}
			o.Status = func() Status { return Status{Sessions: int64(i + 1), Lag: map[int32]int64{0: 2, 1: 3}} }
		})
		m.holder.own(1, int32(i))
		if err := m.Start(t.Context(), m.holder); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Stop)
		members = append(members, m)
	}
	agree(t, members...)
	await.That(t, "both are seen", func() bool {
		list := members[0].Members(t.Context())
		for _, m := range list {
			sessions := int64(slices.Index([]string{"a", "b"}, m.Name) + 1)
			if !m.Reachable || m.Sessions != sessions || m.Lag != 5 || m.Generation != 1 || time.Since(m.Since) > time.Minute {
				return false
			}
		}
		return len(list) == 2
	})
	l.split(1, "b")
	for _, m := range members[0].Members(t.Context()) {
		if m.Name == "b" && m.Reachable {
			t.Error("b is reachable although it is cut off")
		}
	}
}

func TestWhatAnotherNodeOwnsIsReached(t *testing.T) {
	t.Parallel()
	members := together(t, newLAN(), "a", "b")
	a, b := members[0], members[1]
	all := []int32{0, 1, 2, 3, 4, 5, 6, 7}
	b.holder.own(1, all...)
	b.OwnershipChanged()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := a.Follow(ctx, "mall:1"); err != nil {
		t.Fatal(err)
	}
	if b.holder.followed() != 1 {
		t.Errorf("b was asked %d times", b.holder.followed())
	}
}
