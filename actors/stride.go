package actors

import (
	"context"
	"errors"
)

// stride is how much goes to the timeline with one call: less after one that was too
// much at once, since the same again could be so for ever, and slowly more after each
// that was not. It is used by one goroutine.
type stride struct{ now, most int }

func newStride(most int) stride { return stride{most, most} }

// of returns how many of n go next.
func (s *stride) of(n int) int { return min(n, s.now) }

// less says that n were too many.
func (s *stride) less(n int) { s.now = max(1, n/2) }

// more says that a call was not too much. By halves: where most is always too much,
// several calls succeed for each that does not.
func (s *stride) more() { s.now = min(s.most, s.now+s.now/2+1) }

// tooMuch reports whether the timeline failed in a way in which it might not have
// with less.
func tooMuch(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
