package stomp

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// Places remembers how far the STOMP sessions of persons have come, so that the
// next one of a person can go on there. Its methods but Resume do not block; all
// are safe for use by several goroutines at once. The places package has one that
// all nodes of a cluster share.
type Places interface {
	// Open notes that a session of the person has begun, in the stead of the one whose
	// place Resume has used up for it.
	Open(admin string, session Place)
	// End notes that it has ended, where the cursor says.
	End(admin string, session Place, cursor hub.Cursor)
	// Resume returns from where a new session of the person has to go on: for each
	// stream the lowest place of the sessions that have ended shortly before, and of
	// those that are open, for they may be dead without anybody having noticed. It is
	// empty if there are none. One of these places is used up for the session, which is
	// about to open; giveBack, never nil, is called if it does not come about. It may
	// block until ctx ends.
	Resume(ctx context.Context, admin string, session Place) (at hub.Cursor, giveBack func())
}

// Place tells where an open session stands. Its methods may be called by any
// goroutine at any time, and do not block. Places does not hold a lock of its own
// while it calls them.
type Place interface {
	// AppendCursor appends how far the session's client has surely got, or, where it
	// cannot be asked, how far it has been written to, in a cursor's text form.
	gateway.CursorText
	// Moves grows with each change of the place.
	Moves() uint64
	// Ask asks the client whether it has got what it was written, if there is a need.
	Ask()
	// Life returns what is known of its client.
	Life() Life
}

// Life is what a session knows of whether its client is alive.
type Life struct {
	// Answers is how often the client has answered what it was asked.
	Answers uint64
	// Owes is since when it owes an answer, the zero time if it owes none.
	Owes time.Time
	// Late says that the answer is so late that the connection is likely to be dead.
	Late bool
	// Heard is when anything was heard of the client.
	Heard time.Time
}

// nowhere is a Places that remembers nothing.
type nowhere struct{}

func (nowhere) Open(string, Place)            {}
func (nowhere) End(string, Place, hub.Cursor) {}

func (nowhere) Resume(context.Context, string, Place) (hub.Cursor, func()) { return nil, func() {} }

// seen is how far a session has been given a stream.
type seen struct {
	stream hub.Stream
	seq    uint64
}

// track is a cursor in little memory, in the order of its streams.
type track []seen

// trackOf returns a cursor as a track.
func trackOf(cursor hub.Cursor) track {
	t := make(track, 0, len(cursor))
	for stream, seq := range cursor {
		t = append(t, seen{stream, seq})
	}
	slices.SortFunc(t, func(a, b seen) int { return strings.Compare(string(a.stream), string(b.stream)) })
	return t
}

// cursor returns the track as a cursor.
func (t track) cursor() hub.Cursor {
	cursor := make(hub.Cursor, len(t))
	for _, one := range t {
		cursor[one.stream] = one.seq
	}
	return cursor
}

// find returns where in the track a stream is, or would be.
func (t track) find(stream hub.Stream) (i int, found bool) {
	return slices.BinarySearchFunc(t, stream, func(one seen, stream hub.Stream) int {
		return strings.Compare(string(one.stream), string(stream))
	})
}

// at returns the place in a stream, nil if the track does not name it.
func (t track) at(stream hub.Stream) *uint64 {
	i, found := t.find(stream)
	if !found {
		return nil
	}
	return &t[i].seq
}

// seq returns the place in a stream, 0 if the track does not name it.
func (t track) seq(stream hub.Stream) uint64 {
	if place := t.at(stream); place != nil {
		return *place
	}
	return 0
}

func (t track) append(dst []byte) []byte {
	for i, one := range t {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, one.stream...)
		dst = append(dst, '=')
		dst = strconv.AppendUint(dst, one.seq, 10)
	}
	return dst
}
