package simulate

import (
	"slices"
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// session is one client connection at a node.
type session struct {
	gateway *gateway
	client  *client
	conn    int // the client's count of connections
	subs    []*sub
	since   time.Duration
	ahead   bool
	busy    bool
	closed  bool
	// blocked is until when the client's socket takes nothing.
	blocked time.Duration
	arrives time.Duration // when the newest of what was written arrives
}

// sub is a session's place in one stream.
type sub struct {
	session *session
	feed    *feed
	cursor  uint64
}

// connect opens a session where the cursor says, once its streams are followed.
func (g *gateway) connect(c *client, conn int, cursor hub.Cursor) {
	if g.node.draining {
		return
	}
	var feeds []*feed
	for _, stream := range c.streams {
		feeds = append(feeds, g.hold(stream))
	}
	var await func(i int)
	await = func(i int) {
		for ; i < len(feeds); i++ {
			if f := feeds[i]; !f.rules.Followed() {
				f.awaited = append(f.awaited, func() { g.node.after(0, "known", func() { await(i) }) })
				return
			}
		}
		g.hope(feeds, cursor, func() {
			if c.conn == conn && !g.node.draining {
				g.open(c, conn, feeds, cursor)
			}
			for _, f := range feeds {
				f.release()
			}
		})
	}
	await(0)
}

func (g *gateway) open(c *client, conn int, feeds []*feed, cursor hub.Cursor) {
	s := &session{gateway: g, client: c, conn: conn, since: g.node.world.now}
	g.sessions = append(g.sessions, s)
	heads := map[hub.Stream]uint64{}
	musts := map[hub.Stream]uint64{}
	var gaps []func()
	for _, f := range feeds {
		b := &sub{session: s, feed: f}
		s.subs = append(s.subs, b)
		f.subs = append(f.subs, b)
		w := f.shown
		place, named := cursor[f.stream]
		heads[f.stream], musts[f.stream] = f.tells(place), f.must
		if !named {
			place = w.Head()
		}
		at, how := g.begin(w, place)
		switch how {
		case catchup.Ahead:
			g.node.world.seen.ResumesAhead++
			s.ahead = true
		case catchup.Behind:
			g.node.world.seen.GapsBehind++
			gaps = append(gaps, func() { c.gap(f.stream, place+1, at, "behind", false) })
		}
		b.cursor = at
	}
	s.write(func() { c.welcome(heads, musts) })
	for _, gap := range gaps {
		s.write(gap)
	}
	s.wake()
}

// write carries something to the client, behind what was written before. A
// connection that is gone by then takes it along.
func (s *session) write(f func()) {
	w := s.gateway.node.world
	s.arrives = max(s.arrives, w.now+w.between(100*time.Microsecond, 5*time.Millisecond))
	w.after(s.arrives-w.now, func() {
		if s.client.conn == s.conn && s.client.node == s.gateway.node && !s.client.away {
			s.client.heard = w.now
			f()
		}
	})
}

// wake has the session given what there is, a little later.
func (s *session) wake() {
	if s.busy || s.closed {
		return
	}
	s.busy = true
	n := s.gateway.node
	n.after(max(n.world.between(0, time.Millisecond), s.blocked-n.world.now), "write", func() {
		s.busy = false
		if s.client.conn != s.conn {
			s.close()
			return
		}
		if s.gather() {
			s.wake()
		}
	})
}

// gather writes some of what the session has not been given, and reports whether
// there is more.
func (s *session) gather() (more bool) {
	n := s.gateway.node
	room := 1 + n.world.rng.IntN(12)
	for _, b := range s.subs {
		for ; ; room-- {
			turn, frame := b.feed.shown.Next(b.cursor)
			if turn == catchup.Rest {
				break
			}
			if room == 0 {
				return true
			}
			if turn == catchup.Wait {
				if n.world.now-s.blocked < time.Second && s.blocked > 0 && b.feed.shown.Last() > b.cursor {
					n.world.seen.SlowClients++
					s.hangUp()
					return false
				}
				if b.feed.rules.Want(b.cursor) {
					more = true
				}
				b.feed.tend()
				break
			}
			s.give(b, turn, frame)
		}
	}
	if n.world.chance(n.cluster.plan.slowClients) {
		s.blocked = n.world.now + n.world.between(0, 3*time.Second)
	}
	return more
}

func (s *session) give(b *sub, turn catchup.Turn, frame *catchup.Frame) {
	c, stream := s.client, b.feed.stream
	if turn == catchup.Take {
		e := frame.Entry
		if e.Seq != b.cursor+1 {
			s.gateway.node.world.violate("%s: a window gave seq %d of %s after %d", s.gateway.node.id, e.Seq, stream, b.cursor)
		}
		b.cursor++
		s.write(func() { c.entry(stream, e.Seq, e.ID) })
		return
	}
	from, to := b.cursor+1, b.feed.shown.Cut()
	if to > b.feed.gaveUp {
		s.gateway.node.world.violate("%s: skips %s from %d to %d without a reason", s.gateway.node.id, stream, from, to)
	}
	b.cursor = to
	s.gateway.node.world.seen.GapsGivenUp++
	s.write(func() { c.gap(stream, from, to, "behind", true) })
}

// check looks after the session once a second.
func (s *session) check() {
	n := s.gateway.node
	if s.client.conn != s.conn {
		s.close()
		return
	}
	if s.ahead && n.world.now-s.since >= resetAfter {
		s.judgeAhead()
	}
	if s.ahead {
		for _, b := range s.subs {
			if b.cursor > b.feed.shown.Head() {
				b.feed.rules.Doubt()
				b.feed.show()
			}
		}
	}
	s.write(func() {}) // a heartbeat
}

// judgeAhead tells the client of places that are still beyond the head.
func (s *session) judgeAhead() {
	s.ahead = false
	for _, b := range s.subs {
		head := b.feed.shown.Head()
		switch {
		case b.cursor <= head:
		case !b.feed.rules.Sure():
			s.ahead = true
		default:
			b.cursor = head
			s.write(func() { s.client.gap(b.feed.stream, 1, head, "reset", false) })
		}
	}
}

// hangUp ends the connection from the node's side.
func (s *session) hangUp() {
	s.write(s.client.lose)
	s.close()
}

func (s *session) close() {
	if s.closed {
		return
	}
	s.closed = true
	for _, b := range s.subs {
		f := b.feed
		f.subs = slices.DeleteFunc(f.subs, func(other *sub) bool { return other == b })
		if len(f.subs) == 0 {
			f.quiet = s.gateway.node.world.now
		}
	}
	s.gateway.sessions = slices.DeleteFunc(s.gateway.sessions, func(other *session) bool { return other == s })
}
