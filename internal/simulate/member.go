package simulate

import (
	"slices"
	"time"

	"bongsu/internal/hub"
)

// consumer is a process as a member of the journal's group: it joins, keeps its
// session alive, reads what it was given, and lets go when it hears that it must.
// What it does between its heartbeats it does on what it last heard.
type consumer struct {
	process *process
	network *network
	group   *group
	host    *host
	node    string

	memberID string
	session  *membership
	joining  int // counts tries, so that an answer to an old one is known
	leaving  bool
}

// membership is a place in the group in one generation.
type membership struct {
	id         string
	generation int32
	ended      bool
	heard      time.Duration
	claims     []*claim
	open       int // claims that have not been released
}

type claim struct {
	session *membership
	shard   *shard
	next    int64
	owned   bool
}

const (
	heartbeatEvery = 300 * time.Millisecond
	joinPatience   = 7 * time.Second
)

// kafka makes a request of the coordinator and brings the answer back.
func (c *consumer) kafka(what string, ask func() any, done func(answer any)) {
	n := c.network
	if !n.connected(c.process.node, placeKafka) {
		return
	}
	c.process.world.after(n.delay(), func() {
		answer := ask()
		if answer == nil || !n.connected(c.process.node, placeKafka) {
			return
		}
		c.process.after(n.delay(), what, func() { done(answer) })
	})
}

// joined is the coordinator's answer to a join.
type joined struct {
	generation int32
	id         string
	shards     []int32
}

// has reports whether the newest generation has given it the shard, as it knows.
func (c *consumer) has(shard int32) bool {
	s := c.session
	return s != nil && s.generation == c.group.generation &&
		slices.ContainsFunc(s.claims, func(cl *claim) bool { return cl.shard.id == shard })
}

// consumes reports whether it reads the shard.
func (c *consumer) consumes(shard int32) bool {
	s := c.session
	return s != nil && !s.ended && slices.ContainsFunc(s.claims, func(cl *claim) bool { return cl.shard.id == shard && cl.owned })
}

// join asks for a place in the group until there is one.
func (c *consumer) join() {
	if c.leaving || c.session != nil {
		return
	}
	c.joining++
	try := c.joining
	c.process.after(joinPatience, "join again", func() {
		if c.joining == try && c.session == nil {
			c.memberID = ""
			c.join()
		}
	})
	if !c.network.connected(c.process.node, placeKafka) {
		return
	}
	id := c.memberID
	c.process.world.after(c.network.delay(), func() {
		if c.group.journal.away {
			return
		}
		if id == "" { // what an earlier life of this node has left there
			c.group.evict(c.node)
		}
		c.group.join(id, c.process, c.node, func(generation int32, id string, shards []int32) {
			if !c.network.connected(c.process.node, placeKafka) {
				return
			}
			c.process.after(c.network.delay(), "joined", func() {
				if c.joining == try && c.session == nil {
					c.begin(joined{generation, id, shards})
				}
			})
		})
	})
}

func (c *consumer) begin(j joined) {
	w := c.process.world
	w.tracef("%s: in generation %d as %s with %v", c.process.name, j.generation, j.id, j.shards)
	s := &membership{id: j.id, generation: j.generation, heard: w.now, open: len(j.shards)}
	c.memberID, c.session = j.id, s
	c.host.assigned(j.generation, j.shards)
	for _, id := range j.shards {
		cl := &claim{session: s, shard: c.host.shards[id]}
		s.claims = append(s.claims, cl)
		c.claim(cl)
	}
	c.heartbeat(s)
	if len(s.claims) == 0 {
		w.seen.GenerationsWithoutShard++
	}
}

// claim asks where the shard begins and ends, and owns it.
func (c *consumer) claim(cl *claim) {
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
			if cl.session.ended || cl.owned {
				return
			}
			c.process.world.tracef("%s: owns shard %d from %d, end %d", c.process.name, shard, from, end)
			cl.owned, cl.next = true, from.(int64)
			c.host.own(cl.shard, cl.session.generation, cl.next, end.(int64))
			c.fetch(cl)
		})
	})
	// An offset that does not come is asked for again.
	c.process.after(time.Second, "offsets again", func() {
		if !cl.owned && !cl.session.ended && c.session == cl.session {
			c.claim(cl)
		}
	})
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
		answered = true
		if cl.session.ended {
			return
		}
		c.take(cl, answer.([]hub.Record))
	})
	c.process.after(time.Second, "fetch again", func() {
		if !answered && !cl.session.ended {
			answered = true
			c.fetch(cl)
		}
	})
}

