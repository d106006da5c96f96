package catchup

import "slices"

// The limits of a stream's window. An entry that leaves it is fetched again if
// a session still needs it.
const (
	// windowEntries is the most entries that a window keeps.
	windowEntries = 4096
	// windowBytes is about the most memory that a window takes.
	windowBytes = 16 << 20
)

// Window is what a node knows of a stream at one moment: where it stands, and
// its newest entries without a gap. A Window is immutable, so that any number
// of goroutines read it without a lock; each change makes a new one. Newer windows
// may share the array behind frames, but only write beyond the older ones' end.
type Window struct {
	head   uint64 // newest seq known of; entries up to it may still be missing here
	floor  uint64 // entries up to it have left the timeline
	cut    uint64 // entries up to it cannot be pushed unless they are in frames
	first  uint64 // seq of frames[0], or of the next entry to come
	frames []*Frame
	bytes  int
}

// Head returns the newest seq known of. Entries up to it may still be missing here.
func (w *Window) Head() uint64 { return w.head }

// Floor returns the seq up to which entries have left the timeline.
func (w *Window) Floor() uint64 { return w.floor }

// Last returns the seq of the newest entry of the window, or of the entry before
// the next to come where it has none.
func (w *Window) Last() uint64 { return w.first + uint64(len(w.frames)) - 1 }

// Holds reports whether the entry after cursor is in the window.
func (w *Window) Holds(cursor uint64) bool { return cursor+1 >= w.first && cursor < w.Last() }

// HasBefore reports whether the window has an entry that came before a moment.
func (w *Window) HasBefore(moment int64) bool {
	return len(w.frames) > 0 && w.frames[0].stamp < moment
}

// appended returns the window with newer frames, which follow its last without a gap.
// It lets the oldest entries go, those up to passed first, which nobody needs any more.
func (w *Window) appended(frames []*Frame, passed uint64) *Window {
	next := *w
	next.dropTo(passed)
	next.frames = append(next.frames, frames...)
	for _, frame := range frames {
		next.bytes += frame.size()
	}
	next.head = max(next.head, next.Last())
	if len(next.frames) > windowEntries {
		next.dropTo(next.Last() - windowEntries*3/4)
	}
	if next.bytes > windowBytes {
		next.shrink(windowBytes / 4 * 3)
	}
	return &next
}

// extended returns the window with older frames, of which the last is followed by
// first. What does not fit is cut off: it is not offered again.
func (w *Window) extended(frames []*Frame) *Window {
	next := *w
	next.frames = slices.Concat(frames, w.frames)
	next.first = w.first - uint64(len(frames))
	for _, frame := range frames {
		next.bytes += frame.size()
	}
	if len(next.frames) > windowEntries {
		next.dropTo(next.Last() - windowEntries)
	}
	next.shrink(windowBytes)
	if len(next.frames) < len(frames)+len(w.frames) {
		next.cut = max(next.cut, next.first-1)
	}
	return &next
}

// aged returns the window without entries that came before a moment, or w
// itself when it has none.
func (w *Window) aged(before int64) *Window {
	young := slices.IndexFunc(w.frames, func(f *Frame) bool { return f.stamp >= before })
	switch young {
	case 0:
		return w
	case -1:
		if len(w.frames) == 0 {
			return w
		}
		young = len(w.frames)
	}
	next := *w
	next.dropTo(w.first + uint64(young) - 1)
	return &next
}

// restarted returns an empty window whose next entry is first. Whoever needs an
// older one, and no extension brings it, is told of a gap.
func (w *Window) restarted(first uint64) *Window {
	return &Window{head: max(w.head, first-1), floor: w.floor, cut: w.cut, first: first}
}

// cutAt returns the window with entries up to seq given up, but for those in frames.
func (w *Window) cutAt(seq uint64) *Window {
	next := *w
	next.cut = max(next.cut, seq)
	return &next
}

// shrink drops the oldest entries until the rest takes at most size bytes. The
// newest entry always stays.
func (w *Window) shrink(size int) {
	bytes, drop := w.bytes, 0
	for bytes > size && drop < len(w.frames)-1 {
		bytes -= w.frames[drop].size()
		drop++
	}
	w.dropTo(w.first + uint64(drop) - 1)
}

// dropTo drops the entries up to seq. The rest moves to an array of its own, so
// that the dropped ones can be collected.
func (w *Window) dropTo(seq uint64) {
	if seq < w.first || len(w.frames) == 0 {
		return
	}
	drop := min(int(seq-w.first)+1, len(w.frames))
	for _, frame := range w.frames[:drop] {
		w.bytes -= frame.size()
	}
	w.first += uint64(drop)
	if drop == len(w.frames) {
		w.frames = nil
		return
	}
	w.frames = slices.Clone(w.frames[drop:])
}
