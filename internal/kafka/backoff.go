package kafka

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff waits between attempts, longer each time, from 0.1 to 2 seconds, with
// jitter. The zero value is ready for use.
type Backoff struct{ next time.Duration }

// Wait waits for the next attempt, or until ctx ends.
func (b *Backoff) Wait(ctx context.Context) {
	b.next = min(max(2*b.next, 100*time.Millisecond), 2*time.Second)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Reset makes the next wait a short one, after a success.
func (b *Backoff) Reset() { b.next = 0 }
