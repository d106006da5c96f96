package client

import (
	"encoding/json"
	"time"

	"bongsu/internal/hub"
)

// Handler hears what the hub pushes. Its methods are called one at a time, in
// the order of arrival, by the goroutine that runs the Client; while one blocks
// nothing is read, and the hub will at last close the connection as slow. They may
// use the Client, except that Call and what is built on it would wait forever.
type Handler interface {
	// Entry gives one entry: raw is the JSON object as pushed. It is valid only
	// during the call and must not be changed.
	Entry(stream hub.Stream, seq uint64, raw []byte)
	// Unread gives the person's unread counts as they now are.
	Unread(unread Unread)
	// Gap says that entries will not be pushed.
	Gap(gap Gap)
	// State says that the client has connected or has lost its connection.
	State(state State)
}

// Session is what the hub answers to a connect.
type Session struct {
	// ID names the session, Node the hub's node that holds it.
	ID   string `json:"session"`
	Node string `json:"node"`
	// Nodes are where the nodes of the hub can be reached, as http or https
	// addresses, that of Node first; empty where the hub does not tell.
	Nodes []string `json:"nodes,omitempty"`
	// HeartbeatMs is how often, in milliseconds, the hub sends something.
	HeartbeatMs int64 `json:"heartbeatMs"`
	// Me is who the token says the person is.
	Me Me `json:"me"`
	// Streams are where the person's streams stand.
	Streams []StreamState `json:"streams"`
	// Unread are the counts at that moment, without the per-stream part.
	Unread Unread `json:"unread"`
}

// Me is a person as its token describes it.
type Me struct {
	Admin    string   `json:"admin"`
	Name     string   `json:"name"`
	Malls    []string `json:"malls"`
	Partners []string `json:"partners"`
}

// StreamState is where a stream and the person's mark in it stand.
type StreamState struct {
	Stream hub.Stream `json:"stream"`
	Head   uint64     `json:"head"`
	Read   uint64     `json:"read"`
	Unread uint64     `json:"unread"`
}

// Unread are a person's unread counts: absolute, and newer with a higher Version.
type Unread struct {
	Total   uint64 `json:"total"`
	Version uint64 `json:"version"`
	// Streams names only streams that have unread entries.
	Streams map[hub.Stream]uint64 `json:"streams,omitempty"`
}

// Gap says that the entries From … To of a stream will not be pushed. The
// cursor then stands at To.
type Gap struct {
	Stream hub.Stream `json:"stream"`
	From   uint64     `json:"from"`
	To     uint64     `json:"to"`
	// Reason is "behind" (fetch them with List) or "reset" (the cursor was
	// beyond the stream's head).
	Reason string `json:"reason"`
}

// State is a change of the connection.
type State struct {
	// Connected says whether there is a connection now.
	Connected bool
	// Session is the new one; nil when not connected, and over SSE what the
	// "connect" event said.
	Session *Session
	// Err is why there is no connection.
	Err error
	// Retry is the pause before the next try; 0 when there will be none.
	Retry time.Duration
}

// ListQuery asks for a page of the timeline, as GET /api/v1/timeline does.
type ListQuery struct {
	// Stream and Type keep only entries of these streams, of these types; several
	// are separated by commas.
	Stream string `json:"stream,omitempty"`
	Type   string `json:"type,omitempty"`
	// Unread keeps only what has not been read.
	Unread bool `json:"unread,omitempty"`
	// Before and After are places that a Page gave.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Limit is 1 to 200; 0 means 50.
	Limit int `json:"limit,omitempty"`
}

// Page is a page of the timeline, newest first.
type Page struct {
	Entries []Entry `json:"entries"`
	// Next goes into ListQuery.Before for the next page; empty on the last.
	Next string `json:"next"`
}

// Entry is an entry in full, as it is pushed and listed.
type Entry struct {
	Stream    hub.Stream      `json:"stream"`
	Seq       uint64          `json:"seq"`
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	Type      string          `json:"type,omitempty"`
	Title     string          `json:"title,omitempty"`
	Body      string          `json:"body,omitempty"`
	Link      string          `json:"link,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Sound     string          `json:"sound,omitempty"`
	Priority  string          `json:"priority,omitempty"`
	At        string          `json:"at,omitempty"`
	ExpiresAt string          `json:"expiresAt,omitempty"`
	// Read is set in pages only.
	Read bool `json:"read,omitempty"`
}
