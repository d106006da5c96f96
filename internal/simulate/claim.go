package simulate

import (
	"time"

	"bongsu/internal/hub"
)

// claim is a shard in a consumer's hands, across generations.
type claim struct {
	shard *shard
	next  int64

	owned   bool // it is being read
	claimed bool // its offsets are this member's to commit
	ended   bool
	// releasing says that the host is letting go of it.
	releasing bool
	waiting   []func() // called when nothing of it runs any more
}

// has reports whether the consumer was given the shard, as it knows.
func (c *consumer) has(shard int32) bool { return c.held[shard] != nil }

// consumes reports whether it reads the shard.
func (c *consumer) consumes(shard int32) bool {
	cl := c.held[shard]
	return cl != nil && cl.owned && !cl.releasing
}

// drop ends claims and waits for that, but not for ever.
func (c *consumer) drop(shards []int32, done func()) {
	c.step++ // nothing that is under way counts any more
	c.dropping = true
	left, late := len(shards), false
	next := func() {
		if !late {
			late, c.dropping = true, false
			done()
		}
	}
	for _, id := range shards {
		cl := c.held[id]
		delete(c.held, id)
		c.stuck[id] = cl
		cl.ended = true
		cl.waiting = append(cl.waiting, func() {
			cl.claimed = false
			if c.stuck[id] == cl {
				delete(c.stuck, id)
			}
			if left--; left == 0 {
				next()
			}
		})
		switch {
		case cl.releasing:
		case cl.owned:
			c.release(cl)
		default:
			c.process.after(0, "unclaimed", cl.isOver)
		}
	}
	if len(shards) == 0 {
		next()
		return
	}
	c.process.after(letGoWithin, "claims do not end", func() {
		for _, id := range shards {
			if cl := c.stuck[id]; cl != nil && !late {
				cl.claimed = false
			}
		}
		next()
	})
}

// release has the host let go of a claim.
func (c *consumer) release(cl *claim) {
	cl.releasing = true
	c.host.release(cl.shard, func() {
		cl.releasing, cl.owned = false, false
		if cl.ended {
			cl.isOver()
			return
		}
		cl.claimed = false
		c.process.after(againPause, "claim again", func() { c.begin(cl) })
	})
}

func (cl *claim) isOver() {
	waiting := cl.waiting
	cl.waiting = nil
	for _, f := range waiting {
		f()
	}
}

// take begins claims.
func (c *consumer) take(begun []int32) {
	for _, id := range begun {
		cl := &claim{shard: c.host.shards[id]}
		c.held[id] = cl
		if before := c.stuck[id]; before != nil {
			c.process.world.seen.ClaimsAwaited++
			before.waiting = append(before.waiting, func() { c.begin(cl) })
			continue
		}
		c.begin(cl)
	}
}

// begin asks where the shard begins and ends, and owns it.
func (c *consumer) begin(cl *claim) {
	if cl.ended || cl.owned {
		return
	}
	shard := cl.shard.id
	c.kafka("offsets", func() any {
		if c.group.journal.away || c.process.world.chance(c.group.slow) {
			return nil
		}
		return c.group.committed[shard]
	}, func(from any) {
		c.kafka("end", func() any {
			if c.group.journal.away {
				return nil
			}
			return c.group.journal.end(shard)
		}, func(end any) {
			if cl.ended || cl.owned {
				return
			}
			c.process.world.tracef("%s: owns shard %d from %d, end %d", c.process.name, shard, from, end)
			cl.owned, cl.claimed, cl.next = true, true, from.(int64)
			c.host.own(cl.shard, c.told, cl.next, end.(int64))
			c.fetch(cl)
		})
	})
	// Offsets that do not come are asked for again.
	c.process.after(time.Second, "offsets again", func() { c.begin(cl) })
}

// fetch reads on while the claim lasts.
func (c *consumer) fetch(cl *claim) {
	w := c.process.world
	shard, from, most := cl.shard.id, cl.next, 1+w.rng.IntN(16)
	answered := false
	c.kafka("fetched", func() any {
		if c.group.journal.away {
			return nil
		}
		return c.group.journal.read(shard, from, most)
	}, func(answer any) {
		if !answered {
			answered = true
			c.apply(cl, answer.([]hub.Record))
		}
	})
	c.process.after(time.Second, "fetch again", func() {
		if !answered && cl.reads() {
			answered = true
			c.fetch(cl)
		}
	})
}

func (cl *claim) reads() bool { return cl.owned && !cl.ended && !cl.releasing }

// apply gives records to the host, once there is room for them.
func (c *consumer) apply(cl *claim, records []hub.Record) {
	w := c.process.world
	switch {
	case !cl.reads():
		return
	case c.host.unflushed > 0 && c.host.unflushed+len(records) > c.host.most:
		w.seen.ConsumptionHeldBack++
		c.host.heldBack = w.now
		c.process.after(w.between(5*time.Millisecond, 20*time.Millisecond), "await room", func() { c.apply(cl, records) })
		return
	}
	pause := w.between(0, 2*time.Millisecond)
	if len(records) > 0 {
		if c.group.members[c.id] == nil {
			w.seen.ZombieRecords += len(records)
		}
		cl.next = records[len(records)-1].Offset + 1
	} else {
		pause = w.between(5*time.Millisecond, 40*time.Millisecond)
	}
	// Of no records the host hears nothing.
	if len(records) > 0 && !c.host.apply(cl.shard, records, cl.next) {
		w.seen.ClaimsFailed++
		c.release(cl)
		return
	}
	c.process.after(pause, "fetch", func() {
		if cl.reads() {
			c.fetch(cl)
		}
	})
}
