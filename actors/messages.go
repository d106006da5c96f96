package actors

import (
	"time"

	"bongsu/internal/hub"
)

// The messages of a stream actor. They stay within one process and are never
// changed once sent.

// activate is the first message of every actor: which stream it is, and the
// place in its shard from which it will be given every record.
type activate struct {
	stream hub.Stream
	shard  *shard
	from   int64
}

// apply gives the next records of the stream.
type apply struct{ records []hub.Record }

// loaded gives the actor its state as it was just before activate.from.
type loaded struct{ state hub.StreamState }

// follow asks that this node be given what the stream gets; answered by hub.Head.
type follow struct{}

// unfollow ends that; nobody waits for an answer.
type unfollow struct{}

// headOf asks for the hub.Head.
type headOf struct{}

// tailOf asks for recent entries after a seq; answered by tail.
type tailOf struct{ after uint64 }

type tail struct {
	head    hub.Head
	entries []*hub.Entry // ascending to the head
	whole   bool         // entries starts at after+1
}

// pendingOf asks for entries that may not be in the timeline yet; answered by
// pending.
type pendingOf struct{}

type pending struct{ entries []*hub.Entry }

// personOf asks for a person's marks on these streams, which are started where
// there are none; answered by marksNow or failure.
type personOf struct{ heads []hub.Head }

// raise asks to move marks up; answered by marksNow or failure.
type raise struct{ marks map[hub.Stream]uint64 }

type marksNow struct{ marks map[hub.Stream]uint64 }

// appendFailed tells the actor that the record it wanted is not in the journal.
type appendFailed struct {
	id  string
	err error
}

// failure answers any request that could not be done.
type failure struct{ err error }

// sweep is the regular tick: let go of what is no longer needed.
type sweep struct{ now time.Time }

// retained says that the timeline has let entries go.
type retained struct{ floor uint64 }
