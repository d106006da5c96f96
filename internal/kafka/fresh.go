package kafka

import (
	"context"
	"time"
)

// fresh is how long what the coordinator said of us holds good for a write that
// only a partition's holder may make, and that takes produceTimeout at most: for
// joinTimeout at least it gives the partition to nobody else, unless a peer
// removes us before.
const fresh = joinTimeout - produceTimeout

// hear notes that the coordinator took us for this member, which takes part in this
// generation or is about to leave it for the next, in a request that was sent at the
// given time.
func (g *Group) hear(member string, generation int32, sent time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.member == member && g.generation == generation {
		g.heard = sent
		g.wakeLocked()
	}
}

// Fresh reports whether the coordinator has taken this process for a member of the
// group in the last second. If not, others may have its partitions by now: the process
// was stopped, or cut off.
func (g *Group) Fresh() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.member != "" && Elapsed(g.heard, time.Now()) < fresh
}

// silence returns for how long the coordinator has not been heard of.
func (g *Group) silence() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Elapsed(g.heard, time.Now())
}

// wakeLocked has those who wait look again. It wants g.mu held.
func (g *Group) wakeLocked() {
	if g.waiting != nil {
		close(g.waiting)
		g.waiting = nil
	}
}

// awaitFresh is Claim.AwaitFresh.
func (g *Group) awaitFresh(ctx context.Context, c *holding) error {
	for {
		g.mu.Lock()
		held, heard := g.member != "" && g.claimed[c.partition] == c, g.heard
		if held && g.waiting == nil {
			g.waiting = make(chan struct{})
		}
		waiting := g.waiting
		g.mu.Unlock()
		switch {
		case !held:
			return ErrNoSession
		case Elapsed(heard, time.Now()) < fresh:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-waiting:
		}
	}
}

// Elapsed returns how much time has passed, by the clock that says more of the
// two: one stands still while the machine is suspended, the other can be set.
func Elapsed(since, now time.Time) time.Duration {
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)))
}
