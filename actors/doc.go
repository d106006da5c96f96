// Package actors holds the stream actors and what feeds them: the shards that
// this node owns, the loader that wakes streams, the writer that carries their
// entries to the timeline, and Core, through which the gateway asks.
//
// An actor never decides an order. The journal partition has decided it, and
// the actor counts: its state (rules.Stream) is a pure function of the shard's
// records, so a replay, or two owners that overlap, give the same numbers.
package actors
