package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are recorded in microseconds up to longest with three digits.
const (
	longest = 5 * time.Minute
	digits  = 3
	// tallies is in how many parts the counts are kept, so that receivers do not
	// queue for one lock.
	tallies = 8
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), digits)
}

// record adds a latency; one beyond the histogram's range counts as the longest.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	// The value is clamped to the range, outside which alone RecordValue fails.
	_ = h.RecordValue(max(1, min(d.Microseconds(), longest.Microseconds())))
}

// counts are what receivers count.
type counts struct {
	received   uint64 // entries of this run, duplicates included
	duplicates uint64
	late       uint64
	holes      uint64 // times that entries were missing
	skipped    uint64 // entries that the hub said it leaves out
	gaps       uint64
	bytes      uint64
	lastAt     time.Duration // of the run's clock
}

func (c *counts) add(o counts) {
	c.received += o.received
	c.duplicates += o.duplicates
	c.late += o.late
	c.holes += o.holes
	c.skipped += o.skipped
	c.gaps += o.gaps
	c.bytes += o.bytes
	c.lastAt = max(c.lastAt, o.lastAt)
}

// unique is how many different entries have come.
func (c *counts) unique() uint64 { return c.received - c.duplicates }

// tally is one part of the counts.
type tally struct {
	mu      sync.Mutex
	counts  counts
	latency *hdrhistogram.Histogram
	_       [64]byte // keeps the parts on cache lines of their own
}

// board holds the parts.
type board struct{ parts [tallies]tally }

func newBoard() *board {
	b := &board{}
	for i := range b.parts {
		b.parts[i].latency = newHistogram()
	}
	return b
}

// part returns the one that connection number i counts in.
func (b *board) part(i int) *tally { return &b.parts[i%tallies] }

// sum adds the counts up.
func (b *board) sum() counts {
	var total counts
	for i := range b.parts {
		p := &b.parts[i]
		p.mu.Lock()
		total.add(p.counts)
		p.mu.Unlock()
	}
	return total
}

// latency merges the histograms.
func (b *board) latency() *hdrhistogram.Histogram {
	whole := newHistogram()
	for i := range b.parts {
		p := &b.parts[i]
		p.mu.Lock()
		whole.Merge(p.latency)
		p.mu.Unlock()
	}
	return whole
}
