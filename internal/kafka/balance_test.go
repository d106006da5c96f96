package kafka

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// group is a model of a group: who holds what.
type group map[string][]partition

func (g group) subscriptions(topics ...string) []subscription {
	var all []subscription
	for member, owned := range g {
		all = append(all, subscription{member: member, topics: topics, owned: owned})
	}
	return all
}

// settle rebalances until nothing is moved, and returns how many rounds it took.
// What moves is never held by two.
func (g group) settle(t *testing.T, topics map[string]int32) int {
	t.Helper()
	names := slices.Collect(maps.Keys(topics))
	for round := 1; ; round++ {
		if round > 3 {
			t.Fatal("no end")
		}
		given := balance(g.subscriptions(names...), topics)
		ended := false
		for member, owned := range g {
			for _, p := range owned {
				if !slices.Contains(given[member], p) {
					ended = true
				}
			}
			for other := range g {
				for _, p := range owned {
					if other != member && slices.Contains(given[other], p) {
						t.Fatalf("%v goes to %s while %s holds it", p, other, member)
					}
				}
			}
		}
		for member := range g {
			g[member] = given[member]
		}
		if !ended {
			return round
		}
	}
}

func (g group) check(t *testing.T, topics map[string]int32) {
	t.Helper()
	seen, total := map[partition]bool{}, 0
	fewest, most := 1<<30, 0
	for _, owned := range g {
		for _, p := range owned {
			if seen[p] || p.id >= topics[p.topic] {
				t.Fatalf("%v is shared out wrongly", p)
			}
			seen[p] = true
		}
		fewest, most = min(fewest, len(owned)), max(most, len(owned))
	}
	for _, count := range topics {
		total += int(count)
	}
	if len(g) > 0 && (len(seen) != total || most-fewest > 1) {
		t.Fatalf("%d of %d shared out, %d to %d each", len(seen), total, fewest, most)
	}
}

func (g group) clone() group {
	c := group{}
	for member, owned := range g {
		c[member] = slices.Clone(owned)
	}
	return c
}

// kept counts what members hold now and held before.
func (g group) kept(before group) int {
	kept := 0
	for member, owned := range g {
		for _, p := range owned {
			if slices.Contains(before[member], p) {
				kept++
			}
		}
	}
	return kept
}

func TestPartitionsAreSharedOutEvenlyAndStayWhereTheyCan(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		topics := map[string]int32{"a": random.Int32N(70), "b": random.Int32N(9)}
		total := int(topics["a"] + topics["b"])
		g := group{}
		for step := range 12 {
			before := g.clone()
			if len(g) > 0 && random.IntN(2) == 0 { // one dies
				for member := range g {
					delete(g, member)
					break
				}
				if g.settle(t, topics) != 1 {
					t.Fatal("what a dead member held waits")
				}
			} else {
				g[fmt.Sprint("m", step)] = nil
				g.settle(t, topics)
			}
			g.check(t, topics)
			if n := len(g); n > len(before) && g.kept(before) < total-(total+n-1)/n {
				if len(before) > 0 {
					t.Fatalf("seed %d: %d of %d stayed when one came to %d", seed, g.kept(before), total, len(before))
				}
			}
		}
	}
}

func TestASurvivorKeepsAllItHas(t *testing.T) {
	topics := map[string]int32{"t": 64}
	g := group{"a": nil, "b": nil, "c": nil}
	g.settle(t, topics)
	before := g.clone()
	delete(g, "b")
	g.settle(t, topics)
	if kept := g.kept(before); kept != len(before["a"])+len(before["c"]) {
		t.Errorf("%d stayed", kept)
	}
}

func TestMoreMembersThanPartitions(t *testing.T) {
	topics := map[string]int32{"t": 2}
	g := group{"a": nil, "b": nil, "c": nil}
	g.settle(t, topics)
	g.check(t, topics)
	given := balance(g.subscriptions("t"), topics)
	if len(given) != 3 {
		t.Errorf("%d members have an entry", len(given))
	}
}

func TestAMemberGetsOnlyWhatItWants(t *testing.T) {
	given := balance([]subscription{
		{member: "old", topics: []string{"a"}, owned: []partition{{"b", 0}}},
		{member: "new", topics: []string{"a", "b"}},
	}, map[string]int32{"a": 2, "b": 2, "nobody's": 1})
	for _, p := range given["old"] {
		if p.topic != "a" {
			t.Errorf("given %v", p)
		}
	}
	if slices.Contains(given["new"], partition{"b", 0}) {
		t.Error("given away before it was let go")
	}
	if !slices.Contains(given["new"], partition{"b", 1}) {
		t.Errorf("got %v", given)
	}
}

// A member that missed a rebalance may claim what another has had since.
func TestTheNewestGenerationHolds(t *testing.T) {
	given := balance([]subscription{
		{member: "stale", topics: []string{"t"}, owned: []partition{{"t", 0}, {"t", 1}}, generation: 1},
		{member: "new", topics: []string{"t"}, owned: []partition{{"t", 0}}, generation: 2},
	}, map[string]int32{"t": 2})
	if slices.Contains(given["stale"], partition{"t", 0}) || slices.Contains(given["new"], partition{"t", 0}) {
		t.Errorf("given before the other let go: %v", given)
	}
	if !slices.Contains(given["stale"], partition{"t", 1}) {
		t.Errorf("got %v", given)
	}
}
