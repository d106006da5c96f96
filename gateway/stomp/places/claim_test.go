package places

import (
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
