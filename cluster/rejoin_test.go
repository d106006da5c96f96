package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"bongsu/internal/await"
)

// A life does not wait for its last attempt to join others.
func TestALifeThatIsOverMayStillTryOthersWhileTheNextBegins(t *testing.T) {
	t.Parallel()
	m := start(t, newLAN(), "a")
	former := m.present.Load()
	var trying sync.WaitGroup
	trying.Go(func() {
		for range 100 {
			former.join(context.WithoutCancel(t.Context()), map[string]bool{former.gossip.addr(): true}, nil)
		}
	})
	was := m.ID()
	former.stop()
	next, err := m.incarnate("next")
	if err != nil {
		t.Fatal(err)
	}
	m.present.Store(next)
	trying.Wait()
	if m.ID() == was {
		t.Error("there is no next life")
	}
}

func TestASplitHealsThoughTheSeedIsGoneAndBothSidesWereReborn(t *testing.T) {
	t.Parallel()
	l := newLAN()
	seed := start(t, l, "seed")
	a, b := start(t, l, "a", seed), start(t, l, "b", seed)
	agree(t, seed, a, b)
	if err := seed.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	agree(t, a, b)
	seed.Stop()
	l.split(1, "b")
	agree(t, a)
	agree(t, b)
	for _, m := range []*member{a, b} {
		was := m.ID()
		m.bear(m.present.Load(), verdict{From: "seed"})
		await.That(t, "there is another life", func() bool { return m.ID() != was && m.rejoins() == 1 })
	}
	l.heal()
	agree(t, a, b)
}

func TestTheAddressOfAMemberThatLeftIsForgotten(t *testing.T) {
	t.Parallel()
	members := together(t, newLAN(), "a", "b", "c")
	a, b, c := members[0], members[1], members[2]
	left, died := b.Joinable(), c.Joinable()
	if err := b.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Stop()
	agree(t, a, c)
	c.Stop() // without Leave
	agree(t, a)
	if got := a.known.addrs(); slices.Contains(got, left) || !slices.Contains(got, died) {
		t.Errorf("a knows %v; %s has left, and %s has not", got, left, died)
	}
}

func TestTheAddressesOfTheLivingAndOfThoseLostLastAreKnown(t *testing.T) {
	var k known
	living := map[string]string{}
	for i := range 2 * maxLost {
		living[fmt.Sprint(i)] = fmt.Sprint(i)
	}
	k.update(living, nil)
	if n := len(k.addrs()); n != 2*maxLost {
		t.Errorf("%d of %d living are known", n, 2*maxLost)
	}
	for i := range maxLost + 1 {
		delete(living, fmt.Sprint(i))
		k.update(living, nil)
	}
	got := k.addrs()
	if len(got) != 2*maxLost-1 || slices.Contains(got, "0") || !slices.Contains(got, "1") {
		t.Errorf("%d are known, the one lost first among them: %v", len(got), slices.Contains(got, "0"))
	}
	living["another"] = "1" // somebody is there again
	k.update(living, nil)
	delete(living, "another")
	k.update(living, []string{"1"})
	if got := k.addrs(); len(got) != 2*maxLost-2 || slices.Contains(got, "1") {
		t.Errorf("%d are known, the one that left among them: %v", len(got), slices.Contains(got, "1"))
	}
}

// Where one has left another may live: nodes come back at their addresses.
func TestAnAddressIsKnownWhileAMemberLivesThere(t *testing.T) {
	var k known
	k.update(map[string]string{"former": "x", "present": "x"}, nil)
	k.update(map[string]string{"present": "x"}, []string{"x"})
	if got := k.addrs(); !slices.Equal(got, []string{"x"}) {
		t.Errorf("known: %v", got)
	}
}
