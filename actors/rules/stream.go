package rules

import (
	"maps"

	"bongsu/internal/hub"
)

// Stream is what a stream's actor knows: a fold over the stream's records.
type Stream struct {
	head  hub.Head
	time  int64 // of the newest entry
	seen  window
	ring  []*hub.Entry // the newest entries, ascending, the last one at head
	marks map[hub.Stream]uint64

	ringSize int // bytes of the ring's entries
}

// Wake returns the stream as the timeline remembers it. counted is the newest
// number that this process gave in the stream, 0 if none; only MemoryNumbers looks
// at it.
func Wake(stored hub.StreamState, mutant Mutant, counted uint64) *Stream {
	s := &Stream{
		head:  stored.Head,
		time:  stored.Time,
		seen:  newWindow(stored.IDs),
		marks: stored.Marks,
	}
	if mutant == MemoryNumbers {
		s.head.Seq = counted
	}
	return s
}

// Head returns where the stream stands.
func (s *Stream) Head() hub.Head { return s.head }

// Number applies a record that is to become an entry and returns the entry, or
// nil if the record is a duplicate.
func (s *Stream) Number(r *hub.Record) *hub.Entry {
	if s.seen.has(r.ID) {
		return nil
	}
	s.head.Seq++
	s.time = max(s.time, r.Time)
	entry := &hub.Entry{
		Stream:  s.head.Stream,
		Seq:     s.head.Seq,
		Offset:  r.Offset,
		Time:    s.time,
		Kind:    r.Kind,
		ID:      r.ID,
		Type:    r.Type,
		Payload: r.Payload,
	}
	s.seen.add(r.ID)
	s.ring = append(s.ring, entry)
	s.ringSize += entry.Size()
	return entry
}

// Mark applies read marks and returns those that grew, nil if none did. First
// marks count only where there is no mark yet.
func (s *Stream) Mark(marks map[hub.Stream]uint64, first bool) map[hub.Stream]uint64 {
	var grown map[hub.Stream]uint64
	for stream, seq := range marks {
		if have, found := s.marks[stream]; found && (first || seq <= have) {
			continue
		}
		if s.marks == nil {
			s.marks = make(map[hub.Stream]uint64, len(marks))
		}
		if grown == nil {
			grown = make(map[hub.Stream]uint64, len(marks))
		}
		s.marks[stream] = seq
		grown[stream] = seq
	}
	return grown
}

// MarksOf returns the marks on the named streams, those that there are.
func (s *Stream) MarksOf(streams []hub.Stream) map[hub.Stream]uint64 {
	found := make(map[hub.Stream]uint64, len(streams))
	for _, stream := range streams {
		if seq, ok := s.marks[stream]; ok {
			found[stream] = seq
		}
	}
	return found
}

// Unmarked returns the marks that a person who is first seen on some of the
// streams starts with there: nothing read of its own stream, all read of others.
func (s *Stream) Unmarked(heads []hub.Head) map[hub.Stream]uint64 {
	var missing map[hub.Stream]uint64
	for _, head := range heads {
		if _, ok := s.marks[head.Stream]; ok {
			continue
		}
		if missing == nil {
			missing = make(map[hub.Stream]uint64)
		}
		start := head.Seq
		if head.Stream == s.head.Stream {
			start = 0
		}
		missing[head.Stream] = start
	}
	return missing
}

// Higher returns those of the wanted marks that would grow.
func (s *Stream) Higher(wanted map[hub.Stream]uint64) map[hub.Stream]uint64 {
	grow := maps.Clone(wanted)
	maps.DeleteFunc(grow, func(stream hub.Stream, seq uint64) bool {
		have, ok := s.marks[stream]
		return ok && seq <= have
	})
	return grow
}

// Since returns the entries of the ring with seq > after, without those that have
// left by retention, and whether the ring holds all of them.
func (s *Stream) Since(after uint64) (entries []*hub.Entry, whole bool) {
	after = max(after, s.head.Floor)
	if after >= s.head.Seq {
		return nil, true
	}
	missing := s.head.Seq - after
	if uint64(len(s.ring)) < missing {
		return s.ring, false
	}
	return s.ring[uint64(len(s.ring))-missing:], true
}

// Trim lets go of the oldest ring entries that are in the timeline, until at most
// keep entries of at most size bytes are left.
func (s *Stream) Trim(flushed uint64, keep, size int) {
	drop := 0
	for drop < len(s.ring) && s.ring[drop].Seq <= flushed && (len(s.ring)-drop > keep || s.ringSize > size) {
		s.ringSize -= s.ring[drop].Size()
		drop++
	}
	if drop == 0 {
		return
	}
	if drop == len(s.ring) {
		s.ring = nil
		return
	}
	// A copy, so that the dropped entries are not kept by the array.
	s.ring = append(make([]*hub.Entry, 0, len(s.ring)-drop+4), s.ring[drop:]...)
}

// Ring returns how many entries are in memory, and about how many bytes they hold.
func (s *Stream) Ring() (entries, size int) { return len(s.ring), s.ringSize }

// Retain moves the floor up, and reports whether that is news.
func (s *Stream) Retain(floor uint64) bool {
	if floor <= s.head.Floor {
		return false
	}
	s.head.Floor = floor
	return true
}

// Forge returns an entry that no record made, under the next number: what a
// StaleWriter writes.
func (s *Stream) Forge() *hub.Entry {
	return &hub.Entry{
		Stream: s.head.Stream, Seq: s.head.Seq + 1, Time: s.time, Kind: hub.Notification,
		ID: "forged", Type: "FORGED", Payload: []byte(`{"id":"forged","kind":"notification","type":"FORGED","title":"forged"}`),
	}
}
