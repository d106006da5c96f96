package places

import (
	"time"

	"bongsu/gateway/stomp"
)

// claim is a place that a session which is about to open goes on from, and that is
// used up at this node already.
type claim struct {
	admin string
	// One of these is whose it is.
	ended   *endedPlace // a session's that has ended
	node    string      // an open one's of another node
	suspect *doubtful   // an open one's of this node

	at int64 // when it was used up
}

// use uses up one place of the person: one that has ended, or that of a session
// that looks dead, or else that of the session of this node that is the likeliest
// to be, or of any other. p.mu is held.
func (p *Places) use(admin string, suspect doubtful, found bool) (c claim, ok bool) {
	c = claim{admin: admin, at: p.clock.now(time.Now())}
	if ended, ok := p.table.takeEnded(admin); ok {
		c.ended = &ended
		return c, true
	}
	if !found || !suspect.life.Late {
		if c.node, ok = p.table.takeOpen(admin, c.at, true); ok {
			return c, true
		}
	}
	if found {
		suspect.give()
		suspect.session.claims++
		c.suspect = &suspect
		return c, true
	}
	c.node, ok = p.table.takeOpen(admin, c.at, false)
	return c, ok
}

// settle has it told what the session has gone on from that opens now. p.mu is held.
func (p *Places) settle(session stomp.Place) {
	c := p.claims[session]
	if c == nil {
		return
	}
	delete(p.claims, session)
	if c.suspect != nil {
		c.suspect.session.claims--
		if c.suspect.session.ended == nil || !c.suspect.given() {
			return // the others see that it is not named any more
		}
	}
	p.tellUsed(c.admin, c.node)
}

// giveBack restores what the session would have gone on from, which does not open.
func (p *Places) giveBack(session stomp.Place, c *claim) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.claims[session] == c {
		delete(p.claims, session)
	}
	switch {
	case c.ended != nil:
		p.table.end(*c.ended)
	case c.suspect != nil:
		c.suspect.session.claims--
		if ended := c.suspect.session.ended; c.suspect.undo() && ended != nil {
			p.table.end(*ended)
		}
	default:
		p.table.giveOpen(c.node, c.admin, c.at)
	}
}

// tellUsed has it told that a place is used up. p.mu is held.
func (p *Places) tellUsed(admin, node string) {
	if len(p.used) < mostUntold {
		p.toldUsed++
		p.used = append(p.used, usedPlace{N: p.toldUsed, Admin: admin, Node: node})
	}
}
