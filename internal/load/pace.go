package load

import (
	"context"
	"time"
)

// slack is how much early something may happen: sleeping shorter than this costs
// more than it steadies.
const slack = 200 * time.Microsecond

// pace spreads things over time. What is late is caught up with, so that the rate
// holds over the whole.
type pace struct {
	rate  float64 // a second; 0 is without limit
	start time.Time
	done  int
	// behind is the most that anything was late.
	behind time.Duration
}

func newPace(rate float64) *pace { return &pace{rate: rate, start: time.Now()} }

// wait returns when the next thing is due, or with ctx's error.
func (p *pace) wait(ctx context.Context) error {
	if p.rate > 0 {
		due := p.start.Add(time.Duration(float64(p.done) / p.rate * float64(time.Second)))
		early := time.Until(due)
		p.behind = max(p.behind, -early)
		if early > slack {
			timer := time.NewTimer(early)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
	}
	p.done++
	return ctx.Err()
}
