package gateway

import "bongsu/internal/hub"

// Unread is how much a person has not read: absolute numbers, never deltas.
type Unread struct {
	// Total is the sum of Streams.
	Total uint64 `json:"total" doc:"How many entries are unread in all streams."`
	// Version grows with everything that changes the numbers, so that of two
	// answers about the same streams the one with the higher version is the
	// newer, whichever node gave it.
	Version uint64 `json:"version" doc:"Of two answers the one with the higher version is the newer."`
	// Streams names only the streams with unread entries. It is never nil.
	Streams map[hub.Stream]uint64 `json:"streams" nullable:"false" doc:"Unread entries by stream; only streams that have some."`
}

// Count counts the unread entries of the streams that heads names, given the
// person's marks; a stream without a mark counts as one marked at 0. It keeps
// neither argument.
//
// Everything up to readUpTo of a stream is read or gone. The total is the sum of
// seq − readUpTo and the version the sum of seq + readUpTo: both terms only ever
// grow, and no change of the total leaves the version as it was.
func Count(heads []hub.Head, marks map[hub.Stream]uint64) Unread {
	unread := Unread{Streams: map[hub.Stream]uint64{}}
	for _, head := range heads {
		read := readUpTo(head, marks)
		unread.Version += head.Seq + read
		if head.Seq > read {
			unread.Streams[head.Stream] = head.Seq - read
			unread.Total += head.Seq - read
		}
	}
	return unread
}

// readUpTo returns the seq after which the entries of a stream are unread:
// the person's mark, or the floor where retention has passed the mark. Counts
// and lists both ask this function, which is why they agree.
func readUpTo(head hub.Head, marks map[hub.Stream]uint64) uint64 {
	return max(marks[head.Stream], head.Floor)
}
