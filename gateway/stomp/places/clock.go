package places

import "time"

// jump is by how much the broker's time has to differ from what is expected for that
// clock to count as set, or as another broker's. It is shorter than silence: by less
// no node looks dead.
const jump = 2 * time.Second

// clock tells the time of Kafka's broker, by which every node judges how old places
// are: the nodes' own clocks differ, and may be put forward. It is what the broker has
// said when it appended a record of this node, and what has passed here since. Until
// it has said so it is when the youngest record that was read was appended, which is
// the past: what is judged too young is given again at worst.
//
// When the broker's clock is set, or another broker leads, what was heard before is
// moved by as much. That is known for sure from a record of this node's own. Until
// then, and while old and new times may still be mixed in what is read, a record is as
// old as it is known here.
type clock struct {
	at    int64     // Unix milliseconds
	read  time.Time // when it was at; what passes since does not follow the wall clock
	known bool      // the broker has told a time; until then it is this node's
	sure  bool      // the broker has told the present; until then it may be later
	none  bool      // the broker tells when records were written, by their nodes' clocks

	last  int64     // when the record was appended that was read last, 0 if none was
	mixed time.Time // until when records are as old as they are known here
}

func newClock() clock {
	now := time.Now()
	return clock{at: now.UnixMilli(), read: now}
}

// now returns the time, which is after that of every record that has been read, but for
// a moment after the broker's clock was set back by less than jump.
func (c *clock) now(now time.Time) int64 { return c.at + now.Sub(c.read).Milliseconds() + 1 }

func (c *clock) set(at int64, now time.Time) { c.at, c.read, c.known = at, now, true }

// hear takes in when a record was appended that is read now, maybe long after. It
// returns that time, or the present one if the broker does not tell or its clock has
// been set. wrong is by how much the clock was before the broker had told a time.
func (c *clock) hear(appended, now time.Time) (at, wrong int64) {
	at, present := appended.UnixMilli(), c.now(now)
	if c.none || at <= 0 {
		return present, 0
	}
	// Records are in the order in which they were appended, and none is of the future.
	if at < c.last-jump.Milliseconds() || c.sure && at > present+jump.Milliseconds() {
		c.mixed = now.Add(Grace)
	}
	if c.last = at; now.Before(c.mixed) {
		return present, 0
	}
	if !c.known {
		wrong = present - at
	}
	if !c.known || at >= present {
		c.set(at, now)
	}
	return at, wrong
}

// wrote takes in when the broker appended a record of this node, which was between
// began and now. It returns by how much the clock was wrong if it was by more than
// reading late explains.
func (c *clock) wrote(at int64, began, now time.Time) (wrong int64) {
	earliest, latest := c.now(began)-1, c.now(now)
	known, sure := c.known, c.sure
	c.sure = true
	switch {
	case !known:
		c.set(at, now)
		return latest - at
	case at > latest:
		c.set(at, now)
		if wrong = latest - at; !sure {
			return 0
		}
	case at < earliest:
		c.set(at, began)
		wrong = earliest - at
	}
	if max(wrong, -wrong) <= jump.Milliseconds() {
		return 0
	}
	c.mixed = now.Add(Grace)
	return wrong
}

// hear returns when the record was appended that is read now. p.mu is held.
func (p *Places) hear(appended time.Time) int64 {
	at, wrong := p.clock.hear(appended, time.Now())
	p.shift(-wrong)
	return at
}

// wrote takes in what the broker has said of the append of a record of this node that
// was written from began on: the time, or the zero time if it keeps those that nodes
// write.
func (p *Places) wrote(appended, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clock.none = appended.IsZero(); !p.clock.none {
		p.shift(-p.clock.wrote(appended.UnixMilli(), began, time.Now()))
	}
}

// shift moves all times by which the clock was moved. p.mu is held.
func (p *Places) shift(by int64) {
	if by == 0 {
		return
	}
	p.table.shift(by)
	for _, claims := range p.claims {
		for _, c := range claims {
			if c.at += by; c.ended != nil {
				c.ended.At += by
			}
		}
	}
}

// present returns the time, Unix milliseconds.
func (p *Places) present() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock.now(time.Now())
}

// reread notes that what is read next may have been appended before what was read last.
func (p *Places) reread() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock.last = 0
}
