package places

import (
	"sync/atomic"

	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

// localSession is an open session of this node. Its connection may be dead without
// the node having noticed: other sessions may go on from its place, too.
type localSession struct {
	place stomp.Place
	// given is since when the client owed the answer in whose stead another session
	// went on from the place. Once the client answers, it counts no more.
	given atomic.Int64
	told  told // only the goroutine that tells looks at it
}

// told is what the other nodes have been told of a session.
type told struct {
	moves uint64
	spent bool
}

// spent reports whether the session looks dead and another one has gone on in its
// place.
func (s *localSession) spent() bool {
	since, late := s.place.Owes()
	return late && s.given.Load() == since
}

// standsAt returns how far the sessions have come that are not spent, stream by
// stream, and how many they are.
func standsAt(sessions []*localSession) (cursor hub.Cursor, count int) {
	cursor = hub.Cursor{}
	for _, s := range sessions {
		if s.spent() {
			continue
		}
		count++
		if at, err := hub.ParseCursor(string(s.place.AppendCursor(nil))); err == nil {
			lower(cursor, at)
		}
	}
	return cursor, count
}

// giveAway notes that a session has gone on from where one of these stands: from
// the one whose client owes an answer for longest.
func giveAway(sessions []*localSession) {
	var oldest *localSession
	var owes int64
	for _, s := range sessions {
		since, _ := s.place.Owes()
		if since == 0 || s.given.Load() == since {
			continue
		}
		if oldest == nil || since < owes {
			oldest, owes = s, since
		}
	}
	if oldest != nil {
		oldest.given.Store(owes)
	}
}

// sessionsOf returns the person's open sessions of this node.
func (p *Places) sessionsOf(admin string) []*localSession {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*localSession(nil), p.local[admin]...)
}
