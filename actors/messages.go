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
	tenure *tenure
	from   int64
}

// apply gives the next records of the stream.
type apply struct{ records []hub.Record }

// loaded gives the actor its state as it was just before activate.from.
type loaded struct{ state hub.StreamState }

// request is a message that somebody may wait for the answer to.
type request interface{ answer(a answer) }

// answer is what a request comes to: what it asked for, or an error.
type answer struct {
	head    hub.Head
	entries []*hub.Entry
	whole   bool
	marks   map[hub.Stream]uint64
	err     error
}

// asked is the part of a request that takes its answer.
type asked struct{ reply chan answer }

func newAsked() asked { return asked{make(chan answer, 1)} }

// answer gives the answer to the asker, who may no longer wait for it. It never
// blocks; only the first answer counts.
func (q asked) answer(a answer) {
	select {
	case q.reply <- a:
	default: // told rather than asked, or answered already
	}
}

// follow asks that the follower be given what the stream gets; answered by head.
type follow struct {
	asked
	follower hub.Follower
}

// unfollow ends that; nobody waits for an answer.
type unfollow struct {
	asked
	follower hub.Follower
}

// headOf asks for the head.
type headOf struct{ asked }

// tailOf asks for recent entries after a seq; answered by head, entries, whole.
type tailOf struct {
	asked
	after uint64
}

// pendingOf asks for the entries that may not be in the timeline yet.
type pendingOf struct{ asked }

// personOf asks for a person's marks on these streams, which are started where
// there are none. key names the record that this may take.
type personOf struct {
	asked
	heads []hub.Head
	key   string
}

// raise asks to move marks up; answered by the marks on the same streams.
type raise struct {
	asked
	marks map[hub.Stream]uint64
	key   string
}

// appendFailed tells the actor that the record it wanted is not in the journal.
type appendFailed struct {
	key string
	err error
}

// sweep is the regular tick: let go of what is no longer needed.
type sweep struct{ now time.Time }

// retained says that the timeline has let entries go.
type retained struct{ floor uint64 }
