package simulate

import (
	"slices"
	"time"

	"bongsu/actors/rules"
	"bongsu/internal/kafka"
)

// consumer is a process as a member of the journal's group, as a kafka.Group is one:
// it joins with what it holds, and goes on reading that; of what a generation takes
// away it lets go first, and joins again. What it shares out, keeps, ends and tells
// is decided by that package.
type consumer struct {
	process *process
	network *network
	group   *group
	host    *host
	node    string
	mutant  rules.Mutant

	id         string // "" while there is none
	member     bool   // the coordinator has taken it for one, as it knows
	generation int32
	told       int32 // the newest generation that the host knows; 0 if it was out of the group since
	held       map[int32]*claim
	stuck      map[int32]*claim // were taken away, and have not ended yet
	seen       time.Duration    // when the coordinator last took it for a member
	confirmed  time.Duration    // when the request went in which it did
	settled    time.Duration    // until when another rebalance is likely
	evicted    bool             // nothing is left of an earlier life of the node

	step     int  // counts what it does, so that an answer to something older is known
	dropping bool // it waits for claims to end
	staying  bool // it says that it lives, and nothing else
	anew     bool // it was told to begin anew, and has not ended its claims for that yet
	out      bool // it shall not be in the group
	sitting  bool // and is not
	leaving  bool // for good
}