// take gives records to the host, once there is room for them.
func (c *consumer) take(cl *claim, records []hub.Record) {
	w := c.process.world
	switch {
	case cl.session.ended:
		return
	case c.host.unflushed > 0 && c.host.unflushed+len(records) > c.host.most:
		w.seen.ConsumptionHeldBack++
		c.host.heldBack = w.now
		c.process.after(w.between(5*time.Millisecond, 20*time.Millisecond), "await room", func() { c.take(cl, records) })
		return
	}
	if len(records) > 0 {
		if c.group.generation != cl.session.generation {
			w.seen.ZombieRecords += len(records)
		}
		cl.next = records[len(records)-1].Offset + 1
		if !c.host.apply(cl.shard, records, cl.next) {
			c.end(cl.session)
			return
		}
	} else if !c.host.apply(cl.shard, nil, cl.next) {
		c.end(cl.session)
		return
	}
	pause := w.between(0, 2*time.Millisecond)
	if len(records) == 0 {
		pause = w.between(5*time.Millisecond, 40*time.Millisecond)
	}
	c.process.after(pause, "fetch", func() {
		if !cl.session.ended {
			c.fetch(cl)
		}
	})
}

func (c *consumer) heartbeat(s *membership) {
	c.process.after(heartbeatEvery, "heartbeat", func() {
		if s.ended {
			return
		}
		if c.process.world.now-s.heard > sessionTimeout {
			c.end(s)
			return
		}
		c.kafka("heartbeat answered", func() any { return c.group.heartbeat(s.id, s.generation) }, func(answer any) {
			switch answer {
			case groupFine:
				s.heard = c.process.world.now
			case groupStale:
				if c.memberID == s.id {
					c.memberID = ""
				}
				c.process.world.tracef("%s: finds its generation %d stale", c.process.name, s.generation)
				c.end(s)
			case groupBalancing:
				c.end(s)
			}
		})
		c.heartbeat(s)
	})
}

// end lets go of all claims of a session and joins again.
func (c *consumer) end(s *membership) {
	if s.ended {
		return
	}
	s.ended = true
	if s.open == 0 {
		c.over(s)
	}
	for _, cl := range s.claims {
		released := func() {
			if s.open--; s.open == 0 {
				c.over(s)
			}
		}
		if cl.owned {
			c.host.release(cl.shard, released)
		} else {
			c.process.after(0, "unclaimed", released)
		}
	}
}

func (c *consumer) over(s *membership) {
	if c.session == s {
		c.session = nil
	}
	c.process.after(c.process.world.between(0, 10*time.Millisecond), "rejoin", c.join)
}

// rejoin ends the claims and joins again.
func (c *consumer) rejoin() {
	if c.session != nil {
		c.end(c.session)
	}
}

// commit sends offsets as the member that the process is now.
func (c *consumer) commit(next []shardOffset, done func(ok bool)) {
	s := c.session
	if s == nil {
		done(false)
		return
	}
	answered := false
	end := func(ok bool) {
		if !answered {
			answered = true
			done(ok)
		}
	}
	c.kafka("commit answered", func() any { return c.group.commit(s.id, s.generation, next) }, func(answer any) {
		end(answer == groupFine)
	})
	c.process.after(time.Second, "commit timed out", func() { end(false) })
}

// leave hands all shards over and goes.
func (c *consumer) leave(done func()) {
	c.leaving = true
	if c.session != nil {
		c.end(c.session)
	}
	var wait func()
	wait = func() {
		if c.session != nil {
			c.process.after(20*time.Millisecond, "leaving", wait)
			return
		}
		id := c.memberID
		if c.network.connected(c.process.node, placeKafka) {
			c.process.world.after(c.network.delay(), func() { c.group.leave(id) })
		}
		done()
	}
	wait()
}
