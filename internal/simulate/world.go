package simulate

import (
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// world is virtual time and chance. Everything that happens is an event in its
// queue; one happens at a time, and everything random is drawn from one source.
type world struct {
	rng    *rand.Rand
	now    time.Duration // since the run began
	events eventQueue
	count  uint64 // events put into the queue
	done   uint64 // events that have happened

	trace io.Writer // nil for none
	seen  *Coverage
	// violations are what the checks found, the first few.
	violations []string
}

// mostViolations is how many violations of one run are kept; the first says most.
const mostViolations = 20

// mostEvents is far more than any run has: beyond it something turns in a circle.
const mostEvents = 3_000_000

func newWorld(seed uint64, trace io.Writer) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 0x626f6e677375)), trace: trace, seen: &Coverage{}}
}

// after has f happen d from now, behind what was asked for the same moment before.
func (w *world) after(d time.Duration, f func()) {
	w.count++
	heap.Push(&w.events, event{at: w.now + max(0, d), order: w.count, act: f})
}

// run lets events happen until over says so, or none is left, or the time comes.
func (w *world) run(until time.Duration, over func() bool) {
	for len(w.events) > 0 && w.events[0].at <= until && !over() {
		next := heap.Pop(&w.events).(event)
		w.now = next.at
		next.act()
		if w.done++; w.done == mostEvents {
			w.violate("no end: %d events", w.done)
		}
	}
}

// chance is true with probability p.
func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// between draws a time, evenly.
func (w *world) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(w.rng.Int64N(int64(most-least)))
}

// tracef writes a line of the trace.
func (w *world) tracef(format string, args ...any) {
	if w.trace != nil {
		_, _ = fmt.Fprintf(w.trace, "%12.6f  %s\n", w.now.Seconds(), fmt.Sprintf(format, args...))
	}
}

// violate notes that a promise was broken.
func (w *world) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.tracef("VIOLATION %s", text)
	if len(w.violations) < mostViolations {
		w.violations = append(w.violations, fmt.Sprintf("at %.6f s: %s", w.now.Seconds(), text))
	}
}

// event is something that is to happen.
type event struct {
	at    time.Duration
	order uint64
	act   func()
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return last
}
