package replay

import "slices"

// window is among how many previous entries of a stream a repeated id is a
// duplicate.
const window = 512

// Count numbers the entries of streams. The zero value has none.
type Count struct {
	streams map[string]*stream
	// duplicates is how many records were dropped as repeats.
	duplicates int
}

// stream holds its entries' ids in the order of their numbers, from 1.
type stream struct {
	ids    []string
	recent map[string]int // id to how often it is among the last entries
}

// add counts a record of the stream. Read marks take no number.
func (c *Count) add(name string, r record) {
	if r.kind != kindNotification {
		return
	}
	s := c.streams[name]
	if s == nil {
		s = &stream{recent: map[string]int{}}
		if c.streams == nil {
			c.streams = map[string]*stream{}
		}
		c.streams[name] = s
	}
	if s.recent[r.id] > 0 {
		c.duplicates++
		return
	}
	s.recent[r.id]++
	s.ids = append(s.ids, r.id)
	if n := len(s.ids); n > window {
		old := s.ids[n-1-window]
		if s.recent[old]--; s.recent[old] == 0 {
			delete(s.recent, old)
		}
	}
}

// IDs returns the ids of a stream's entries in the order of their numbers, which
// count from 1. The caller must not change it.
func (c *Count) IDs(stream string) []string {
	if s := c.streams[stream]; s != nil {
		return s.ids
	}
	return nil
}

// Streams returns the names of all streams that have entries, sorted.
func (c *Count) Streams() []string {
	names := make([]string, 0, len(c.streams))
	for name := range c.streams {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Entries returns how many entries there are in all streams.
func (c *Count) Entries() int {
	n := 0
	for _, s := range c.streams {
		n += len(s.ids)
	}
	return n
}

// Duplicates returns how many records were repeats and took no number.
func (c *Count) Duplicates() int { return c.duplicates }
