// Package catchup holds the rules by which a node keeps up with a stream and its
// sessions with the node: what a push adds, when pushes have a hole, what has to
// be asked of the stream's owner next and what its answers mean, and what a session
// is given after its cursor.
//
// It is pure: no locks, no clocks, no goroutines, no calls. Whoever drives it
// brings the moment in milliseconds, makes the calls that Feed.Need names, and
// tells the Feed what came of them. The gateway does so with real calls, a
// simulation with its own.
//
// A Feed takes pushes from any number of owners, late and early, twice or never:
// seqs come from the journal, the same for every owner, so that the window needs
// only to add what follows it and to fetch what is missing in between.
package catchup
