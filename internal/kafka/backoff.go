package kafka

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

// quick is the longest pause where users wait for Kafka to come back.
const quick = 250 * time.Millisecond

// Backoff waits between attempts, longer each time, from 0.1 seconds, with
// jitter. The zero value is ready for use.
type Backoff struct {
	// Max is the longest wait; 0 means 2 seconds.
	Max  time.Duration
	next time.Duration
}

// Wait waits for the next attempt, or until ctx ends.
func (b *Backoff) Wait(ctx context.Context) {
	b.next = min(max(2*b.next, 100*time.Millisecond), cmp.Or(b.Max, 2*time.Second))
	sleep(ctx, b.next/2+rand.N(b.next/2))
}

// Reset makes the next wait a short one, after a success.
func (b *Backoff) Reset() { b.next = 0 }

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
