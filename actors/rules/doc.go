// Package rules decides what the actors of a journal's shards do: which number an
// entry gets, which records a node takes, when it may answer and what it may
// commit. Its types hold no lock, read no clock and do no I/O: the same calls in
// the same order give the same answers, so that a test can put any number of nodes
// through any order of events. Callers lock; nothing here may be called at once.
package rules

// Mutant is a fault that is put into the rules on purpose, so that it can be seen
// that the tests of a whole cluster find it.
type Mutant string

// The mutants there are.
const (
	// Sound is none.
	Sound Mutant = ""
	// MemoryNumbers has a woken stream number on from what its process has counted,
	// instead of from what the timeline remembers.
	MemoryNumbers Mutant = "memory-numbers"
	// CommitEarly has offsets committed once they are handed out, before the
	// timeline has their entries.
	CommitEarly Mutant = "commit-early"
	// StaleWriter has a node that has lost a shard write one more entry of each of
	// its streams, of its own making, under the next number.
	StaleWriter Mutant = "stale-writer"
)
