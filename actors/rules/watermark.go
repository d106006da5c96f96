package rules

import "sort"

// Watermark knows up to which offset every record of a shard is finished, when
// records finish in any order. The zero Watermark begins at offset 0.
type Watermark struct {
	pending []slot
	first   int   // index in pending of the oldest unfinished
	next    int64 // every offset below it has been added or needs no finishing
}

type slot struct {
	offset   int64
	finished bool
}

// Add adds an offset that is to be finished; offsets are added ascending.
func (w *Watermark) Add(offset int64) {
	w.pending = append(w.pending, slot{offset: offset})
	w.next = max(w.next, offset+1)
}

// Skip says that no offset below next will be added any more.
func (w *Watermark) Skip(next int64) { w.next = max(w.next, next) }

// Finish marks an offset as finished. An offset that is not pending is ignored.
func (w *Watermark) Finish(offset int64) {
	live := w.pending[w.first:]
	i := sort.Search(len(live), func(i int) bool { return live[i].offset >= offset })
	if i == len(live) || live[i].offset != offset {
		return
	}
	live[i].finished = true
	for w.first < len(w.pending) && w.pending[w.first].finished {
		w.first++
	}
	w.compact()
}

// compact gives back the memory of finished slots once they are the larger half.
func (w *Watermark) compact() {
	if w.first == len(w.pending) {
		w.pending, w.first = w.pending[:0], 0
		return
	}
	if w.first > 1024 && w.first > len(w.pending)/2 {
		n := copy(w.pending, w.pending[w.first:])
		w.pending, w.first = w.pending[:n], 0
	}
}

// Low returns the offset below which everything is finished.
func (w *Watermark) Low() int64 {
	if w.first < len(w.pending) {
		return w.pending[w.first].offset
	}
	return w.next
}

// Unfinished returns how many offsets are still pending at most.
func (w *Watermark) Unfinished() int { return len(w.pending) - w.first }
