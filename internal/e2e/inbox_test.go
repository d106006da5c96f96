//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"
)

// push is one thing that a server said unasked, over whichever transport.
type push struct {
	// name is "entry", "unread", "gap", "connect" or "heartbeat".
	name string
	// cursor is SSE's id, "" on other transports.
	cursor string
	body   json.RawMessage
}

// entry is an entry as pushed or listed.
type entry struct {
	Stream    string          `json:"stream"`
	Seq       uint64          `json:"seq"`
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Body      string          `json:"body"`
	Link      string          `json:"link"`
	Data      json.RawMessage `json:"data"`
	Sound     string          `json:"sound"`
	Priority  string          `json:"priority"`
	At        string          `json:"at"`
	ExpiresAt string          `json:"expiresAt"`
	Read      *bool           `json:"read"`
}

// gap is an announced gap.
type gap struct {
	Stream string `json:"stream"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Reason string `json:"reason"`
}

// unread is an unread count.
type unread struct {
	Total   uint64            `json:"total"`
	Version uint64            `json:"version"`
	Streams map[string]uint64 `json:"streams"`
}

// standing is where a person stands in a stream, as connect says it.
type standing struct {
	Stream string `json:"stream"`
	Head   uint64 `json:"head"`
	Read   uint64 `json:"read"`
	Unread uint64 `json:"unread"`
}

// welcome is the answer to connect, over either transport.
type welcome struct {
	Session     string     `json:"session"`
	Node        string     `json:"node"`
	HeartbeatMs int64      `json:"heartbeatMs"`
	Me          me         `json:"me"`
	Streams     []standing `json:"streams"`
	Unread      unread     `json:"unread"`
}

type me struct {
	Admin    string   `json:"admin"`
	Name     string   `json:"name"`
	Malls    []string `json:"malls"`
	Partners []string `json:"partners"`
	Scopes   []string `json:"scopes"`
}

// stream returns where the person stands in one stream.
func (w *welcome) stream(t *testing.T, name string) standing {
	t.Helper()
	for _, s := range w.Streams {
		if s.Stream == name {
			return s
		}
	}
	t.Fatalf("connect names no stream %s: %+v", name, w.Streams)
	return standing{}
}

// inbox keeps what one connection has been told, in order.
type inbox struct {
	mu      sync.Mutex
	pushes  []push
	changed chan struct{}
	// ended says why nothing more comes, done is closed then.
	ended error
	done  chan struct{}
}

func newInbox() *inbox {
	return &inbox{changed: make(chan struct{}), done: make(chan struct{})}
}

func (b *inbox) add(p push) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pushes = append(b.pushes, p)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *inbox) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended == nil {
		b.ended = err
		close(b.done)
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

func (b *inbox) look() (pushes []push, changed chan struct{}, ended error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pushes, b.changed, b.ended
}

// await returns the first push, from the beginning of the connection, that
// match accepts; it waits for it.
func (b *inbox) await(t *testing.T, what string, match func(push) bool) push {
	t.Helper()
	return b.awaitFor(t, patience, what, match)
}

func (b *inbox) awaitFor(t *testing.T, within time.Duration, what string, match func(push) bool) push {
	t.Helper()
	deadline := time.After(within)
	for from := 0; ; {
		pushes, changed, ended := b.look()
		for ; from < len(pushes); from++ {
			if match(pushes[from]) {
				return pushes[from]
			}
		}
		if ended != nil {
			t.Fatalf("the connection ended (%v) before %s came; it got %s", ended, what, digest(pushes))
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s did not come within %s; it got %s", what, within, digest(pushes))
		}
	}
}

// awaitEntry waits for the entry with the id on the stream.
func (b *inbox) awaitEntry(t *testing.T, stream, id string) entry {
	t.Helper()
	var got entry
	b.await(t, fmt.Sprintf("entry %q of %s", id, stream), func(p push) bool {
		return p.name == "entry" && json.Unmarshal(p.body, &got) == nil && got.ID == id && got.Stream == stream
	})
	return got
}

// awaitUnread waits for unread counts that match.
func (b *inbox) awaitUnread(t *testing.T, what string, match func(unread) bool) unread {
	t.Helper()
	var got unread
	b.await(t, "unread counts: "+what, func(p push) bool {
		got = unread{}
		return p.name == "unread" && json.Unmarshal(p.body, &got) == nil && match(got)
	})
	return got
}

// awaitGap waits for the announcement of a gap in the stream.
func (b *inbox) awaitGap(t *testing.T, stream string) gap {
	t.Helper()
	var got gap
	b.await(t, "a gap in "+stream, func(p push) bool {
		return p.name == "gap" && json.Unmarshal(p.body, &got) == nil && got.Stream == stream
	})
	return got
}

// awaitEnd waits for the connection to end and returns why.
func (b *inbox) awaitEnd(t *testing.T, within time.Duration) error {
	t.Helper()
	deadline := time.After(within)
	for {
		pushes, changed, ended := b.look()
		if ended != nil {
			return ended
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the connection is still open after %s; it got %s", within, digest(pushes))
		}
	}
}

// entries returns the entries that have come on the stream so far, in order; on
// every stream when it is "".
func (b *inbox) entries(t *testing.T, stream string) []entry {
	t.Helper()
	pushes, _, _ := b.look()
	var out []entry
	for _, p := range pushes {
		if p.name != "entry" {
			continue
		}
		var e entry
		if err := json.Unmarshal(p.body, &e); err != nil {
			t.Fatalf("pushed entry: %v in %s", err, p.body)
		}
		if stream == "" || e.Stream == stream {
			out = append(out, e)
		}
	}
	return out
}

// awaitIDs waits until the stream's entries are exactly the ids, in order.
func (b *inbox) awaitIDs(t *testing.T, stream string, ids ...string) []entry {
	t.Helper()
	if len(ids) > 0 {
		b.awaitEntry(t, stream, ids[len(ids)-1])
	}
	got := b.entries(t, stream)
	if !sameIDs(got, ids) {
		t.Fatalf("entries of %s are %v, want %v", stream, idsOf(got), ids)
	}
	for i := 1; i < len(got); i++ {
		if got[i].Seq != got[i-1].Seq+1 {
			t.Fatalf("%s: seq %d follows %d", stream, got[i].Seq, got[i-1].Seq)
		}
	}
	return got
}

func sameIDs(entries []entry, ids []string) bool {
	if len(entries) != len(ids) {
		return false
	}
	for i, e := range entries {
		if e.ID != ids[i] {
			return false
		}
	}
	return true
}

func idsOf(entries []entry) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	return ids
}

// digest shows pushes in an error.
func digest(pushes []push) string {
	const most = 12
	text := fmt.Sprintf("%d pushes", len(pushes))
	for _, p := range pushes[max(0, len(pushes)-most):] {
		body := string(p.body)
		text += "\n  " + p.name + " " + body[:min(len(body), 200)]
	}
	return text
}
