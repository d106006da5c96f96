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
	dead.owe(1000, true)
	if cursor, found := a.Resume(t.Context(), "7"); !found || cursor.String() != "all=4" {
		t.Fatalf("it goes on at %v", cursor)
	}
	// The page's new session stands for the dead one from now on.
	next := &place{cursor: hub.Cursor{hub.All: 9}}
	a.Open("7", next)
	if cursor, _ := a.Resume(t.Context(), "7"); cursor.String() != "all=9" {
		t.Errorf("another page goes on at %v, want where the living session is", cursor)
	}
	a.End("7", dead, hub.Cursor{hub.All: 4})
	if cursor, _ := a.Resume(t.Context(), "7"); cursor.String() != "all=9" {
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
	one.owe(2000, true)
	two.owe(1000, true)
	for _, want := range []string{"all=4", "all=4", ""} {
		if cursor, _ := a.Resume(t.Context(), "7"); cursor.String() != want {
			t.Errorf("a page goes on at %q, want %q", cursor, want)
		}
	}
	// One was alive after all, and breaks later: its page must find its place.
	one.owe(0, false)
	one.owe(3000, true)
	if cursor, _ := a.Resume(t.Context(), "7"); cursor.String() != "all=4" {
		t.Errorf("a page goes on at %q from a session that had answered", cursor)
	}
}

func TestADeadSessionIsGoneOnFromAtAnotherNode(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	b, _ := start(t, config)
	dead := &place{cursor: hub.Cursor{hub.All: 4}}
	a.Open("7", dead)
	dead.owe(1000, true)
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
