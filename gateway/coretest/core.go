// Package coretest holds a gateway.Core in memory for tests of what stands
// on one.
package coretest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// Core is a gateway.Core that keeps its streams in memory. Its calls never
// block. The zero value is ready to use, by many goroutines.
type Core struct {
	mu      sync.Mutex
	entries map[hub.Stream][]*hub.Entry
	floors  map[hub.Stream]uint64
	marks   map[string]map[hub.Stream]uint64
	err     error
	marked  int
	clock   int64

	forgetful hub.Stream // whose owner knows of this many entries only, if not 0
	known     uint64
}

var _ gateway.Core = (*Core)(nil)

// Add appends an entry of the type to the stream and returns it.
func (c *Core) Add(stream hub.Stream, typ string) *hub.Entry {
	return c.append(stream, func(seq uint64) hub.Record {
		id := fmt.Sprintf("%s-%d", stream, seq)
		return hub.Record{Kind: hub.Notification, ID: id, Type: typ, Payload: fmt.Appendf(nil,
			`{"id":%q,"kind":"notification","type":%q,"title":"t","at":"2026-11-20T10:30:00.000Z"}`, id, typ)}
	})
}

// AddRecord appends an entry of the record to its stream and returns it.
func (c *Core) AddRecord(r hub.Record) *hub.Entry {
	return c.append(r.Stream, func(uint64) hub.Record { return r })
}

func (c *Core) append(stream hub.Stream, record func(seq uint64) hub.Record) *hub.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[hub.Stream][]*hub.Entry{}
	}
	c.clock++
	seq := uint64(len(c.entries[stream])) + 1
	r := record(seq)
	entry := &hub.Entry{
		Stream: stream, Seq: seq, Time: c.clock, Kind: r.Kind, ID: r.ID, Type: r.Type, Payload: r.Payload,
	}
	c.entries[stream] = append(c.entries[stream], entry)
	return entry
}

// Retain moves the stream's floor up.
func (c *Core) Retain(stream hub.Stream, floor uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.floors == nil {
		c.floors = map[hub.Stream]uint64{}
	}
	c.floors[stream] = floor
}

// Forget has the stream's owner know of so many entries only, and not be sure, until
// it is called with 0.
func (c *Core) Forget(stream hub.Stream, known uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetful, c.known = stream, known
}

// Fail makes every call fail with err, or work again with nil.
func (c *Core) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// Marked returns how often marks were journaled by Mark.
func (c *Core) Marked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marked
}

// Follow returns the head.
func (c *Core) Follow(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	heads, err := c.Heads(ctx, []hub.Stream{stream})
	if err != nil {
		return hub.Head{}, err
	}
	return heads[0], nil
}

// Unfollow does nothing.
func (c *Core) Unfollow(hub.Stream) {}

// Heads implements gateway.Core.
func (c *Core) Heads(_ context.Context, streams []hub.Stream) ([]hub.Head, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	heads := make([]hub.Head, len(streams))
	for i, s := range streams {
		heads[i] = hub.Head{Stream: s, Seq: uint64(len(c.entries[s])), Floor: c.floors[s]}
		if s == c.forgetful && c.known > 0 {
			heads[i].Seq, heads[i].Unsure = c.known, true
		}
	}
	return heads, c.err
}

// Range implements gateway.Core.
func (c *Core) Range(_ context.Context, stream hub.Stream, after uint64, limit int) ([]*hub.Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*hub.Entry
	for _, e := range c.entries[stream] {
		if e.Seq > max(after, c.floors[stream]) {
			out = append(out, e)
		}
	}
	return out[:hub.Fitting(out, limit, hub.MaxRangeBytes)], c.err
}

// List implements gateway.Core by the meaning of a query.
func (c *Core) List(_ context.Context, query hub.Query) ([]*hub.Entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*hub.Entry
	for _, entries := range c.entries {
		for _, e := range entries {
			if query.Holds(e) {
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b *hub.Entry) int { return b.Place().Compare(a.Place()) })
	return out[:min(len(out), query.Limit)], c.err
}

// Person implements gateway.Core.
func (c *Core) Person(_ context.Context, admin string, heads []hub.Head) (map[hub.Stream]uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	marks := c.person(admin)
	out := map[hub.Stream]uint64{}
	for _, head := range heads {
		if _, known := marks[head.Stream]; !known {
			marks[head.Stream] = head.Seq
			if head.Stream == hub.AdminStream(admin) {
				marks[head.Stream] = 0
			}
		}
		out[head.Stream] = marks[head.Stream]
	}
	return out, c.err
}

// Mark implements gateway.Core.
func (c *Core) Mark(_ context.Context, admin string, grown map[hub.Stream]uint64) (map[hub.Stream]uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	c.marked++
	marks := c.person(admin)
	out := maps.Clone(grown)
	for stream, seq := range grown {
		marks[stream] = max(marks[stream], seq)
		out[stream] = marks[stream]
	}
	return out, nil
}

func (c *Core) person(admin string) map[hub.Stream]uint64 {
	if c.marks == nil {
		c.marks = map[string]map[hub.Stream]uint64{}
	}
	if c.marks[admin] == nil {
		c.marks[admin] = map[hub.Stream]uint64{}
	}
	return c.marks[admin]
}
