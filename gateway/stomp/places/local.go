package places

import (
	"sync/atomic"
	"time"

	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

// localSession is an open session of this node. Its connection may be dead without
// the node having noticed: another session may go on from its place, too, once.
type localSession struct {
	place stomp.Place
	// given is 1 and how often the client had answered when another session went on
	// from here, givenAt when that was. It counts for nothing once the client has
	// answered again, or is heard of when all that it sent before has come.
	given   atomic.Uint64
	givenAt atomic.Pointer[time.Time]
	told    told // only the goroutine that tells looks at it

	// Guarded by Places.mu.
	ended  *endedPlace // where it ended spent
	claims int         // how many sessions that are about to open have gone on from here
}

// underWay is how long what a client has sent may be on its way.
const underWay = 5 * time.Second

// told is what the other nodes have been told of a session.
type told struct {
	moves       uint64
	late, spent bool
}

// gone reports whether another session has gone on in the session's stead, unless
// its client has shown since that it lives.
func (s *localSession) gone(life stomp.Life) bool {
	return s.given.Load() == life.Answers+1 && life.Heard.Sub(*s.givenAt.Load()) <= underWay
}

// spent reports whether the session looks dead, too.
func (s *localSession) spent(life stomp.Life) bool { return life.Late && s.gone(life) }

// standing is how far sessions of a person have come.
type standing struct {
	cursor hub.Cursor // the lowest place of each stream
	count  int
	late   int // of them, how many look dead
}

// seenSession is a session of this node as it was when the sessions were looked up.
type seenSession struct {
	*localSession
	claimed bool // a session has gone on from here that was not open yet
}

// over reports whether the others are told that the session is spent: not before
// the one that has gone on from it is open, of which they are told with that.
func (s seenSession) over(life stomp.Life) bool { return !s.claimed && s.spent(life) }

// standsAt returns how far those sessions have come that are not without.
func standsAt(sessions []seenSession, without func(seenSession, stomp.Life) bool) standing {
	all := standing{cursor: hub.Cursor{}}
	for _, s := range sessions {
		life := s.place.Life()
		if without(s, life) {
			continue
		}
		all.count++
		if life.Late {
			all.late++
		}
		if at, err := hub.ParseCursor(string(s.place.AppendCursor(nil))); err == nil {
			lower(all.cursor, at)
		}
	}
	return all
}

// doubtful is a session that may be dead.
type doubtful struct {
	session *localSession
	life    stomp.Life
}

// likeliest returns the session that is the likeliest to be dead of those that none
// has gone on from: whose client owes an answer for longest, or was heard of longest
// ago if none does. There may be none.
func likeliest(sessions []seenSession) (found doubtful, ok bool) {
	for _, s := range sessions {
		life := s.place.Life()
		if s.gone(life) {
			continue
		}
		if !ok || deader(life, found.life) {
			found, ok = doubtful{s.localSession, life}, true
		}
	}
	return found, ok
}

// deader reports whether a client is likelier to be gone than another.
func deader(a, b stomp.Life) bool {
	if a.Owes.IsZero() != b.Owes.IsZero() {
		return b.Owes.IsZero()
	}
	if !a.Owes.Equal(b.Owes) {
		return a.Owes.Before(b.Owes)
	}
	return a.Heard.Before(b.Heard)
}

// give notes that another session goes on from here.
func (d doubtful) give() {
	now := time.Now()
	d.session.givenAt.Store(&now)
	d.session.given.Store(d.life.Answers + 1)
}

// given reports whether that session still is the last that has gone on from here.
func (d doubtful) given() bool { return d.session.given.Load() == d.life.Answers+1 }

// undo undoes give, and reports whether there was something to undo.
func (d doubtful) undo() bool { return d.session.given.CompareAndSwap(d.life.Answers+1, 0) }

// sessionsOf returns the person's open sessions of this node.
func (p *Places) sessionsOf(admin string) []seenSession {
	p.mu.Lock()
	defer p.mu.Unlock()
	return seeAll(p.local[admin])
}

// seeAll returns the sessions as they are. Places.mu is held.
func seeAll(sessions []*localSession) []seenSession {
	seen := make([]seenSession, len(sessions))
	for i, s := range sessions {
		seen[i] = seenSession{s, s.claims > 0}
	}
	return seen
}
