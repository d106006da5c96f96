package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"

	"bongsu/internal/await"
)

// groups are consumer groups in which every member lives: who is removed joins again
// at once.
type groups struct {
	mu       sync.Mutex
	lives    map[string]int // by name, which membership it has
	removed  int
	lookedUp map[string]int // by who looked somebody up
	tried    map[string]int // by who tried to remove somebody
	away     map[string]int // by name, how many of its tries fail
}

func newGroups() *groups {
	return &groups{lives: map[string]int{}, lookedUp: map[string]int{}, tried: map[string]int{}, away: map[string]int{}}
}

// of returns the Evict of a node.
func (g *groups) of(who string) func(context.Context, string) func(context.Context) error {
	return func(_ context.Context, name string) func(context.Context) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.lookedUp[who]++
		life := g.lives[name]
		return func(context.Context) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.tried[who]++; g.tried[who] <= g.away[who] {
				return errors.New("away")
			}
			if g.lives[name] == life {
				g.lives[name]++
				g.removed++
			}
			return nil
		}
	}
}

func (g *groups) tries(who ...string) (least int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	least = g.tried[who[0]]
	for _, name := range who {
		least = min(least, g.tried[name])
	}
	return least
}

func (g *groups) join(t *testing.T, l *lan, names ...string) []*member {
	t.Helper()
	var members []*member
	for _, name := range names {
		m := prepare(t, l, name, func(o *Options) {
			for _, seed := range members {
				o.Join = append(o.Join, seed.Joinable())
			}
			o.Evict = g.of(name)
		})
		if err := m.Start(t.Context(), m.holder); err != nil {
			t.Fatal(err)
		}
		l.at(name, m.Addr())
		t.Cleanup(m.Stop)
		members = append(members, m)
	}
	agree(t, members...)
	return members
}

// The others do not see who has its shards then, for it has some of them itself.
func TestAWrongVerdictCostsOneRemoval(t *testing.T) {
	t.Parallel()
	l, g := newLAN(), newGroups()
	members := g.join(t, l, "a", "b", "c", "d")
	members[0].holder.own(1, 0, 1)
	members[0].OwnershipChanged()
	for _, m := range members {
		await.That(t, "a's shards are known as its", func() bool {
			owner, ok := m.View().Owner(1)
			return ok && owner == members[0].ID()
		})
	}
	l.split(1, "a") // and not from Kafka
	await.That(t, "all others want to remove it", func() bool { return g.tries("b", "c", "d") > 0 })
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed != 1 || g.tried["a"] != 0 {
		t.Errorf("%d memberships were removed; by the one that was cut off: %d", g.removed, g.tried["a"])
	}
}

func TestARemovalIsTriedAgainAsItWasFound(t *testing.T) {
	t.Parallel()
	l, g := newLAN(), newGroups()
	g.away["a"] = evictionTries - 1
	members := g.join(t, l, "a", "b")
	l.split(1, "b")
	members[0].present.Load().found <- finding{members[1].ID(), whyRefused}
	await.That(t, "b is removed", func() bool { return g.tries("a") == evictionTries })
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lives["b"] != 1 || g.lookedUp["a"] != 1 {
		t.Errorf("removed %d times, looked up %d times", g.lives["b"], g.lookedUp["a"])
	}
}
