package view_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"bongsu/cluster/view"
)

func member(id string, generation int32, shards ...int32) view.Announcement {
	return view.Announcement{ID: id, Name: "name-" + id, Addr: id + ":1", Generation: generation, Shards: view.SetOf(shards...)}
}

func owner(v *view.View, shard int32) string {
	id, _ := v.Owner(shard)
	return id
}

func TestAShardIsItsClaimantsOfTheHighestGeneration(t *testing.T) {
	v := view.New(4, member("a", 3, 0, 1), member("b", 4, 1, 2))
	for shard, want := range []string{"a", "b", "b", ""} {
		if got := owner(v, int32(shard)); got != want {
			t.Errorf("shard %d is %q's, want %q's", shard, got, want)
		}
	}
	if got := v.Unowned(); !slices.Equal(got, []int32{3}) {
		t.Errorf("unowned: %v", got)
	}
}

func TestOfEqualGenerationsTheLowestIDOwns(t *testing.T) {
	if got := owner(view.New(1, member("b", 4, 0), member("a", 4, 0), member("c", 4, 0)), 0); got != "a" {
		t.Errorf("the owner is %q", got)
	}
}

func TestAShardBeyondTheJournalHasNoOwner(t *testing.T) {
	v := view.New(2, member("a", 1, 0, 1, 2))
	for _, shard := range []int32{-1, 2, 3000} {
		if id, ok := v.Owner(shard); ok {
			t.Errorf("shard %d is %q's", shard, id)
		}
	}
}

func TestMembersAreSortedAndFoundByID(t *testing.T) {
	newer := member("b", 9, 1)
	newer.Version = 2
	v := view.New(2, member("c", 1), newer, member("a", 1), member("b", 1, 0))
	var ids []string
	for _, m := range v.Members() {
		ids = append(ids, m.ID)
	}
	if strings.Join(ids, "") != "abc" {
		t.Errorf("members: %v", ids)
	}
	if m, ok := v.Member("b"); !ok || m.Generation != 9 {
		t.Errorf("b = %+v, %v; the higher version holds", m, ok)
	}
	if _, ok := v.Member("d"); ok {
		t.Error("d was found")
	}
}

func TestTheOrderOfAnnouncementsDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		all := make([]view.Announcement, 1+random.IntN(6))
		for i := range all {
			all[i] = member(string(rune('a'+i)), random.Int32N(4))
			all[i].Shards = view.SetOf(random.Int32N(8), random.Int32N(8), random.Int32N(8))
		}
		want := view.New(8, all...)
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		got := view.New(8, all...)
		if !got.Equal(want) {
			t.Fatalf("views differ: %+v, %+v", got, want)
		}
		for shard := range int32(8) {
			id, ok := got.Owner(shard)
			if id != owner(want, shard) {
				t.Fatalf("shard %d: %q or %q", shard, id, owner(want, shard))
			}
			for _, m := range got.Members() {
				if !m.Shards.Has(shard) {
					continue
				}
				best, _ := got.Member(id)
				if !ok || best.Generation < m.Generation {
					t.Fatalf("shard %d is %q's of generation %d, %q claims it in %d", shard, id, best.Generation, m.ID, m.Generation)
				}
			}
		}
	}
}

func TestSetsHoldShards(t *testing.T) {
	s := view.SetOf(0, 9, 2047, 9, -1, 2048)
	if got := s.List(); !slices.Equal(got, []int32{0, 9, 2047}) || s.Len() != 3 {
		t.Errorf("set: %v, %d", got, s.Len())
	}
	if s.Has(1) || s.Has(-1) || s.Has(5000) || !s.Has(9) {
		t.Error("Has is wrong")
	}
	if len(view.SetOf()) != 0 || len(view.SetOf(3)) != 1 {
		t.Error("a set holds bytes that it does not need")
	}
}
