package rules

import "bongsu/internal/hub"

// Shard is one partition of the journal as one node sees it: whether the node
// holds it, how far its records were handed to actors, and whether anybody may be
// answered. The zero Shard is not held.
//
// A tenure is the time for which the shard is held: from a fresh Own until
// Assigned, Yield, LetGo or Fail ends it, or an Own that cannot go on with it. The
// actors and the Ledger of a tenure end with it. It outlives claims: while the
// group is rebalanced, or Kafka is away, the actors stay warm. They are never
// wrong, whoever owned the shard in between: all that they know is a function of
// the records below the position.
type Shard struct {
	assigned   bool  // in the newest generation that this node took part in
	held       bool  // a tenure is under way
	generation int32 // the newest in which it was assigned
	gap        bool  // somebody else may have owned it since; only the next Own tells
	position   int64 // every record below it was handed out, or is in the timeline
	end        int64 // where an earlier owner may have been
}

// Assigned begins a generation of the consumer group, in which the shard is this
// node's or not. It returns true if that ends a tenure.
func (s *Shard) Assigned(generation int32, mine bool) (over bool) {
	if !mine {
		return s.LetGo()
	}
	s.assigned = true
	// Nobody else can have owned the shard between two generations that follow each
	// other.
	s.gap = s.gap || generation != s.generation+1
	s.generation = generation
	return false
}

// Yield says that another node has had the shard since a generation of the group.
// It returns true if that ends a tenure: one of an earlier generation, which goes on
// only because this node does not hear of the group. An older word changes nothing.
func (s *Shard) Yield(generation int32) (over bool) {
	return s.generation < generation && s.LetGo()
}

// Outlives reports whether the tenure knows records that are not in a journal that
// ends before offset end: it has lost them, and gives their offsets to others.
func (s *Shard) Outlives(end int64) bool { return s.held && end < s.position }

// Own begins a claim: records follow from offset from on, which is the committed
// one, and those below end are there already. It returns true if a tenure begins
// with it, so that the next record is that at from. The one that may have been ends
// then: others went further than it, or the journal has lost records that it knows.
func (s *Shard) Own(generation int32, from, end int64) (fresh bool) {
	if !s.assigned || s.generation != generation {
		s.Assigned(generation, true)
	}
	fresh = !s.held || from > s.position || s.Outlives(end)
	if fresh {
		s.held, s.position = true, from
	}
	if fresh || s.gap {
		s.end = end
	}
	s.gap = false
	return fresh
}

// LetGo gives the shard up until it is owned again, and returns true if that ends
// a tenure.
func (s *Shard) LetGo() (over bool) {
	over = s.held
	s.assigned, s.held = false, false
	return over
}

// Fail ends the tenure because its actors' knowledge is lost, and returns false if
// there is none. The shard stays assigned: it answers once it is owned anew.
func (s *Shard) Fail() (over bool) {
	over = s.held
	s.held = false
	return over
}

// Unseen returns the records that were not handed out before; records ascend.
func (s *Shard) Unseen(records []hub.Record) []hub.Record {
	for len(records) > 0 && records[0].Offset < s.position {
		records = records[1:]
	}
	return records
}

// Advance says that every record below next has been handed out. It returns true
// if the shard answers from now on and did not before.
func (s *Shard) Advance(next int64) (caughtUp bool) {
	before := s.Answers()
	s.position = max(s.position, next)
	return !before && s.Answers()
}

// Held reports whether a tenure is under way: records may be handed out.
func (s *Shard) Held() bool { return s.held }

// Mine reports whether the newest generation gave the shard to this node.
func (s *Shard) Mine() bool { return s.assigned }

// Answers reports whether the shard is held and knows all that an earlier owner
// may have shown.
func (s *Shard) Answers() bool { return s.held && !s.gap && s.position >= s.end }

// Position returns the offset of the next record to hand out. An actor that is
// started now begins with the stream as it was before that offset.
func (s *Shard) Position() int64 { return s.position }
