package catchup

// Turn is what a session is given next of a stream.
type Turn uint8

// The turns.
const (
	// Rest: the session has all that there is.
	Rest Turn = iota
	// Take: the next entry is here.
	Take
	// Skip: the entries up to Window.Cut will not be pushed. The session is told
	// of a gap, and goes on after it.
	Skip
	// Wait: the next entry has to be fetched first, see Feed.Want.
	Wait
)

// Next returns what a session at cursor, the seq of the last entry given, is
// given next; with Take the entry.
func (w *Window) Next(cursor uint64) (Turn, *Frame) {
	switch {
	case cursor >= w.head:
		return Rest, nil
	case w.Holds(cursor):
		return Take, w.frames[cursor+1-w.first]
	case cursor < w.cut:
		return Skip, nil
	}
	return Wait, nil
}

// Cut returns the seq up to which entries cannot be pushed, unless Next gives them.
func (w *Window) Cut() uint64 { return w.cut }

// Start is how a session begins in a stream.
type Start uint8

// The ways to begin.
const (
	// Resumed: the session goes on after its client's place.
	Resumed Start = iota
	// Behind: the place is too far back. The session begins at the head; the
	// client is told of a gap.
	Behind
	// Ahead: the place is beyond the head. Either the node is late, or the place
	// is of another life of the stream: the session waits there until the
	// stream's owner has been asked, see Feed.Doubt.
	Ahead
)

// Begin returns the cursor of a session whose client has seen the stream up to
// seq, when at most most entries are sent again.
func (w *Window) Begin(seq, most uint64) (cursor uint64, how Start) {
	switch {
	case seq > w.head:
		return seq, Ahead
	case w.head-seq > most:
		return w.head, Behind
	}
	return seq, Resumed
}

// Tell returns the head that a client is told which has seen the stream up to seq: what
// it has seen is there, unless the owner has said for certain that it is not.
func (w *Window) Tell(seq uint64, sure bool) uint64 {
	if sure {
		return w.head
	}
	return max(w.head, seq)
}

// Offers reports whether a session may find more in w than in an earlier window.
func (w *Window) Offers(earlier *Window) bool {
	return w.Last() != earlier.Last() || w.first < earlier.first || w.cut != earlier.cut
}
