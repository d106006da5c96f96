package hub

// Query asks for a page of a timeline that merges several streams.
type Query struct {
	// Ranges names the streams and the part of each that may be shown. The
	// caller has checked that the person may read them.
	Ranges []Range
	// Types keeps only entries of these types; empty keeps all.
	Types []string
	// Before and After keep only entries that stand strictly before and after a
	// place; nil does not limit.
	Before, After *Place
	// Limit is the most entries to return, 1 or more.
	Limit int
}

// Range is a part of one stream: entries with After < seq < Before. A Before of
// 0 does not limit.
type Range struct {
	Stream Stream
	After  uint64
	Before uint64
}

// Holds reports whether the query asks for the entry, Limit aside. It is the
// meaning of a Query: a store's own filter must agree with it.
func (q *Query) Holds(e *Entry) bool {
	if q.Before != nil && e.Place().Compare(*q.Before) >= 0 {
		return false
	}
	if q.After != nil && e.Place().Compare(*q.After) <= 0 {
		return false
	}
	return q.holdsType(e.Type) && q.holdsSeq(e)
}

func (q *Query) holdsType(t string) bool {
	for _, want := range q.Types {
		if want == t {
			return true
		}
	}
	return len(q.Types) == 0
}

func (q *Query) holdsSeq(e *Entry) bool {
	for _, r := range q.Ranges {
		if r.Stream == e.Stream {
			return e.Seq > r.After && (r.Before == 0 || e.Seq < r.Before)
		}
	}
	return false
}

// MaxRangeBytes is about how large an answer to Range grows, of the timeline and of
// Core. One of large entries ends early; what follows is asked for after its end.
const MaxRangeBytes = 4 << 20

// Fitting returns how many of the first entries an answer holds that is bounded in
// their number and their bytes: at least one if there is one.
func Fitting(entries []*Entry, limit, bytes int) int {
	limit = min(limit, len(entries))
	for i, e := range entries[:limit] {
		if bytes -= e.Size(); bytes < 0 {
			return max(i, 1)
		}
	}
	return limit
}

// LoadRequest asks for the state of a stream just before one of its records.
type LoadRequest struct {
	Stream Stream
	// Before is a journal offset of the stream's shard: only entries whose
	// Offset is less count. Entries at or beyond it may be in the timeline
	// already when the journal is replayed; numbering starts again from here.
	Before int64
}

// StreamState is what the timeline knows of a stream just before an offset.
type StreamState struct {
	Head
	// Time is that of the newest entry, 0 before the first.
	Time int64
	// IDs are those of the newest entries, oldest first, at most DuplicateWindow.
	IDs []string
	// Marks are the person's, for an admin stream; nil for others. They are the
	// newest ones whatever the offset: a mark only grows.
	Marks map[Stream]uint64
}
