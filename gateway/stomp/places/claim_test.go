package places

import (
	"fmt"
	"testing"
	"time"

	"bongsu/internal/hub"
)

// wouldTell returns what would be told of a person's open sessions, and what of used places.
func (p *Places) wouldTell(admin string) (openPlace, []usedPlace) {
	p.mu.Lock()
	used := append([]usedPlace(nil), p.used...)
	p.mu.Unlock()
	return placeOf(admin, p.sessionsOf(admin)), used
}

// A node is killed while a page's new session waits to be opened: the place must
// still be there for the page's next try, at another node.
func TestAPlaceIsToldAsUsedWithTheSessionThatUsesIt(t *testing.T) {
	for name, record := range map[string]string{
		"ended": `{"node":"b","at":1,"ended":[{"n":1,"admin":"7","cursor":"all=5","at":1}]}`,
		"open":  `{"node":"b","at":1,"open":[{"admin":"7","sessions":1,"late":1,"cursor":"all=5"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := alone()
			p.take([]byte(record), time.Now())
			next := &heardPlace{}
			if at, _ := p.Resume(t.Context(), "7", next); at.String() != "all=5" {
				t.Fatalf("it goes on at %q", at)
			}
			if _, used := p.wouldTell("7"); len(used) > 0 {
				t.Errorf("the place is told as used by a session that is not open")
			}
			p.Open("7", next)
			if open, used := p.wouldTell("7"); len(used) != 1 || open.Sessions != 1 {
				t.Errorf("%d places are told as used, with %d sessions", len(used), open.Sessions)
			}
		})
	}
}

// A page's new session is to take the place of a dead one of the same node.
func TestADeadSessionIsNamedUntilTheNextIsOpen(t *testing.T) {
	p := alone()
	p.Open("7", deadPlace{})
	next := &heardPlace{}
	p.Resume(t.Context(), "7", next)
	if open, _ := p.wouldTell("7"); open.Sessions != 1 || open.Cursor != "all=4" {
		t.Errorf("before the next is open, the others are told of %+v", open)
	}
	p.Open("7", next)
	if open, used := p.wouldTell("7"); open.Sessions != 1 || open.Late != 0 || len(used) != 0 {
		t.Errorf("when it is open, the others are told of %+v and that %v are used", open, used)
	}
}

// The end of the dead session is noticed while the next waits to be opened.
func TestAnEndIsToldUntilTheNextSessionIsOpen(t *testing.T) {
	for name, opens := range map[string]bool{"opens": true, "does not open": false} {
		t.Run(name, func(t *testing.T) {
			p := alone()
			p.Open("7", deadPlace{})
			next := &heardPlace{}
			_, giveBack := p.Resume(t.Context(), "7", next)
			p.End("7", deadPlace{}, hub.Cursor{hub.All: 4})
			if len(p.ended) != 1 || len(p.used) != 0 {
				t.Fatalf("the others are told of %v and that %v are used", p.ended, p.used)
			}
			if at, _ := p.Resume(t.Context(), "7", &heardPlace{}); len(at) > 0 {
				t.Errorf("a further page goes on at %q", at)
			}
			want := 0
			if opens {
				p.Open("7", next)
				want = 1
			} else {
				giveBack()
				if at, _ := p.Resume(t.Context(), "7", nil); at.String() != "all=4" {
					t.Errorf("the next try goes on at %q", at)
				}
			}
			if len(p.ended) != 1 || len(p.used) != want {
				t.Errorf("the others are told of %v and that %v are used", p.ended, p.used)
			}
		})
	}
}

// What a session does not go on from after all is as it was, and nobody is told.
func TestNobodyHearsOfAPlaceThatIsGivenBack(t *testing.T) {
	p := alone()
	p.Open("6", deadPlace{})
	p.take([]byte(`{"node":"b","at":1,"open":[{"admin":"7","sessions":1,"late":1,"cursor":"all=5"}],`+
		`"ended":[{"n":1,"admin":"8","cursor":"all=6","at":1}]}`), time.Now())
	for range 2 {
		for admin, want := range map[string]string{"6": "all=4", "7": "all=5", "8": "all=6"} {
			at, giveBack := p.Resume(t.Context(), admin, &heardPlace{})
			if at.String() != want {
				t.Errorf("person %s goes on at %q, want %q", admin, at, want)
			}
			giveBack()
		}
	}
	if len(p.ended) != 0 || len(p.used) != 0 || len(p.claims) != 0 {
		t.Errorf("the others are told of %v and that %v are used; %d places are claimed", p.ended, p.used, len(p.claims))
	}
}

// used is what a node writes one of whose sessions goes on from a place of person 7
// that has ended.
const used = `{"node":"c","at":1,"used":[{"n":1,"admin":"7"}]}`

// Two pages of a person come back at two nodes at once. The one that opens has used up
// a place; the other tries again, and may be the one that was behind.
func TestAPlaceIsGivenBackAsLowAsWhatIsUsedMeanwhile(t *testing.T) {
	for name, cursors := range map[string][2]string{"the later end is ahead": {"all=5", "all=9"}, "it is behind": {"all=9", "all=5"}} {
		t.Run(name, func(t *testing.T) {
			p := alone()
			for i, cursor := range cursors {
				p.take(fmt.Appendf(nil, `{"node":"b","at":1,"ended":[{"n":%d,"admin":"7","cursor":%q,"at":1}]}`, i+1, cursor), time.Now())
			}
			_, giveBack := p.Resume(t.Context(), "7", &heardPlace{})
			p.take([]byte(used), time.Now())
			giveBack()
			p.goesOn(t, "7", "all=5")
			if n := len(p.table.ended["7"]); n != 1 {
				t.Errorf("%d places are left", n)
			}
		})
	}
}

// Both come back at the same node, and the one whose claim is the second opens.
func TestAPlaceIsGivenBackAsLowAsWhatIsUsedHereMeanwhile(t *testing.T) {
	const five, nine = `{"n":1,"admin":"7","cursor":"all=5","at":1}`, `{"n":2,"admin":"7","cursor":"all=9","at":1}`
	for name, test := range map[string]struct {
		dead          bool // a session of this node is at all=4, and looks dead
		ended, endsAt string
		want          string
	}{
		"an earlier end":                             {ended: five + "," + nine, want: "all=5"},
		"a later end, of which it did not know":      {ended: nine, endsAt: "all=3", want: "all=3"},
		"an open session, where it would go on, too": {dead: true, ended: nine, want: "all=4"},
	} {
		t.Run(name, func(t *testing.T) {
			p := alone()
			if test.dead {
				p.Open("7", deadPlace{})
			}
			p.take(fmt.Appendf(nil, `{"node":"b","at":1,"ended":[%s]}`, test.ended), time.Now())
			_, giveBack := p.Resume(t.Context(), "7", &heardPlace{})
			if test.endsAt != "" {
				p.take(fmt.Appendf(nil, `{"node":"b","at":1,"ended":[{"n":3,"admin":"7","cursor":%q,"at":1}]}`, test.endsAt), time.Now())
			}
			next := &heardPlace{}
			p.Resume(t.Context(), "7", next)
			p.settles(next)
			giveBack()
			p.goesOn(t, "7", test.want)
		})
	}
}

// settles does as a session that opens.
func (p *Places) settles(session *heardPlace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle("7", session)
}

// The claimed session of this node ends while its page's next one waits, and another
// page of the person goes on elsewhere from that end.
func TestAnEndIsGivenBackAsLowAsWhatIsUsedMeanwhile(t *testing.T) {
	p := alone()
	p.Open("7", deadPlace{})
	_, giveBack := p.Resume(t.Context(), "7", &heardPlace{})
	p.End("7", deadPlace{}, hub.Cursor{hub.All: 4})
	p.take([]byte(`{"node":"b","at":1,"ended":[{"n":1,"admin":"7","cursor":"all=2","at":1}]}`), time.Now())
	p.take([]byte(used), time.Now())
	giveBack()
	p.goesOn(t, "7", "all=2")
}

// What others use up of another person changes nothing.
func TestAPlaceIsGivenBackAsItWas(t *testing.T) {
	p := alone()
	p.take([]byte(`{"node":"b","at":1,"ended":[{"n":1,"admin":"8","cursor":"all=9","at":1},{"n":2,"admin":"7","cursor":"all=5","at":1}]}`), time.Now())
	_, giveBack := p.Resume(t.Context(), "8", &heardPlace{})
	p.take([]byte(used), time.Now())
	giveBack()
	p.goesOn(t, "8", "all=9")
}

// Nothing else is used up meanwhile: each of two pages finds its place.
func TestAPlaceIsGivenBackWhole(t *testing.T) {
	p := alone()
	p.take([]byte(`{"node":"b","at":1,"ended":[{"n":1,"admin":"7","cursor":"all=5","at":1},{"n":2,"admin":"7","cursor":"all=9","at":1}]}`), time.Now())
	p.goesOn(t, "7", "all=5")
	if got := p.table.ended["7"][1].Cursor; got != "all=9" {
		t.Errorf("the place that was given back is at %q", got)
	}
}
