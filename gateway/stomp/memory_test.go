package stomp_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

// memory is a Places that remembers the last end.
type memory struct {
	mu     sync.Mutex
	open   map[stomp.Place]string
	ended  hub.Cursor
	places []hub.Cursor
}

func (m *memory) Open(admin string, p stomp.Place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		m.open = map[stomp.Place]string{}
	}
	m.open[p] = admin
}

func (m *memory) End(_ string, p stomp.Place, at hub.Cursor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, p)
	m.ended = at
	m.places = append(m.places, at)
}

func (m *memory) Resume(context.Context, string, stomp.Place) (at hub.Cursor, giveBack func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, m.ended = m.ended, nil
	return at, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ended = at
	}
}

// stands waits until an open session stands at the cursor.
func (m *memory) stands(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		open := slices.Collect(maps.Keys(m.open))
		m.mu.Unlock()
		if slices.ContainsFunc(open, func(p stomp.Place) bool { return string(p.AppendCursor(nil)) == want }) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no session stands at %s", want)
		}
	}
}

// ask has every open session ask its client.
func (m *memory) ask() {
	m.mu.Lock()
	open := slices.Collect(maps.Keys(m.open))
	m.mu.Unlock()
	for _, p := range open {
		p.Ask()
	}
}

// moved waits until an open session's client owes an answer.
func (m *memory) moved(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		open := slices.Collect(maps.Keys(m.open))
		m.mu.Unlock()
		if slices.ContainsFunc(open, func(p stomp.Place) bool { return !p.Life().Owes.IsZero() }) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing was written")
		}
	}
}

// end waits for the n-th end of a session.
func (m *memory) end(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		count := len(m.places)
		m.mu.Unlock()
		if count >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d sessions have ended", count)
		}
	}
}
