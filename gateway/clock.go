package gateway

import "time"

// clock counts milliseconds for how long things take. It begins with the time of day,
// and goes on evenly: setting the machine's clock neither holds up what is due nor
// brings it on early.
type clock struct{ start time.Time }

func newClock() clock { return clock{time.Now()} }

// now returns the milliseconds of this moment, never 0.
func (c clock) now() int64 { return c.at(time.Now()) }

// at returns the milliseconds of a moment that this process has read off.
func (c clock) at(t time.Time) int64 { return c.start.UnixMilli() + t.Sub(c.start).Milliseconds() }

// time is the other way round.
func (c clock) time(ms int64) time.Time {
	return c.start.Add(time.Duration(ms-c.start.UnixMilli()) * time.Millisecond)
}
