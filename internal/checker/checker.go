package checker

import (
	"fmt"
	"slices"
)

// Check returns every violation in the run, ordered by kind, person, stream and
// seq. It returns nil for a run that kept every promise:
//
//   - every acknowledged event is in each target stream exactly once, an
//     unacknowledged one at most once, and nothing else is;
//   - a stream's numbers are 1, 2, 3, … and mean the same entry to everybody;
//   - each person received everything after their start, once and in order, or
//     was told of the gap;
//   - events of one source stand in their stream in the order of the source;
//   - an unread count is the number of unread entries listed.
func Check(run Run) []Violation {
	c := &check{run: run, events: map[string]*Event{}, known: map[string]*stream{}}
	for i := range run.Published {
		c.events[run.Published[i].ID] = &run.Published[i]
	}
	for name, listed := range run.Timelines {
		c.timeline(name, listed)
	}
	walks := make([]map[string]*walk, len(run.People))
	for i := range run.People {
		walks[i] = c.person(&run.People[i])
	}
	// Only now is everything known that anybody was given.
	for i := range run.People {
		c.losses(&run.People[i], walks[i])
		c.unread(&run.People[i])
	}
	c.timelineLosses()
	c.entries()
	c.acknowledged()
	slices.SortFunc(c.found, compareViolations)
	return c.found
}

type check struct {
	run    Run
	events map[string]*Event
	known  map[string]*stream
	found  []Violation
}

// stream is what all observers together know of one stream.
type stream struct {
	ids  map[uint64]string
	seqs map[string]uint64
	// listed holds the seqs of its timeline, nil when that was not read.
	listed map[uint64]bool
	// head is the highest seq that anybody was told of.
	head uint64
}

func (c *check) stream(name string) *stream {
	s := c.known[name]
	if s == nil {
		s = &stream{ids: map[uint64]string{}, seqs: map[string]uint64{}}
		c.known[name] = s
	}
	return s
}

func (c *check) report(kind Kind, person, stream string, seq uint64, id, format string, args ...any) {
	c.found = append(c.found, Violation{
		Kind: kind, Person: person, Stream: stream, Seq: seq, ID: id, Detail: fmt.Sprintf(format, args...),
	})
}

// learn records that an observer saw id at seq, and reports where that
// contradicts what another saw.
func (c *check) learn(person, name string, seq uint64, id string) {
	s := c.stream(name)
	if other, seen := s.ids[seq]; seen && other != id {
		c.report(Mismatch, person, name, seq, id, "elsewhere this seq is %q", other)
		return
	}
	if other, seen := s.seqs[id]; seen && other != seq {
		c.report(Duplicate, person, name, seq, id, "the same id is also seq %d", other)
		return
	}
	s.ids[seq], s.seqs[id] = id, seq
	s.head = max(s.head, seq)
}

// timeline takes in one stream's timeline and judges its own order and numbers.
func (c *check) timeline(name string, listed []Listed) {
	s := c.stream(name)
	s.listed = make(map[uint64]bool, len(listed))
	next := uint64(1)
	for _, entry := range slices.Backward(listed) {
		switch {
		case entry.Stream != name:
			c.report(Invented, "", name, entry.Seq, entry.ID, "an entry of %s", entry.Stream)
			continue
		case s.listed[entry.Seq]:
			c.report(Duplicate, "", name, entry.Seq, entry.ID, "listed twice")
			continue
		case entry.Seq > next:
			c.report(Misnumbered, "", name, entry.Seq, entry.ID, "want seq %d here", next)
		case entry.Seq < next:
			c.report(Reorder, "", name, entry.Seq, entry.ID, "listed after seq %d", next-1)
		}
		s.listed[entry.Seq] = true
		next = max(next, entry.Seq+1)
		c.learn("", name, entry.Seq, entry.ID)
	}
}

// timelineLosses reports what somebody was given and a timeline does not have.
func (c *check) timelineLosses() {
	for name, s := range c.known {
		if s.listed == nil {
			continue
		}
		for seq, id := range s.ids {
			if !s.listed[seq] {
				c.report(Loss, "", name, seq, id, "was pushed but is not in the timeline")
			}
		}
	}
}

// entries judges every known entry against what was published, and the order
// of entries against that of their sources.
func (c *check) entries() {
	for name, s := range c.known {
		seqs := make([]uint64, 0, len(s.ids))
		for seq := range s.ids {
			seqs = append(seqs, seq)
		}
		slices.Sort(seqs)
		last := map[string]*Event{}
		for _, seq := range seqs {
			id := s.ids[seq]
			event := c.events[id]
			if event == nil || !slices.Contains(event.Targets, name) {
				c.report(Invented, "", name, seq, id, "nobody published this to the stream")
				continue
			}
			if event.Source == "" {
				continue
			}
			if before := last[event.Source]; before != nil && before.Place > event.Place {
				c.report(Reorder, "", name, seq, id, "published before %q at %s, numbered after it", before.ID, event.Source)
				continue
			}
			last[event.Source] = event
		}
	}
}

// acknowledged reports acknowledged events that nobody ever saw.
func (c *check) acknowledged() {
	for id, event := range c.events {
		if !event.Acknowledged {
			continue
		}
		for _, target := range event.Targets {
			s := c.known[target]
			if s == nil {
				continue // nobody looked at this stream
			}
			if _, seen := s.seqs[id]; !seen && c.observed(target) {
				c.report(Loss, "", target, 0, id, "acknowledged and never seen")
			}
		}
	}
}

// observed reports whether the run would have shown every entry of the stream:
// its timeline was read, or somebody followed it from its beginning.
func (c *check) observed(name string) bool {
	if c.known[name].listed != nil {
		return true
	}
	for i := range c.run.People {
		for _, step := range c.run.People[i].Steps {
			if step.Kind == Joined && step.Stream == name {
				if step.Seq == 0 {
					return true
				}
				break
			}
		}
	}
	return false
}
