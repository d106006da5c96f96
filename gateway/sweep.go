package gateway

import (
	"context"
	"time"
)

const (
	// sweepEvery is how often the gateway looks after every session: one ticker
	// does what would else take several timers a session.
	sweepEvery = time.Second
	// feedSweeps is how many of these pass between two looks at the feeds.
	feedSweeps = 2
	// windowAge is how long, in milliseconds, an entry stays for sessions to come.
	windowAge = 5000
	// sweepChunk is how many sessions are taken from the registry at once.
	sweepChunk = 512
)

// sweep looks after the sessions until the gateway closes.
func (g *Gateway) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for round := 0; ; round++ {
		select {
		case <-g.ctx.Done():
			return
		case now := <-ticker.C:
			g.checkSessions(now)
			if round%feedSweeps == 0 {
				if core, err := g.attached(); err == nil {
					g.feeds.sweep(core, g.clock.at(now)-windowAge, now.Add(-g.options.Linger))
				}
			}
		}
	}
}

// checkSessions looks at every session once. One that changes its slot in the
// meantime may be missed: its turn comes with the next sweep.
func (g *Gateway) checkSessions(now time.Time) {
	var some [sweepChunk]*Session
	var ready chain
	ms := g.clock.at(now)
	for from := 0; ; from += sweepChunk {
		g.mu.Lock()
		n := copy(some[:], g.sessions[min(from, len(g.sessions)):])
		g.mu.Unlock()
		if n == 0 {
			return
		}
		for _, s := range some[:n] {
			why, wake := s.check(ms, now)
			if wake {
				ready.add(s)
			}
			s.doubt()
			if why != 0 {
				s.Close(why)
			}
		}
		g.queue.push(&ready)
		clear(some[:n])
	}
}

// check returns why the session has to end, 0 if it may go on, and whether the
// caller has to queue it.
func (s *Session) check(ms int64, now time.Time) (why Close, wake bool) {
	o := &s.gateway.options
	s.mu.Lock()
	defer s.mu.Unlock()
	heard := s.heard.Load()
	beat := o.Heartbeat.Milliseconds()
	switch {
	case s.closing != 0:
		return 0, false
	case !s.open:
		if !s.joining && ms-s.since >= o.ConnectWithin.Milliseconds() {
			return CloseProtocol, false
		}
		return 0, false
	case !s.principal.Expires.IsZero() && !now.Before(s.principal.Expires):
		return CloseExpired, false
	case heard != 0 && ms-heard > beat*5/2:
		return CloseSilent, false
	}
	if s.ahead {
		s.recount = true // a head may come up to the cursor, without an entry for the client
		if ms-s.since >= o.ResetAfter.Milliseconds() {
			s.judgeAhead()
		}
	}
	// Some sessions beat a little early, so that those that got the same
	// broadcast do not all beat in the same second.
	early := beat / 8 * int64(s.id%8) / 8
	quiet := ms-s.wrote >= beat-early || heard != 0 && ms-heard >= beat-early
	s.beat = s.beat || quiet && ms-s.beaten >= beat/2
	if s.beat || len(s.pending) > 0 || s.countable(ms) {
		return 0, s.rouse()
	}
	return 0, false
}

// judgeAhead tells the client of cursors that are still beyond the head of their
// stream, and starts them anew there. s.mu is held.
func (s *Session) judgeAhead() {
	s.ahead = false
	for _, sub := range s.subs {
		sure := sub.feed.sure.Load() // before the window, as in stands
		head := sub.feed.window.Load().Head()
		if sub.cursor.Load() <= head {
			continue
		}
		if !sure {
			s.ahead = true // nobody knows where the stream stands
			continue
		}
		s.recount, s.version = true, noVersion // the client may have dropped the counts as older
		s.pending = s.appendGap(s.pending, gap{sub, 1, head, gapReset})
	}
}

// doubt asks anew where the streams stand of which the client has seen more than
// there is, before it is told so: it may have been another owner who answered.
func (s *Session) doubt() {
	s.mu.Lock()
	var ahead []*feed
	if s.ahead {
		for _, sub := range s.subs {
			if sub.cursor.Load() > sub.feed.window.Load().Head() {
				ahead = append(ahead, sub.feed)
			}
		}
	}
	s.mu.Unlock()
	for _, f := range ahead {
		f.doubt()
	}
}

// Drain closes all sessions with CloseRestarting, spread over window so that
// their clients do not all reconnect at once, and waits until the last has gone
// or ctx ends. New connections are refused from the start.
func (g *Gateway) Drain(ctx context.Context, window time.Duration) error {
	const step = 20 * time.Millisecond
	g.draining.Store(true)
	sessions := g.list()
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	began := time.Now()
	for closed := 0; closed < len(sessions); {
		due := len(sessions)
		if past := time.Since(began) + step; past < window {
			due = int(int64(due) * int64(past) / int64(window))
		}
		for ; closed < due; closed++ {
			sessions[closed].Close(CloseRestarting)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.awaitEmpty(ctx)
}

// awaitEmpty waits until no session is left.
func (g *Gateway) awaitEmpty(ctx context.Context) error {
	g.mu.Lock()
	if len(g.sessions) == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.freed == nil {
		g.freed = make(chan struct{})
	}
	freed := g.freed
	g.mu.Unlock()
	select {
	case <-freed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
