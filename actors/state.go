package actors

import (
	"maps"

	"bongsu/internal/hub"
)

// streamState is what a stream's actor knows. It is a pure fold over the
// stream's records: no clock, no I/O, no chance.
type streamState struct {
	head  hub.Head
	time  int64 // of the newest entry
	seen  window
	ring  []*hub.Entry // the newest entries, ascending, the last one at head
	marks map[hub.Stream]uint64

	ringSize int // bytes of the ring's entries
}

// newStreamState returns the state that the timeline remembers.
func newStreamState(stored hub.StreamState) *streamState {
	return &streamState{
		head:  stored.Head,
		time:  stored.Time,
		seen:  newWindow(stored.IDs),
		marks: stored.Marks,
	}
}

// number applies a record that is to become an entry and returns the entry, or
// nil if the record is a duplicate.
func (s *streamState) number(r *hub.Record) *hub.Entry {
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

// mark applies read marks and returns those that grew, nil if none did. First
// marks count only where there is no mark yet.
func (s *streamState) mark(marks map[hub.Stream]uint64, first bool) map[hub.Stream]uint64 {
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

// marksOf returns the marks on the named streams, those that there are.
func (s *streamState) marksOf(streams []hub.Stream) map[hub.Stream]uint64 {
	found := make(map[hub.Stream]uint64, len(streams))
	for _, stream := range streams {
		if seq, ok := s.marks[stream]; ok {
			found[stream] = seq
		}
	}
	return found
}

// unmarked returns the marks that a person who is first seen on some of the
// streams starts with there: nothing read of its own stream, all read of others.
func (s *streamState) unmarked(heads []hub.Head) map[hub.Stream]uint64 {
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

// higher returns those of the wanted marks that would grow.
func (s *streamState) higher(wanted map[hub.Stream]uint64) map[hub.Stream]uint64 {
	grow := maps.Clone(wanted)
	maps.DeleteFunc(grow, func(stream hub.Stream, seq uint64) bool {
		have, ok := s.marks[stream]
		return ok && seq <= have
	})
	return grow
}

// since returns the entries of the ring with seq > after, without those that have
// left by retention, and whether the ring holds all of them.
func (s *streamState) since(after uint64) (entries []*hub.Entry, whole bool) {
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

// trim lets go of the oldest ring entries that are in the timeline, until at most
// keep entries of at most size bytes are left.
func (s *streamState) trim(flushed uint64, keep, size int) {
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
