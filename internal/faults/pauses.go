package faults

import (
	"cmp"
	"slices"
	"time"
)

// probe is an entry that was sent to probe streams, on the prober's clock.
type probe struct {
	sent time.Duration
	// refused says that whoever was to publish it has said no, or nothing.
	refused bool
}

// arrival is an entry's delivery: sent and received on the prober's clock.
type arrival struct{ sent, received time.Duration }

// longestPause returns the longest that a stream stood still, as the probes that
// were sent to it between from and to show. A probe that arrived was on its way for
// so long. One that was refused stands for a pause until the next that arrived, or
// to now if none did; one that was taken and has not arrived, for a pause to now.
// A span without probes is a pause from its beginning to its end. Probes are in the
// order of their sending.
func longestPause(probes []*probe, arrivals []arrival, from, to, now time.Duration) time.Duration {
	first, _ := slices.BinarySearchFunc(probes, from, func(p *probe, at time.Duration) int { return cmp.Compare(p.sent, at) })
	probes = probes[first:]
	if len(probes) == 0 || probes[0].sent >= to {
		return to - from
	}
	received := map[time.Duration]time.Duration{} // by when it was sent
	for _, a := range arrivals {
		if a.sent >= from {
			received[a.sent] = a.received
		}
	}
	longest, next := time.Duration(0), now
	for _, p := range slices.Backward(probes) {
		until, came := received[p.sent]
		switch {
		case came:
			next = until
		case p.refused:
			until = next
		default:
			until = now
		}
		if p.sent < to {
			longest = max(longest, until-p.sent)
		}
	}
	return longest
}
