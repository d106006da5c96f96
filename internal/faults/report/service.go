package report

import (
	"cmp"
	"math"
	"slices"
)

// Wait is an event on its way to one person: acknowledged At, received Until,
// seconds.
type Wait struct {
	At    float64 `json:"at"`
	Until float64 `json:"until"`
}

// Gaps returns the stretches during which at least one event had been waiting
// for longer than patience, from its acknowledgement on, in order.
func Gaps(waits []Wait, patience float64) []Wait {
	var long []Wait
	for _, w := range waits {
		if w.Until-w.At > patience {
			long = append(long, w)
		}
	}
	slices.SortFunc(long, func(a, b Wait) int { return cmp.Compare(a.At, b.At) })
	var merged []Wait
	for _, w := range long {
		if n := len(merged); n > 0 && w.At <= merged[n-1].Until {
			merged[n-1].Until = max(merged[n-1].Until, w.Until)
			continue
		}
		merged = append(merged, w)
	}
	return merged
}

// SpansOf returns the quantiles of seconds, which it sorts.
func SpansOf(seconds []float64) Spans {
	if len(seconds) == 0 {
		return Spans{}
	}
	slices.Sort(seconds)
	at := func(q float64) float64 {
		return seconds[min(len(seconds)-1, int(math.Ceil(q*float64(len(seconds))))-1)]
	}
	return Spans{Count: len(seconds), P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: seconds[len(seconds)-1]}
}

// Longest returns the longest of the gaps, the zero Wait if there is none.
func Longest(gaps []Wait) (longest Wait) {
	for _, gap := range gaps {
		if gap.Until-gap.At > longest.Until-longest.At {
			longest = gap
		}
	}
	return longest
}

// SetService fills in the service of a run from the gaps of each person, which
// are given in the order of people, and what each fault had to do with them.
func (r *Report) SetService(patience float64, people []PersonGaps, gaps [][]Wait) {
	s := Service{Patience: patience, People: people, Without: make([]int, int(math.Ceil(r.Seconds))+1)}
	longest, total := make([]float64, len(people)), make([]float64, len(people))
	for i := range people {
		p := &people[i]
		p.Gaps = len(gaps[i])
		most := Longest(gaps[i])
		p.Longest, p.LongestAt = most.Until-most.At, most.At
		for _, gap := range gaps[i] {
			p.Total += gap.Until - gap.At
		}
		longest[i], total[i] = p.Longest, p.Total
		markSeconds(s.Without, gaps[i])
	}
	for i := range r.Faults {
		r.Faults[i].blame(gaps)
	}
	s.Longest, s.Total = SpansOf(longest), SpansOf(total)
	r.Service = s
}

// markSeconds counts each second that a gap touches once.
func markSeconds(seconds []int, gaps []Wait) {
	last := -1
	for _, gap := range gaps {
		for at := max(int(gap.At), last+1); at <= int(gap.Until) && at < len(seconds); at++ {
			seconds[at]++
			last = at
		}
	}
}

// blame notes the gaps that began while the fault lasted.
func (f *Fault) blame(gaps [][]Wait) {
	for _, person := range gaps {
		hit := false
		for _, gap := range person {
			// What was on its way when the fault struck waited from before.
			if gap.At > f.At-0.5 && gap.At < max(f.Healed, f.Until) {
				hit = true
				f.Longest = max(f.Longest, gap.Until-gap.At)
			}
		}
		if hit {
			f.Hit++
		}
	}
}