// As the members of internal/kafka have it.
const (
	heartbeatEvery   = 200 * time.Millisecond
	heartbeatQuickly = 50 * time.Millisecond
	settlingTime     = 1500 * time.Millisecond
	letGoWithin      = 1100 * time.Millisecond
	callPatience     = 2 * time.Second
	joinPatience     = rebalanceTimeout + callPatience
	againPause       = 250 * time.Millisecond
	freshFor         = time.Second
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

// call does so for what the member does next: done gets nil when no answer comes in
// time, and is not called once the member does something else.
func (c *consumer) call(what string, patience time.Duration, ask func() any, done func(answer any)) {
	c.asked(what, patience, func(reply func(any)) {
		if answer := ask(); answer != nil {
			reply(answer)
		}
	}, done)
}

// asked is call for requests that are not answered at once.
func (c *consumer) asked(what string, patience time.Duration, ask func(reply func(any)), done func(answer any)) {
	c.step++
	step := c.step
	next := func(answer any) {
		if c.step == step {
			c.step++
			done(answer)
		}
	}
	c.process.after(patience, what+" timed out", func() { next(nil) })
	if !c.network.connected(c.process.node, placeKafka) {
		return
	}
	c.process.world.after(c.network.delay(), func() {
		if c.group.journal.away {
			return
		}
		ask(func(answer any) {
			if c.network.connected(c.process.node, placeKafka) {
				c.process.after(c.network.delay(), what, func() { next(answer) })
			}
		})
	})
}

// later does the next thing after a pause.
func (c *consumer) later(pause time.Duration, f func()) {
	c.step++
	step := c.step
	c.process.after(pause, "group again", func() {
		if c.step == step {
			f()
		}
	})
}

// join asks for a place in the next generation.
func (c *consumer) join() {
	switch {
	case c.leaving:
		return
	case c.out:
		c.sitOut()
		return
	case c.id == "":
		c.call("member id", callPatience, func() any { return c.group.hand() }, func(answer any) {
			if id, ok := answer.(string); ok {
				c.id = id
				c.evictPredecessor()
			} else {
				c.unheard()
			}
		})
		return
	}
	says := kafka.Member{ID: c.id, Owned: sortedKeys(c.held), Generation: c.generation}
	c.asked("joined", joinPatience, func(reply func(any)) {
		c.group.join(c.process, c.node, says, func(j joined) { reply(j) })
	}, func(answer any) {
		switch j, ok := answer.(joined); {
		case !ok:
			c.unheard()
		case j.answer != groupFine:
			c.refused(j.answer)
		default:
			c.sync(j)
		}
	})
	c.beatMeanwhile(c.generation)
}

// evictPredecessor removes, once, what a killed process of this node has left.
func (c *consumer) evictPredecessor() {
	if c.evicted {
		c.join()
		return
	}
	c.evicted = true
	c.call("predecessor evicted", callPatience, func() any {
		c.group.evict(c.group.membersOf(c.node)...)
		return true
	}, func(any) { c.join() })
}

// sync shares the shards out, if that is this member's to do, and asks for its own.
func (c *consumer) sync(j joined) {
	type share struct {
		shards []int32
		answer groupAnswer
	}
	var shares map[string][]int32
	if j.members != nil {
		shares = kafka.Share(j.members, int32(len(c.host.shards)))
	}
	id, sent := c.id, c.process.world.now
	c.asked("synced", joinPatience, func(reply func(any)) {
		c.group.sync(id, j.generation, shares, func(shards []int32, answer groupAnswer) { reply(share{shards, answer}) })
	}, func(answer any) {
		switch s, ok := answer.(share); {
		case !ok:
			c.unheard()
		case s.answer == groupBalancing:
			c.seen = c.process.world.now
			c.later(10*time.Millisecond, c.join)
		case s.answer != groupFine:
			c.refused(s.answer)
		default:
			c.confirmed = max(c.confirmed, sent)
			c.adopt(j.generation, s.shards)
		}
	})
	c.beatMeanwhile(j.generation)
}

// adopt makes of the claims what a generation wants.
func (c *consumer) adopt(generation int32, given []int32) {
	w := c.process.world
	c.seen, c.member, c.generation = w.now, true, generation
	kept, ended, begun := kafka.Adopt(sortedKeys(c.held), given)
	w.seen.ClaimsKept += len(kept)
	w.seen.ClaimsHandedOver += len(ended)
	c.drop(ended, func() {
		w.tracef("%s: in generation %d as %s with %v", c.process.name, generation, c.id, given)
		for _, t := range kafka.Tellings(c.told, generation, kept, given) {
			if t.Generation != generation {
				w.seen.GenerationsMissed++
			}
			c.host.assigned(t.Generation, t.Claims)
		}
		c.told = generation
		if len(given) == 0 {
			w.seen.GenerationsWithoutShard++
		}
		c.take(begun)
		if len(ended) > 0 {
			c.join()
			return
		}
		c.settled = w.now + settlingTime
		c.stay()
	})
}

// stay says that the member lives, until it is time to join again.
func (c *consumer) stay() {
	if c.anew {
		c.beginAnew()
		return
	}
	every := heartbeatEvery
	if c.process.world.now < c.settled {
		every = heartbeatQuickly
	}
	c.staying = true
	c.later(every, func() {
		c.staying = false
		id, generation, sent := c.id, c.generation, c.process.world.now
		c.call("heartbeat answered", callPatience, func() any { return c.group.heartbeat(id, generation) }, func(answer any) {
			if answer == groupFine || answer == groupBalancing {
				c.confirmed = sent
			}
			c.beaten(answer)
		})
	})
}

func (c *consumer) beaten(answer any) {
	switch answer {
	case groupFine:
		c.seen = c.process.world.now
		c.stay()
	case groupBalancing:
		c.seen = c.process.world.now
		c.join()
	case groupStale, groupUnknown:
		c.refused(answer.(groupAnswer))
	default:
		if c.silent() {
			c.lose(c.join)
			return
		}
		c.stay()
	}
}

// fresh is Group.Fresh of the real member.
func (c *consumer) fresh() bool {
	return c.member && c.process.world.now-c.confirmed < freshFor
}

// refused ends all claims: they are others' by now.
func (c *consumer) refused(answer groupAnswer) {
	if answer == groupUnknown {
		c.id = ""
	}
	c.process.world.tracef("%s: finds its generation %d stale", c.process.name, c.generation)
	c.lose(c.join)
}

// silent reports whether the coordinator may have removed the member meanwhile.
func (c *consumer) silent() bool {
	return len(c.held) > 0 && c.process.world.now-c.seen >= sessionTimeout
}

// unheard joins again a little later, without claims if there was no answer for long.
func (c *consumer) unheard() {
	again := func() { c.later(againPause, c.join) }
	if c.silent() {
		c.lose(again)
		return
	}
	again()
}

// lose ends all claims.
func (c *consumer) lose(then func()) {
	c.member, c.told = false, 0
	c.drop(sortedKeys(c.held), then)
}

// sitOut leaves the group until rejoin.
func (c *consumer) sitOut() {
	c.drop(sortedKeys(c.held), func() {
		c.bye()
		c.told = 0
		if c.sitting = c.out; !c.sitting { // told to rejoin meanwhile
			c.join()
		}
	})
}

// bye tells the coordinator that the member goes.
func (c *consumer) bye() {
	c.member = false
	if id := c.id; id != "" && c.network.connected(c.process.node, placeKafka) {
		c.process.world.after(c.network.delay(), func() {
			if !c.group.journal.away {
				c.group.leave(id)
			}
		})
	}
	c.id = ""
}

// withdraw has the member end its claims and leave, until rejoin.
func (c *consumer) withdraw() {
	c.process.world.seen.Withdrawals++
	c.out = true
	c.wake()
}

// rejoin has it join again. Claims that it holds still, because it did not come to
// withdrawing, are of a life that is over: they end before.
func (c *consumer) rejoin() {
	c.out = false
	if c.sitting {
		c.sitting = false
		c.join()
		return
	}
	if len(c.held) > 0 {
		c.process.world.seen.RejoinsWithClaims++
	}
	if c.keepsClaims() {
		c.anew = false
		return
	}
	c.wake()
}

// wake has the member end its claims and join again, or sit out, as soon as it has
// done what it is doing.
func (c *consumer) wake() {
	c.anew = true
	if c.staying {
		c.beginAnew()
	}
}

func (c *consumer) beginAnew() {
	c.anew, c.staying = false, false
	c.drop(sortedKeys(c.held), c.join)
}

// leave hands all shards over and goes.
func (c *consumer) leave(done func()) {
	c.leaving, c.staying = true, false
	if c.dropping {
		c.process.after(20*time.Millisecond, "leaving", func() { c.leave(done) })
		return
	}
	c.drop(sortedKeys(c.held), func() {
		c.bye()
		done()
	})
}

// commit sends offsets of its claims as the member that the process is now. In
// another generation than the coordinator's it tries again: claims go on across them.
func (c *consumer) commit(next []shardOffset, done func(ok bool)) {
	c.commitUntil(c.process.world.now+callPatience, next, done)
}

func (c *consumer) commitUntil(until time.Duration, next []shardOffset, done func(ok bool)) {
	whole := len(next)
	next = slices.DeleteFunc(slices.Clone(next), func(n shardOffset) bool {
		held, stuck := c.held[n.shard], c.stuck[n.shard]
		return (held == nil || !held.claimed) && (stuck == nil || !stuck.claimed)
	})
	if !c.member || len(next) == 0 {
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
	id, generation := c.id, c.generation
	c.kafka("commit answered", func() any { return c.group.commit(id, generation, next) }, func(answer any) {
		if (answer == groupStale || answer == groupBalancing) && !answered && c.process.world.now < until {
			answered = true
			c.process.after(50*time.Millisecond, "commit again", func() { c.commitUntil(until, next, done) })
			return
		}
		end(answer == groupFine && len(next) == whole)
	})
	c.process.after(callPatience, "commit timed out", func() { end(false) })
}
