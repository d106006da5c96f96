package simulate

import (
	"time"

	"bongsu/actors/rules"
	"bongsu/cluster/view"
	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// The mutants that are put into what surrounds the rules here, as if the rules
// themselves were so. The others are those of the actors' rules.
const (
	// DropBatch has a batch of a link vanish without a trace now and then.
	DropBatch rules.Mutant = "drop-batch"
	// GapAtOnce has a session whose client is behind at all begin at the head, with
	// a gap, instead of being sent what it missed.
	GapAtOnce rules.Mutant = "gap-at-once"
	// AnswerBehind has a shard answer as soon as it is held, before it knows what an
	// earlier owner may have shown.
	AnswerBehind rules.Mutant = "answer-behind"
	// AnswerInGap has a shard that was assigned again go on answering where another
	// node may have owned it in between.
	AnswerInGap rules.Mutant = "answer-in-gap"
	// NeverYield has a node keep the shards that another one has in a later
	// generation, until it hears so from the group.
	NeverYield rules.Mutant = "never-yield"
	// FollowAnything has a feed take any answer to a Follow for good: that of an
	// owner that knows less than the node, or that has no claim.
	FollowAnything rules.Mutant = "follow-anything"
	// OldestClaimant gives a shard that several claim to the one of the lowest
	// generation.
	OldestClaimant rules.Mutant = "oldest-claimant"
	// ReadAtOnce has a node take the head that an owner tells for the newest that a
	// person can have read.
	ReadAtOnce rules.Mutant = "read-at-once"
	// TellAtOnce has a node not wait for an owner that is certain before it tells a client
	// where a stream stands, TellBehind tell what it knows though the client has seen more.
	TellAtOnce rules.Mutant = "tell-at-once"
	TellBehind rules.Mutant = "tell-behind"
	// KeepClaims has a node that rejoins the group, before it came to withdrawing from
	// it, go on with the claims of the life that is over: its host has let go of them.
	KeepClaims rules.Mutant = "keep-claims"
)

// Mutants are all the faults that the simulation has to find.
func Mutants() []rules.Mutant {
	return []rules.Mutant{
		rules.MemoryNumbers, rules.CommitEarly, rules.StaleWriter, DropBatch,
		GapAtOnce, AnswerBehind, AnswerInGap, NeverYield, FollowAnything, OldestClaimant, KeepClaims, ReadAtOnce, TellAtOnce,
		TellBehind,
	}
}

// ruled returns the mutant as the actors' rules know it: Sound for one of the others.
func ruled(m rules.Mutant) rules.Mutant {
	switch m {
	case rules.MemoryNumbers, rules.CommitEarly, rules.StaleWriter:
		return m
	}
	return rules.Sound
}

// own begins a claim by the rules.
func (s *shard) own(generation int32, from, end int64) (fresh bool) {
	inGap := s.rules.Held() && !s.rules.Answers() && s.rules.Position() >= s.end
	if fresh = s.rules.Own(generation, from, end); fresh || inGap {
		s.end = end
	}
	return fresh
}

// keepsClaims reports whether a member that is told to rejoin keeps what it holds.
func (c *consumer) keepsClaims() bool { return c.mutant == KeepClaims }

// answers reports whether the shard's actors may be asked.
func (s *shard) answers() bool {
	switch s.mutant {
	case AnswerBehind:
		return s.rules.Held()
	case AnswerInGap:
		return s.rules.Held() && s.rules.Position() >= s.end
	}
	return s.rules.Answers()
}

// yield says that another node has had the shard since a generation.
func (s *shard) yield(generation int32) (over bool) {
	return s.mutant != NeverYield && s.rules.Yield(generation)
}

// begin is how a session begins in the window w.
func (g *gateway) begin(w *catchup.Window, place uint64) (cursor uint64, how catchup.Start) {
	most := g.node.cluster.plan.catchUp
	if g.node.cluster.options.Mutant == GapAtOnce {
		most = 0
	}
	return w.Begin(place, most)
}

// follows takes the answer to a Follow.
func (f *feed) follows(task catchup.Task, head hub.Head) catchup.Answer {
	if f.gateway.node.cluster.options.Mutant == FollowAnything {
		head.Seq, head.Unsure = max(head.Seq, f.rules.Window().Head()), false
	}
	return f.rules.Follows(task, head)
}

// viewOf returns the view of what the living announce.
func (c *cluster) viewOf(says []view.Announcement) *view.View {
	if c.options.Mutant == OldestClaimant {
		for i := range says {
			says[i].Generation = -says[i].Generation
		}
	}
	return view.New(int32(len(c.journal.logs)), says...)
}

// generation is the one in which the owner of a shard announced it.
func (c *cluster) generation(owner view.Announcement) int32 {
	if c.options.Mutant == OldestClaimant {
		return -owner.Generation
	}
	return owner.Generation
}

// tells returns the head that a client is told which has seen a seq.
func (f *feed) tells(seen uint64) uint64 {
	sure := f.rules.Sure() || f.gateway.node.cluster.options.Mutant == TellBehind
	return f.shown.Tell(seen, sure)
}

// patience is for how long a session waits for a head that is not behind its client's.
func (g *gateway) patience() time.Duration {
	if g.node.cluster.options.Mutant == TellAtOnce {
		return 0
	}
	return catchup.HopeFor
}

// readUpTo is how far a person has read, by an answer that was asked for at a time.
func (n *node) readUpTo(reading *catchup.Reading, head hub.Head, asked time.Duration) (mark uint64, certain bool) {
	mark, certain = reading.Take(head, time.Unix(0, 0).Add(asked))
	return mark, certain || n.cluster.options.Mutant == ReadAtOnce
}
