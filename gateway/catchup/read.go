package catchup

import (
	"time"

	"bongsu/internal/hub"
)

// settled is for how long an owner must have been sure of a head below what a person
// has seen. An owner that is sure was confirmed by its group in the second before, for
// which kafka.Group.Fresh stands. So it was confirmed after the person asked, nobody
// else can have given them more in the meantime, and it had the time to read what came
// while it could not. Only of an owner that lags behind the journal by more than this
// is it not certain.
const settled = 1200 * time.Millisecond

// Reading is a person's word that they have read a stream up to a seq, which a node
// takes as far as the stream goes. A seq beyond the head means the head; but an owner
// that was stopped, or is cut off, knows less than the person has seen.
type Reading struct {
	seq  uint64
	sure time.Time // since when every answer was sure, zero if the last was not
}

// NewReading returns the word that all up to seq is read.
func NewReading(seq uint64) *Reading { return &Reading{seq: seq} }

// Take takes an owner's answer to where the stream stands, which was asked for at a
// time after the person's word. It returns how far the stream is read. If that is not
// certain, the owner is to be asked again.
func (r *Reading) Take(head hub.Head, asked time.Time) (mark uint64, certain bool) {
	switch {
	case r.seq <= head.Seq:
		return r.seq, true
	case head.Unsure:
		r.sure = time.Time{}
		return head.Seq, false
	case r.sure.IsZero():
		r.sure = asked
	}
	return head.Seq, asked.Sub(r.sure) >= settled
}
