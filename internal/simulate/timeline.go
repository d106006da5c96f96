package simulate

import (
	"bytes"
	"errors"
	"time"

	"bongsu/internal/hub"
)

// timeline is a model of ClickHouse: rows that replace rows of the same stream
// and seq, and writes that may land long after their writer has given them up,
// or died. Two different rows for one seq are the violation that it cannot
// prevent itself.
type timeline struct {
	world   *world
	network *network
	streams map[hub.Stream]*column
	offsets []map[int64]bool // of each shard: offsets of which there is an entry
	away    bool
	// late is the chance of a write to land only after its writer's patience.
	late float64
	slow time.Duration
}

// column holds the rows of one stream: rows[i] has seq i+1, and may be missing.
type column struct{ rows []*hub.Entry }

const writePatience = 3 * time.Second

var errTimelineAway = errors.New("the timeline is away")

func newTimeline(w *world, n *network) *timeline {
	return &timeline{world: w, network: n, streams: map[hub.Stream]*column{}}
}

// begin makes room for so many shards.
func (t *timeline) begin(shards int) {
	t.offsets = make([]map[int64]bool, shards)
	for i := range t.offsets {
		t.offsets[i] = map[int64]bool{}
	}
}

// write stores entries for a process and tells it what came of it.
func (t *timeline) write(p *process, entries []*hub.Entry, done func(error)) {
	over := false
	end := func(err error) {
		if !over {
			over = true
			done(err)
		}
	}
	if !t.network.connected(p.node, placeTimeline) {
		p.after(t.world.between(time.Millisecond, writePatience), "write failed", func() { end(errTimelineAway) })
		return
	}
	p.after(writePatience, "write timed out", func() { end(errTimelineAway) })
	delay := t.world.between(t.slow/10, t.slow)
	if t.world.chance(t.late) {
		t.world.seen.LateWrites++
		delay = t.world.between(writePatience, 4*writePatience)
	}
	t.world.after(delay, func() {
		if t.away {
			// Some blocks of an insert may have been taken before the server went.
			t.store(p, entries[:t.world.rng.IntN(len(entries)+1)])
			p.after(t.slow/10, "write failed", func() { end(errTimelineAway) })
			return
		}
		t.store(p, entries)
		if t.network.connected(p.node, placeTimeline) {
			p.after(t.world.between(t.slow/10, t.slow), "write stored", func() { end(nil) })
		}
	})
}

func (t *timeline) store(p *process, entries []*hub.Entry) {
	if p.dead && len(entries) > 0 {
		t.world.seen.WritesOfTheDead++
	}
	for _, e := range entries {
		t.put(p.name, e)
	}
}

func (t *timeline) put(writer string, e *hub.Entry) {
	c := t.streams[e.Stream]
	if c == nil {
		c = &column{}
		t.streams[e.Stream] = c
	}
	if e.Seq == 0 {
		t.world.violate("%s wrote an entry of %s without a seq", writer, e.Stream)
		return
	}
	for uint64(len(c.rows)) < e.Seq {
		c.rows = append(c.rows, nil)
	}
	have := c.rows[e.Seq-1]
	switch {
	case have == nil:
		t.offsets[e.Stream.Shard(int32(len(t.offsets)))][e.Offset] = true
	case !same(have, e):
		t.world.violate("two rows of %s seq %d: %q at offset %d, and %s writes %q at offset %d",
			e.Stream, e.Seq, have.ID, have.Offset, writer, e.ID, e.Offset)
	default:
		t.world.seen.RowsWrittenAgain++
	}
	c.rows[e.Seq-1] = e
}

func same(a, b *hub.Entry) bool {
	return a.Stream == b.Stream && a.Seq == b.Seq && a.Offset == b.Offset && a.Time == b.Time &&
		a.Kind == b.Kind && a.ID == b.ID && a.Type == b.Type && bytes.Equal(a.Payload, b.Payload)
}

// load gives a process the state of a stream just before an offset.
func (t *timeline) load(p *process, request hub.LoadRequest, done func(hub.StreamState, error)) {
	ask(t, p, func() hub.StreamState { return t.state(request) }, done)
}

// read gives a process rows of a stream, see between.
func (t *timeline) read(p *process, stream hub.Stream, after, to uint64, limit int, done func([]*hub.Entry, error)) {
	ask(t, p, func() []*hub.Entry { return t.between(stream, after, to, limit) }, done)
}

// newest gives a process the newest rows of a stream.
func (t *timeline) newest(p *process, stream hub.Stream, limit int, done func([]*hub.Entry, error)) {
	ask(t, p, func() []*hub.Entry {
		to := uint64(0)
		if c := t.streams[stream]; c != nil {
			to = uint64(len(c.rows))
		}
		return t.between(stream, to-min(to, uint64(limit)), to, limit)
	}, done)
}

// ask is a question to the timeline: it is answered with the rows as they are at
// one moment, and the answer may be old when it arrives.
func ask[T any](t *timeline, p *process, answer func() T, done func(T, error)) {
	var none T
	if !t.network.connected(p.node, placeTimeline) {
		p.after(t.world.between(time.Millisecond, writePatience), "timeline not reached", func() { done(none, errTimelineAway) })
		return
	}
	t.world.after(t.world.between(t.slow/10, t.slow), func() {
		found, err := none, errTimelineAway
		if !t.away {
			found, err = answer(), nil
		}
		p.after(t.world.between(t.slow/10, t.slow), "timeline answered", func() { done(found, err) })
	})
}

func (t *timeline) state(request hub.LoadRequest) hub.StreamState {
	state := hub.StreamState{Head: hub.Head{Stream: request.Stream}}
	c := t.streams[request.Stream]
	if c == nil {
		return state
	}
	n := len(c.rows)
	for n > 0 && (c.rows[n-1] == nil || c.rows[n-1].Offset >= request.Before) {
		n--
	}
	if n < len(c.rows) {
		t.world.seen.LoadsBehindRows++
	}
	if n == 0 {
		return state
	}
	state.Seq, state.Time = uint64(n), c.rows[n-1].Time
	for _, row := range c.rows[max(0, n-hub.DuplicateWindow):n] {
		if row != nil {
			state.IDs = append(state.IDs, row.ID)
		}
	}
	return state
}

// between returns the rows of a stream with after < seq <= to, at most limit.
func (t *timeline) between(stream hub.Stream, after, to uint64, limit int) []*hub.Entry {
	c := t.streams[stream]
	if c == nil {
		return nil
	}
	var entries []*hub.Entry
	for seq := after + 1; seq <= min(to, uint64(len(c.rows))) && len(entries) < limit; seq++ {
		if row := c.rows[seq-1]; row != nil {
			entries = append(entries, row)
		}
	}
	return entries
}
