package socket

import "time"

// Bucket limits how often a client may say something: at first Burst times at
// once, then Rate times a second. It belongs to one goroutine.
type Bucket struct {
	rate, burst, tokens float32
	refilled            time.Time
}

// NewBucket returns a full Bucket.
func NewBucket(rate, burst int) Bucket {
	return Bucket{rate: float32(rate), burst: float32(burst), tokens: float32(burst), refilled: time.Now()}
}

// Grant lets the client say something n times more, once.
func (b *Bucket) Grant(n int) { b.tokens += float32(n) }

// Allow takes one of the client's tokens, if there is one.
func (b *Bucket) Allow() bool {
	now := time.Now()
	if b.tokens < b.burst {
		b.tokens = min(b.burst, b.tokens+float32(now.Sub(b.refilled).Seconds())*b.rate)
	}
	b.refilled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
