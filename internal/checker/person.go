package checker

import (
	"cmp"
	"slices"
)

// walk is one person's way through one stream.
type walk struct {
	// start is the head at which the person began, last the place reached.
	start, last uint64
	received    map[uint64]bool
	gaps        []span
}

type span struct{ from, to uint64 }

// missing returns the spans of (start, head] that were neither received nor
// announced as missed, in order.
func (w *walk) missing(head uint64) []span {
	covered := slices.Clone(w.gaps)
	for seq := range w.received {
		covered = append(covered, span{seq, seq})
	}
	slices.SortFunc(covered, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var missing []span
	next := w.start + 1
	for _, have := range covered {
		if have.from > next {
			missing = append(missing, span{next, min(have.from-1, head)})
		}
		next = max(next, have.to+1)
	}
	if next <= head {
		missing = append(missing, span{next, head})
	}
	return missing
}

// person follows one person's steps, judges their order and returns how far
// each stream was walked.
func (c *check) person(p *Person) map[string]*walk {
	walks := map[string]*walk{}
	for i := range p.Steps {
		step := &p.Steps[i]
		w := walks[step.Stream]
		if w == nil {
			w = &walk{received: map[uint64]bool{}}
			walks[step.Stream] = w
			if step.Kind == Joined {
				c.stream(step.Stream).head = max(c.stream(step.Stream).head, step.Seq)
				w.start, w.last = step.Seq, step.Seq
				continue
			}
			c.report(Invented, p.Name, step.Stream, step.Seq, step.ID, "pushed from a stream that the session never named")
		}
		switch step.Kind {
		case Joined:
			c.rejoined(p, w, step)
		case Received:
			c.received(p, w, step)
		case Announced:
			c.announced(p, w, step)
		}
	}
	return walks
}

// rejoined judges a later session's statement of a head: never behind what the
// person already has.
func (c *check) rejoined(p *Person, w *walk, step *Step) {
	if step.Seq < w.last {
		c.report(Regress, p.Name, step.Stream, step.Seq, "", "the head went back from %d", w.last)
	}
	s := c.stream(step.Stream)
	s.head = max(s.head, step.Seq)
}

func (c *check) received(p *Person, w *walk, step *Step) {
	switch {
	case w.received[step.Seq]:
		c.report(Duplicate, p.Name, step.Stream, step.Seq, step.ID, "received twice")
	case step.Seq <= w.start:
		c.report(Reorder, p.Name, step.Stream, step.Seq, step.ID, "older than the start at %d", w.start)
	case step.Seq <= w.last:
		c.report(Reorder, p.Name, step.Stream, step.Seq, step.ID, "received after seq %d", w.last)
	case step.Seq > w.last+1:
		c.report(SilentGap, p.Name, step.Stream, step.Seq, step.ID, "follows seq %d", w.last)
	}
	c.learn(p.Name, step.Stream, step.Seq, step.ID)
	w.received[step.Seq] = true
	w.last = max(w.last, step.Seq)
}

func (c *check) announced(p *Person, w *walk, step *Step) {
	if !c.run.GapsAllowed {
		c.report(Gap, p.Name, step.Stream, step.From, "", "%d to %d announced as missed", step.From, step.To)
	} else if step.From != w.last+1 || step.To < step.From {
		c.report(Gap, p.Name, step.Stream, step.From, "", "%d to %d announced after seq %d", step.From, step.To, w.last)
	}
	w.gaps = append(w.gaps, span{step.From, step.To})
	w.last = max(w.last, step.To)
}

// losses reports what exists after the person's start and never came, one
// violation for each stretch of it.
func (c *check) losses(p *Person, walks map[string]*walk) {
	for name, w := range walks {
		s := c.stream(name)
		for _, lost := range w.missing(s.head) {
			c.report(Loss, p.Name, name, lost.from, s.ids[lost.from], "never received, up to seq %d", lost.to)
		}
	}
}

// unread compares the person's count with the list that was read beside it.
func (c *check) unread(p *Person) {
	if p.Unread == nil {
		return
	}
	counts := map[string]uint64{}
	for _, entry := range p.UnreadList {
		if entry.Read {
			c.report(Miscount, p.Name, entry.Stream, entry.Seq, entry.ID, "a read entry in the unread list")
			continue
		}
		counts[entry.Stream]++
	}
	var total uint64
	for name, count := range p.Unread.Streams {
		total += count
		if counts[name] != count {
			c.report(Miscount, p.Name, name, 0, "", "count %d, list %d", count, counts[name])
		}
	}
	for name, count := range counts {
		if _, counted := p.Unread.Streams[name]; !counted {
			c.report(Miscount, p.Name, name, 0, "", "not counted, list %d", count)
		}
	}
	if total != p.Unread.Total {
		c.report(Miscount, p.Name, "", 0, "", "total %d, its streams add up to %d", p.Unread.Total, total)
	}
}
