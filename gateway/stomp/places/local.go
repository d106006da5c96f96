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
	// from here, givenAt when that was, in Unix milliseconds. It counts for nothing
	// once the client has answered again, or is heard of when all that it sent before
	// has come.
	given   atomic.Uint64
	givenAt atomic.Int64
	ended   *endedPlace // where it ended spent; guarded by Places.mu
	told    told        // only the goroutine that tells looks at it
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
	return s.given.Load() == life.Answers+1 && life.Heard-s.givenAt.Load() <= underWay.Milliseconds()
}

// spent reports whether the session looks dead, too.
func (s *localSession) spent(life stomp.Life) bool { return life.Late && s.gone(life) }

// standing is how far the sessions of a person have come that are not spent.
type standing struct {
	cursor hub.Cursor // the lowest place of each stream
	count  int
	late   int // of them, how many look dead
}

func standsAt(sessions []*localSession) standing {
	all := standing{cursor: hub.Cursor{}}
	for _, s := range sessions {
		life := s.place.Life()
		if s.spent(life) {
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
func likeliest(sessions []*localSession) (found doubtful, ok bool) {
	for _, s := range sessions {
		life := s.place.Life()
		if s.gone(life) {
			continue
		}
		if !ok || deader(life, found.life) {
			found, ok = doubtful{s, life}, true
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
	return a.Heard < b.Heard
}

// give notes that another session goes on from here, and returns what undoes that
// and reports whether there was something to undo.
func (d doubtful) give() (undo func() bool) {
	given := d.life.Answers + 1
	d.session.givenAt.Store(time.Now().UnixMilli())
	d.session.given.Store(given)
	return func() bool { return d.session.given.CompareAndSwap(given, 0) }
}

// sessionsOf returns the person's open sessions of this node.
func (p *Places) sessionsOf(admin string) []*localSession {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*localSession(nil), p.local[admin]...)
}
