package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bongsu/cluster/view"
)

func listing(t *testing.T, ids ...string) []peer {
	t.Helper()
	var list []peer
	for _, id := range ids {
		list = append(list, listed(t, view.Announcement{ID: id, Name: id, Addr: id + ":1", Version: 1}, id+":2"))
	}
	return list
}

func listed(t *testing.T, a view.Announcement, addr string) peer {
	t.Helper()
	meta, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return peer{id: a.ID, addr: addr, meta: meta}
}

var epoch = time.Unix(1000, 0)

func TestWhoWasDroppedStaysDroppedAndIsTold(t *testing.T) {
	r := newRoster("a", "a:2")
	r.update(epoch, listing(t, "a", "b", "c"))
	r.doom("b", whyRefused)
	c := r.update(epoch, listing(t, "a", "b", "c"))
	if len(c.gone) != 1 || c.gone[0].ID != "b" || len(c.members) != 1 {
		t.Fatalf("%+v", c)
	}
	c = r.update(epoch.Add(time.Hour), listing(t, "a", "b", "c"))
	if len(c.strangers) != 1 || c.strangers[0].id != "b" || len(c.members) != 1 || len(c.gone) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestWhoWasDroppedIsToldAsSoonAsItSpeaks(t *testing.T) {
	r := newRoster("a", "a:2")
	r.update(epoch, listing(t, "b", "c"))
	if _, tell := r.hear(view.Announcement{ID: "b"}); tell {
		t.Error("a member is told")
	}
	r.doom("b", whySilent)
	r.doom("c", whyLeft)
	r.update(epoch, nil)
	if p, tell := r.hear(view.Announcement{ID: "b"}); !tell || p.addr != "b:2" {
		t.Errorf("told: %v, at %q", tell, p.addr)
	}
	for _, id := range []string{"c", "unknown"} {
		if _, tell := r.hear(view.Announcement{ID: id}); tell {
			t.Errorf("%s is told", id)
		}
	}
}

func TestWhoLeftIsNotTold(t *testing.T) {
	r := newRoster("a", "a:2")
	r.update(epoch, listing(t, "b"))
	r.doom("b", whyLeft)
	if c := r.update(epoch, listing(t, "b")); len(c.gone) != 1 || c.gone[0].why != whyLeft {
		t.Fatalf("%+v", c)
	}
	if c := r.update(epoch, listing(t, "b")); len(c.strangers) != 0 || len(c.members) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestADeathByHearsayIsDoubted(t *testing.T) {
	r := newRoster("a", "a:2")
	r.update(epoch, listing(t, "b"))
	c := r.update(epoch, nil)
	if len(c.gone) != 0 || len(c.members) != 1 || len(c.doubted) != 1 || c.doubted[0].id != "b" || c.doubted[0].addr != "b:2" {
		t.Fatalf("%+v", c)
	}
	if c = r.update(epoch, listing(t, "b")); len(c.doubted) != 0 || len(c.members) != 1 {
		t.Errorf("%+v after it was withdrawn", c)
	}
	r.update(epoch, nil)
	r.doom("b", whySilent)
	if c = r.update(epoch, nil); len(c.gone) != 1 || len(c.members) != 0 {
		t.Errorf("%+v after it was confirmed", c)
	}
}

func TestWhichOfTwoAtOneAddressHasGoneIsNotForTheirClocksToSay(t *testing.T) {
	for name, since := range map[string][2]int64{"right clocks": {1, 2}, "the restarted one's is late": {2, 1}, "no clocks": {}} {
		t.Run(name, func(t *testing.T) {
			r := newRoster("a", "a:2")
			before := listed(t, view.Announcement{ID: "z", Name: "n", Addr: "n:1", Since: since[0]}, "n:2")
			now := listed(t, view.Announcement{ID: "b", Name: "n", Addr: "n:1", Since: since[1]}, "n:2")
			r.update(epoch, []peer{before})
			c := r.update(epoch, []peer{before, now})
			if len(c.contests) != 1 || c.contests[0].addr != "n:2" || !slices.Equal(c.contests[0].ids, []string{"b", "z"}) {
				t.Fatalf("%+v: nobody is asked who is there", c)
			}
			if len(c.gone) != 0 || len(c.members) != 2 {
				t.Errorf("%+v before one has answered", c)
			}
			r.doom("z", whyReplaced)
			c = r.update(epoch, []peer{before, now})
			if len(c.gone) != 1 || c.gone[0].ID != "z" || c.gone[0].why != whyReplaced || len(c.members) != 1 || len(c.contests) != 0 {
				t.Errorf("%+v after the other has", c)
			}
		})
	}
}

func TestAnEarlierLifeOfThisNodeIsNoMember(t *testing.T) {
	r := newRoster("a", "a:2")
	self := listed(t, view.Announcement{ID: "old", Name: "a", Addr: "a:1"}, "a:2")
	if c := r.update(epoch, []peer{self}); len(c.members) != 0 || len(c.contests) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestTheNewerAnnouncementHolds(t *testing.T) {
	r := newRoster("a", "a:2")
	version := func() uint32 { return r.living["b"].Version }
	told := func(version uint32) view.Announcement {
		return view.Announcement{ID: "b", Name: "b", Addr: "b:1", Version: version}
	}
	r.hear(told(9)) // of a node that memberlist does not know yet
	r.update(epoch, listing(t, "b"))
	if version() != 1 {
		t.Fatalf("version %d", version())
	}
	r.hear(told(5))
	r.hear(told(4))
	r.update(epoch, listing(t, "b"))
	if version() != 5 {
		t.Errorf("version %d, want 5", version())
	}
	r.update(epoch, []peer{listed(t, told(6), "b:2")})
	if version() != 6 {
		t.Errorf("version %d, want 6", version())
	}
}

func TestAnAnnouncementThatIsNoneLeavesItsNodeOut(t *testing.T) {
	r := newRoster("a", "a:2")
	posing := listing(t, "c")[0]
	posing.id = "b"
	c := r.update(epoch, []peer{{id: "x", addr: "x:2", meta: []byte("junk")}, {id: "y", addr: "y:2"}, posing})
	if len(c.members) != 0 || len(c.bad) != 3 {
		t.Errorf("%+v", c)
	}
}

func TestTheSmallerSideOfASplitYields(t *testing.T) {
	sides := func(own, other []string) (ownYields, otherYields bool) {
		a, b := newRoster(own[0], ""), newRoster(other[0], "")
		for r, side := range map[*roster][]string{a: own, b: other} {
			r.update(epoch, listing(t, append(own[:len(own):len(own)], other...)...))
			for _, id := range append(own[:len(own):len(own)], other...) {
				if !contains(side, id) {
					r.doom(id, whySilent)
				}
			}
			r.update(epoch, listing(t, side...))
		}
		word := func(from, to *roster) verdict {
			members, lowest := from.side(to.self)
			return verdict{ID: to.self, From: from.self, Members: members, Lowest: lowest}
		}
		return a.outvoted(word(b, a)), b.outvoted(word(a, b))
	}
	for _, test := range []struct{ stays, yields []string }{
		{[]string{"b", "c"}, []string{"a"}},
		{[]string{"a"}, []string{"b"}},
		{[]string{"d", "a"}, []string{"b", "c"}},
		{[]string{"e", "d", "c"}, []string{"a", "b"}},
		{[]string{"b", "a"}, []string{"c", "a"}}, // a third node sees both
	} {
		if first, second := sides(test.stays, test.yields); first || !second {
			t.Errorf("%v yields: %v, %v yields: %v", test.stays, first, test.yields, second)
		}
	}
}

func contains(list []string, id string) bool {
	for _, other := range list {
		if other == id {
			return true
		}
	}
	return false
}

func TestWhoAloneWasDroppedYieldsUnlessTheOtherStandsAgainstMore(t *testing.T) {
	for _, test := range []struct {
		tellersMembers int
		yields         bool
	}{{2, true}, {3, true}, {1, false}} {
		r := newRoster("c", "")
		r.update(epoch, listing(t, "a", "b"))
		got := r.outvoted(verdict{ID: "c", From: "a", Members: test.tellersMembers, Lowest: "a"})
		if got != test.yields {
			t.Errorf("told by one of %d: yields %v", test.tellersMembers, got)
		}
		c := r.update(epoch, listing(t, "a", "b"))
		if dropped := len(c.gone) == 1 && c.gone[0].ID == "a"; dropped == test.yields {
			t.Errorf("told by one of %d: dropped the teller: %v", test.tellersMembers, dropped)
		}
	}
}

func TestFewOfManyAreAMinorityForAWhile(t *testing.T) {
	r := newRoster("a", "")
	r.update(epoch, listing(t, "b", "c"))
	r.doom("b", whySilent)
	r.update(epoch.Add(time.Second), listing(t, "b", "c"))
	if r.minority() {
		t.Error("two of three are a minority")
	}
	r.doom("c", whySilent)
	r.update(epoch.Add(2*time.Second), listing(t, "c"))
	if !r.minority() {
		t.Error("one of three is no minority")
	}
	r.update(epoch.Add(2*time.Second+2*majorityWindow), nil)
	if r.minority() {
		t.Error("one of one is a minority")
	}
}

func TestTheMemoryOfTheDroppedIsBounded(t *testing.T) {
	r := newRoster("a", "")
	for i := range maxDropped + 10 {
		r.drop(epoch.Add(time.Duration(i)), fmt.Sprint(i), whySilent)
	}
	if len(r.dropped) != maxDropped {
		t.Errorf("%d are remembered", len(r.dropped))
	}
	if _, ok := r.dropped["0"]; ok {
		t.Error("the oldest is remembered")
	}
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add(verdict{ID: "a", From: "b", Members: 2, Lowest: "b"}.encode())
	f.Add([]byte("lid"))
	a, err := view.Announcement{ID: "a", Name: "a", Addr: "a:1"}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte{messageAnnouncement}, a...))
	f.Add([]byte{messageAnnouncement})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMessage(b)
		if err != nil {
			return
		}
		r := newRoster("a", "")
		switch {
		case m.announcement != nil:
			r.hear(*m.announcement)
		case m.verdict != nil:
			r.outvoted(*m.verdict)
		default:
			r.doom(m.leave, whyLeft)
		}
		if c := r.update(epoch, nil); len(c.gone) != 0 {
			t.Fatalf("%+v", c)
		}
	})
}
