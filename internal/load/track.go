package load

import "bongsu/internal/hub"

// maxHoles is how many holes of one stream are remembered. Beyond it a late entry
// may count as a duplicate instead of as out of order; both fail the run.
const maxHoles = 64

// arrival is what an entry's seq says about its way.
type arrival uint8

const (
	inOrder   arrival = iota
	afterHole         // entries before it have not come
	late              // one of those, come at last
	duplicate
)

// tracker follows the seqs of one stream on one connection.
type tracker struct {
	stream hub.Stream
	last   uint64
	holes  []hole
}

// hole is entries from … to that did not come in their turn.
type hole struct{ from, to uint64 }

// arrive judges the next entry.
func (t *tracker) arrive(seq uint64) arrival {
	switch {
	case seq == t.last+1:
		t.last = seq
		return inOrder
	case seq > t.last:
		if len(t.holes) < maxHoles {
			t.holes = append(t.holes, hole{t.last + 1, seq - 1})
		}
		t.last = seq
		return afterHole
	case t.fill(seq):
		return late
	}
	return duplicate
}

// fill takes seq out of the hole that it is in.
func (t *tracker) fill(seq uint64) bool {
	for i, h := range t.holes {
		if seq < h.from || seq > h.to {
			continue
		}
		t.holes = append(t.holes[:i], t.holes[i+1:]...)
		if h.from < seq {
			t.holes = append(t.holes, hole{h.from, seq - 1})
		}
		if seq < h.to {
			t.holes = append(t.holes, hole{seq + 1, h.to})
		}
		return true
	}
	return false
}

// skip notes that the hub has said it leaves out the entries up to to, and returns
// how many of them had not come.
func (t *tracker) skip(to uint64) uint64 {
	if to <= t.last {
		t.last = to // a reset: the stream starts again behind to
		t.holes = nil
		return 0
	}
	skipped := to - t.last
	t.last = to
	return skipped
}
