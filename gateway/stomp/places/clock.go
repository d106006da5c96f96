package places

import "time"

// clock tells the time of Kafka's broker, by which every node judges how old places
// are: the nodes' own clocks differ, and may be put forward. It is when the record
// that was read last was appended, and what has passed here since.
type clock struct {
	at    int64     // Unix milliseconds
	read  time.Time // when it was at; what passes since does not follow the wall clock
	known bool      // the broker has told a time; until then it is this node's
	none  bool      // the broker tells when records were written, by their nodes' clocks
}

func newClock() clock {
	now := time.Now()
	return clock{at: now.UnixMilli(), read: now}
}

// now returns the time, which is after that of every record that has been read.
func (c *clock) now(now time.Time) int64 { return c.at + now.Sub(c.read).Milliseconds() + 1 }

// hear takes in when a record was appended, and returns that time, or the present
// one if the broker does not tell. wrong is by how much the clock was before the
// broker had told a time.
func (c *clock) hear(appended, now time.Time) (at, wrong int64) {
	if c.none || appended.UnixMilli() <= 0 {
		return c.now(now), 0
	}
	if at = appended.UnixMilli(); !c.known {
		wrong = c.now(now) - at
	}
	c.at, c.read, c.known = at, now, true
	return at, wrong
}

// hear returns when the record was appended, which the broker says. p.mu is held.
func (p *Places) hear(appended time.Time) int64 {
	at, wrong := p.clock.hear(appended, time.Now())
	if wrong != 0 {
		p.table.shift(-wrong)
	}
	return at
}

// wrote takes in what the broker has said of the append of a record of this node: the
// time, or the zero time if it keeps those that nodes write.
func (p *Places) wrote(appended time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock.none = appended.IsZero()
	p.hear(appended)
}
