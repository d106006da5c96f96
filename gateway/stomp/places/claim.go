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

	at   int64  // when it was used up
	from string // the cursor that the session goes on from, which may be lower than the place
	low  string // how low the place is when it is given back, if others are used up meanwhile
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

// claim notes what the session goes on from. p.mu is held.
func (p *Places) claim(session stomp.Place, c *claim) {
	if p.claims[c.admin] == nil {
		p.claims[c.admin] = map[stomp.Place]*claim{}
	}
	p.claims[c.admin][session] = c
}

// unclaim undoes claim. p.mu is held.
func (p *Places) unclaim(session stomp.Place, c *claim) {
	claims := p.claims[c.admin]
	if claims[session] != c {
		return
	}
	if delete(claims, session); len(claims) == 0 {
		delete(p.claims, c.admin)
	}
}

// settle has it told what the session has gone on from that opens now. p.mu is held.
func (p *Places) settle(admin string, session stomp.Place) {
	c := p.claims[admin][session]
	if c == nil {
		return
	}
	p.unclaim(session, c)
	used := ""
	if c.ended != nil {
		used = c.ended.Cursor
	}
	p.lowerClaims(c.admin, used)
	if c.suspect != nil {
		c.suspect.session.claims--
		if c.suspect.session.ended == nil || !c.suspect.given() {
			return // the others see that it is not named any more
		}
	}
	p.tellUsed(c.admin, c.node)
}

// lowerClaims notes that a place of the person is used up while others are claimed.
// Which page has gone on from it nobody knows: that of a claim, or the other one. So
// what is given back is as low as that place, as far as it is known, and as the cursor
// that the claim's page would have gone on from. p.mu is held.
func (p *Places) lowerClaims(admin, used string) {
	for _, c := range p.claims[admin] {
		c.low = lowest(c.low, c.from, used)
	}
}

// giveBack restores what the session would have gone on from, which does not open.
func (p *Places) giveBack(session stomp.Place, c *claim) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unclaim(session, c)
	switch {
	case c.ended != nil:
		p.endAgain(*c.ended, c.low)
	case c.suspect != nil:
		c.suspect.session.claims--
		if ended := c.suspect.session.ended; c.suspect.undo() && ended != nil {
			p.endAgain(*ended, c.low)
		}
	default:
		p.table.giveOpen(c.node, c.admin, c.at)
	}
}

// endAgain restores the place of an ended session, no higher than low says. p.mu is held.
func (p *Places) endAgain(place endedPlace, low string) {
	if low != "" {
		place.Cursor = lowest(place.Cursor, low)
	}
	p.table.end(place)
}

// tellUsed has it told that a place is used up. p.mu is held.
func (p *Places) tellUsed(admin, node string) {
	if len(p.used) < mostUntold {
		p.toldUsed++
		p.used = append(p.used, usedPlace{N: p.toldUsed, Admin: admin, Node: node})
	}
}
