package link

import "time"

// Verdict says what a receiver makes of something that came.
type Verdict uint8

// The verdicts.
const (
	// Ignore: it is of another epoch.
	Ignore Verdict = iota
	// Take: it is the next in order.
	Take
	// Broken: something is missing, and the epoch has ended. Every stream that is
	// followed through the link is lost and must be followed again.
	Broken
)

// Receiver is the follower's end of a link through all epochs. Its methods must
// not be called at once.
type Receiver struct {
	patience time.Duration
	ackBytes int
	ackCount uint64

	epoch   uint64
	open    bool
	last    uint64 // number of the last batch taken
	heard   time.Time
	acked   uint64 // last that was acknowledged
	unacked int    // bytes taken since
}

// NewReceiver returns the follower's end of a link that is not open yet. It
// breaks when it hears nothing for patience, and owes an acknowledgement after
// so many bytes or batches and at every beat.
func NewReceiver(patience time.Duration, ackBytes int, ackCount uint64) *Receiver {
	return &Receiver{patience: patience, ackBytes: ackBytes, ackCount: ackCount}
}

// Open returns the epoch in which streams are to be followed, which it begins
// if there is none: epochs rise from 1.
func (r *Receiver) Open(now time.Time) (epoch uint64) {
	if !r.open {
		r.epoch++
		r.open = true
		r.last, r.acked, r.unacked = 0, 0, 0
		r.heard = now
	}
	return r.epoch
}

// Epoch returns the newest epoch, open or not.
func (r *Receiver) Epoch() uint64 { return r.epoch }

// In reports whether the epoch is the present one, and open.
func (r *Receiver) In(epoch uint64) bool { return r.open && epoch == r.epoch }

// Batch judges a batch of some bytes that came. After Take its items are to be
// given on, before the next is judged.
func (r *Receiver) Batch(epoch, number uint64, size int, now time.Time) Verdict {
	switch {
	case !r.In(epoch):
		return Ignore
	case number != r.last+1:
		return r.Break()
	}
	r.last, r.heard = number, now
	r.unacked += size
	return Take
}

// Beat judges the owner's heartbeat, which tells the newest batch. After Take an
// acknowledgement is owed.
func (r *Receiver) Beat(epoch, last uint64, now time.Time) Verdict {
	switch {
	case !r.In(epoch):
		return Ignore
	case last != r.last:
		return r.Break()
	}
	r.heard = now
	return Take
}

// Closed judges the owner's word that it has closed an epoch.
func (r *Receiver) Closed(epoch uint64) Verdict {
	if !r.In(epoch) {
		return Ignore
	}
	return r.Break()
}

// Silent reports whether the link is open and was not heard of for too long. It
// is to be broken then.
func (r *Receiver) Silent(now time.Time) bool { return r.open && now.Sub(r.heard) > r.patience }

// Break ends the epoch. It returns Broken, or Ignore if the link was not open.
func (r *Receiver) Break() Verdict {
	if !r.open {
		return Ignore
	}
	r.open = false
	return Broken
}

// AckDue reports whether enough has come that it should be acknowledged without
// waiting for the next beat.
func (r *Receiver) AckDue() bool {
	return r.unacked >= r.ackBytes || r.last-r.acked >= r.ackCount
}

// Ack returns what to acknowledge: all batches up to number.
func (r *Receiver) Ack() (epoch, number uint64) {
	r.acked, r.unacked = r.last, 0
	return r.epoch, r.last
}
