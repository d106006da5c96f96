package gateway

import "bongsu/gateway/catchup"

// Protocol turns what a session is told into the bytes of one transport. Its
// methods are called with the session locked, by one goroutine at a time for
// one session: they only append to dst and return it, and never block. A
// Protocol without state may serve all sessions of a transport.
type Protocol interface {
	// Name is the transport's name in metrics.
	Name() string
	// AppendEntry appends a pushed entry; at is the session's cursor, this entry
	// included. It may append nothing to keep the entry from the client.
	AppendEntry(dst []byte, frame *Frame, at CursorText) []byte
	// AppendEvent appends an event named "unread" or "gap" with a JSON object.
	AppendEvent(dst []byte, name string, body []byte, at CursorText) []byte
	// TellsGaps reports whether AppendEvent tells the client of a gap. What it tells
	// of its cursor before does not include the gap then.
	TellsGaps() bool
	// AppendHeartbeat appends what keeps a quiet connection alive and, where the
	// transport has it, what makes the client answer.
	AppendHeartbeat(dst []byte) []byte
	// AppendClose appends the farewell; the connection is closed after it.
	AppendClose(dst []byte, why Close) []byte
}

// CursorText appends the session's cursor in its text form, "all=12,mall:1001=43".
type CursorText interface {
	AppendCursor(dst []byte) []byte
}

// Form is a way to write an entry that sessions share.
type Form = catchup.Form

// The shared forms, one for each protocol whose sessions all get the same bytes.
const (
	// FormSocket is a WebSocket text frame with an "entry" notification.
	FormSocket Form = iota
	// FormEvent is the data lines of a server-sent event.
	FormEvent
	// FormLegacy is the body that the older servers' pages read, without whose it is.
	FormLegacy
	// FormText is the text that the proof of concept's pages show.
	FormText
	// FormAlarm is the sentence of the older order alarm.
	FormAlarm
)

// Frame is an entry on its way to sessions, with the bytes it is written as.
type Frame = catchup.Frame
