package places_test

import (
	"testing"
	"time"

	"bongsu/internal/hub"
)

// A page reconnects before its node has noticed that the old connection is dead.
func TestASessionGoesOnFromOneThatIsDeadUnnoticed(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	dead := &place{cursor: hub.Cursor{hub.All: 4}}
	a.Open("7", dead)
	dead.die(1000)
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=4" {
		t.Fatalf("it goes on at %v", cursor)
	}
	// The page's new session stands for the dead one from now on.
	next := &place{cursor: hub.Cursor{hub.All: 9}}
	a.Open("7", next)
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=9" {
		t.Errorf("another page goes on at %v, want where the living session is", cursor)
	}
	a.End("7", dead, hub.Cursor{hub.All: 4})
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=9" {
		t.Errorf("once the node has noticed, another page goes on at %v", cursor)
	}
}

// Each of several pages goes on from one of the old sessions, whose places may differ.
func TestEachOfSeveralPagesGoesOnFromADeadSession(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	one, two := &place{cursor: hub.Cursor{hub.All: 4}}, &place{cursor: hub.Cursor{hub.All: 6}}
	a.Open("7", one)
	a.Open("7", two)
	one.die(2000)
	two.die(1000)
	for _, want := range []string{"all=4", "all=4", ""} {
		if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != want {
			t.Errorf("a page goes on at %q, want %q", cursor, want)
		}
	}
	// One was alive after all, and breaks later: its page must find its place.
	one.answer()
	one.die(3000)
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=4" {
		t.Errorf("a page goes on at %q from a session that had answered", cursor)
	}
}

func TestADeadSessionIsGoneOnFromAtAnotherNode(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	b, _ := start(t, config)
	dead := &place{cursor: hub.Cursor{hub.All: 4}}
	a.Open("7", dead)
	dead.die(1000)
	resumes(t, b, "7", "all=4")
}

func TestClientsAreAskedAgainAndAgain(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	session := &place{cursor: hub.Cursor{hub.All: 4}}
	a.Open("7", session)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		session.mu.Lock()
		asked := session.asked
		session.mu.Unlock()
		if asked >= 2 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("asked %d times", asked)
		}
	}
}

// The network changes in a quiet moment: nothing is owed yet when the page comes back.
func TestASessionThatOwesNothingIsUsedUpToo(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	dead, alive := &place{cursor: hub.Cursor{hub.All: 4}}, &place{cursor: hub.Cursor{hub.All: 4}}
	dead.life.Heard, alive.life.Heard = time.Unix(1, 0), time.Unix(2, 0)
	a.Open("7", alive)
	a.Open("7", dead)
	a.Resume(t.Context(), "7", nil) // by the page that comes back
	back := &place{cursor: hub.Cursor{hub.All: 4}}
	a.Open("7", back)
	for _, living := range []*place{alive, back} { // entries come
		living.answer()
		living.move(hub.Cursor{hub.All: 90})
	}
	dead.die(3000)
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=90" {
		t.Errorf("another page goes on at %q", cursor)
	}
	a.End("7", dead, hub.Cursor{hub.All: 4})
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=90" {
		t.Errorf("another page goes on at %q when the dead session has ended", cursor)
	}
}

// The person has a living page at another node.
func TestTheDeadSessionIsUsedUpNotTheLivingOne(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	b, _ := start(t, config)
	b.Open("7", &place{cursor: hub.Cursor{hub.All: 90}})
	resumes(t, a, "7", "all=90")
	dead := &place{cursor: hub.Cursor{hub.All: 4}}
	a.Open("7", dead)
	dead.die(1000)
	for _, want := range []string{"all=4", "all=90", "all=90"} {
		if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != want {
			t.Errorf("a page goes on at %q, want %q", cursor, want)
		}
	}
}

func TestAPlaceIsGivenBackThatIsNotGoneOnFrom(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	b, _ := start(t, config)
	session := &place{cursor: hub.Cursor{hub.All: 1}}
	a.Open("7", session)
	a.End("7", session, hub.Cursor{hub.All: 5})
	hears(t, b, a, "9")
	if cursor, _ := b.Resume(t.Context(), "7", nil); cursor.String() != "all=5" {
		t.Errorf("at the other node it goes on at %q", cursor)
	}
	a.Open("8", session)
	a.End("8", session, hub.Cursor{hub.All: 6})
	for range 3 {
		cursor, giveBack := a.Resume(t.Context(), "8", nil)
		if cursor.String() != "all=6" {
			t.Fatalf("it goes on at %q", cursor)
		}
		giveBack()
	}
	hears(t, b, a, "10")
	if cursor, _ := b.Resume(t.Context(), "8", nil); cursor.String() != "all=6" {
		t.Errorf("at the other node it goes on at %q", cursor)
	}
}
