package simulate

import (
	"slices"
	"time"

	"bongsu/internal/hub"
)

// reference is what a stream must look like: the journal replayed from its
// beginning, in the plainest way.
type reference struct{ entries []expected }

type expected struct {
	id     string
	offset int64
	at     time.Duration // when it was appended
}

func (r *reference) head() uint64 { return uint64(len(r.entries)) }

func (r *reference) at(seq uint64) (expected, bool) {
	if seq == 0 || seq > r.head() {
		return expected{}, false
	}
	return r.entries[seq-1], true
}

// take counts a record of the stream, unless its id is among the last entries.
func (r *reference) take(record hub.Record, at time.Duration) (isEntry bool) {
	recent := r.entries[max(0, len(r.entries)-hub.DuplicateWindow):]
	if slices.ContainsFunc(recent, func(e expected) bool { return e.id == record.ID }) {
		return false
	}
	r.entries = append(r.entries, expected{record.ID, record.Offset, at})
	return true
}

// checker compares what happens with what must.
type checker struct {
	streams map[hub.Stream]*reference
	// entries says of each record of a shard whether it is an entry.
	entries [][]bool
	stored  []int64 // of each shard: below it the timeline was seen to have all
	acked   map[string]hub.Stream
}

func newChecker(shards int) *checker {
	return &checker{
		streams: map[hub.Stream]*reference{}, entries: make([][]bool, shards),
		stored: make([]int64, shards), acked: map[string]hub.Stream{},
	}
}

func (c *cluster) reference(stream hub.Stream) *reference {
	r := c.check.streams[stream]
	if r == nil {
		r = &reference{}
		c.check.streams[stream] = r
	}
	return r
}

// appended notes a record that is in the journal now.
func (c *cluster) appended(record hub.Record) {
	shard := record.Stream.Shard(int32(len(c.journal.logs)))
	isEntry := c.reference(record.Stream).take(record, c.world.now)
	c.check.entries[shard] = append(c.check.entries[shard], isEntry)
}

// checkEntries compares entries that a node is given with the journal.
func (c *cluster) checkEntries(n *node, entries []*hub.Entry) {
	for _, e := range entries {
		if want, ok := c.reference(e.Stream).at(e.Seq); !ok || want.id != e.ID || want.offset != e.Offset {
			c.world.violate("%s: %s seq %d is %q of offset %d, the journal says %q of %d",
				n.name, e.Stream, e.Seq, e.ID, e.Offset, want.id, want.offset)
			return
		}
	}
}

// checkCommit says that everything below a committed offset is in the timeline.
func (c *cluster) checkCommit(shard int32, next int64) {
	if end := c.journal.end(shard); next > end {
		c.world.violate("offset %d of shard %d is committed, and the journal ends at %d", next, shard, end)
		return
	}
	for offset := c.check.stored[shard]; offset < next; offset++ {
		if c.check.entries[shard][offset] && !c.timeline.offsets[shard][offset] {
			c.world.violate("offset %d of shard %d is committed, and the timeline does not have %q at %d",
				next, shard, c.journal.logs[shard][offset].ID, offset)
			return
		}
		c.check.stored[shard] = offset + 1
	}
}

// checkOverlap counts moments at which two nodes answer for one shard.
func (c *cluster) checkOverlap() {
	if c.overlapped {
		return
	}
	for shard := range c.journal.logs {
		answering := 0
		for _, n := range c.nodes {
			if n != nil && n.host.shards[shard].answers() {
				answering++
			}
		}
		if answering > 1 {
			c.overlapped = true
			c.world.seen.Overlaps++
			return
		}
	}
}

// settled reports whether everything has come to where it must be.
func (c *cluster) settled() bool { return c.unsettled(func(string, ...any) {}) }

// unsettled reports whether everything is as it must be once nothing goes wrong
// any more; otherwise it says what is not.
func (c *cluster) unsettled(report func(string, ...any)) (fine bool) {
	fine = true
	wrong := func(format string, args ...any) {
		fine = false
		report(format, args...)
	}
	for shard := range c.journal.logs {
		if at, end := c.group.committed[shard], c.journal.end(int32(shard)); at != end {
			wrong("shard %d is committed up to %d, and ends at %d", shard, at, end)
		}
		if n := c.ownerOf(int32(shard)); n == nil || !n.host.shards[shard].answers() {
			wrong("nobody answers for shard %d", shard)
		}
	}
	for _, stream := range sortedKeys(c.check.streams) {
		want := c.check.streams[stream]
		var rows []*hub.Entry
		if column := c.timeline.streams[stream]; column != nil {
			rows = column.rows
		}
		if len(rows) != len(want.entries) {
			wrong("the timeline has %d entries of %s, the journal %d", len(rows), stream, len(want.entries))
			continue
		}
		for i, row := range rows {
			if row == nil || row.ID != want.entries[i].id {
				wrong("the timeline's seq %d of %s is not %q", i+1, stream, want.entries[i].id)
				break
			}
		}
	}
	for _, cl := range c.clients {
		for _, stream := range cl.streams {
			if at, known := cl.cursor[stream]; !known || at != c.reference(stream).head() {
				wrong("%s has seen %s up to %d (known %v), which stands at %d", cl.name, stream, at, known, c.reference(stream).head())
			}
		}
	}
	for _, id := range sortedKeys(c.check.acked) {
		stream := c.check.acked[id]
		if !slices.ContainsFunc(c.reference(stream).entries, func(e expected) bool { return e.id == id }) {
			wrong("%q was acknowledged and is not in %s", id, stream)
		}
	}
	return fine
}
