package simulate

import (
	"slices"
	"time"

	"bongsu/actors/rules"
	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// host runs the actors of one process as actors.Host does: mailboxes, loads,
// writes and commits are modelled, what they decide is the rules'.
type host struct {
	process *process
	time    *timeline
	mutant  rules.Mutant
	shards  []*shard
	// owes returns what an answer must know, pushed and answered are told what was
	// told: an answer that is not sure is not one.
	fresh    func() bool // the group has taken the process for a member just now
	owes     func(p *process, stream hub.Stream) uint64
	pushed   func(stream hub.Stream, seq uint64)
	answered func(p *process, stream hub.Stream, seq, owed uint64)
	// heldBack is when records were last not taken because too much was unflushed.
	heldBack time.Duration
	changed  func() // what the node owns, or answers for, may have changed
	// counted is the newest number that this process gave in each stream.
	counted    map[hub.Stream]uint64
	generation int32 // the newest that this node took part in

	writer     writer
	committing bool
	commit     func(next []shardOffset, done func(ok bool))
	unflushed  int // records that wait for the timeline
	most       int // of them, before records are no longer taken
}

// shard is one partition of the journal in a process.
type shard struct {
	id     int32
	mutant rules.Mutant
	rules  rules.Shard
	end    int64 // where an earlier owner may have been, for the mutants
	ledger *rules.Ledger
	actors map[hub.Stream]*streamActor
}

func newHost(p *process, t *timeline, shards int, mutant rules.Mutant) *host {
	h := &host{process: p, time: t, mutant: ruled(mutant), counted: map[hub.Stream]uint64{}}
	for id := range shards {
		h.shards = append(h.shards, &shard{
			id: int32(id), mutant: mutant, ledger: rules.NewLedger(0, ruled(mutant)), actors: map[hub.Stream]*streamActor{},
		})
	}
	h.writer = writer{host: h, every: p.world.between(0, 60*time.Millisecond)}
	return h
}

func (h *host) shardOf(stream hub.Stream) *shard {
	return h.shards[stream.Shard(int32(len(h.shards)))]
}

// assigned, own, apply and release are the journal's calls.
func (h *host) assigned(generation int32, mine []int32) {
	for _, s := range h.shards {
		if s.rules.Assigned(generation, slices.Contains(mine, s.id)) {
			h.stopActors(s)
		}
		if s.rules.Held() && !s.rules.Answers() && s.rules.Position() >= s.end {
			h.process.world.seen.WarmInGap++
		}
	}
	h.generation = generation
	h.changed()
}

func (h *host) own(s *shard, generation int32, from, end int64) {
	position := s.rules.Position()
	warm := s.rules.Held()
	if s.own(generation, from, end) {
		if warm {
			h.process.world.seen.WarmShardsPassed++
		}
		h.stopActors(s)
		s.ledger = rules.NewLedger(from, h.mutant)
	} else if position > from {
		h.process.world.seen.WarmShardsKept++
	}
	s.ledger.Claim(from)
	h.changed()
}

// apply hands records to their actors. It reports false if the shard has to be
// claimed anew.
func (h *host) apply(s *shard, records []hub.Record, next int64) bool {
	if !s.rules.Held() {
		return false
	}
	records = s.rules.Unseen(records)
	s.ledger.Take(records, next)
	for len(records) > 0 {
		n := 1
		for n < len(records) && records[n].Stream == records[0].Stream {
			n++
		}
		run := records[:n:n]
		records = records[n:]
		a := h.ensure(s, run[0].Stream)
		h.unflushed += len(run)
		a.send(func() { a.apply(run) })
		s.rules.Advance(run[n-1].Offset + 1)
	}
	if s.rules.Advance(next) {
		h.changed()
	}
	return true
}

// release waits until what was handed out is stored, as far as there is time,
// commits, and ends the claim.
func (h *host) release(s *shard, done func()) {
	ledger := s.ledger
	deadline := h.process.world.now + time.Second
	var poll func()
	poll = func() {
		if ledger.Unfinished() > 0 && h.process.world.now < deadline {
			h.process.after(20*time.Millisecond, "release", poll)
			return
		}
		if ledger.Unfinished() > 0 {
			h.process.world.seen.ReleasesCutShort++
		}
		h.commitNow(deadline, func() {
			ledger.Release()
			done()
		})
	}
	poll()
}

// commitNow commits what may be, waiting for its turn until a moment. done is
// called when the coordinator has answered, or could not.
func (h *host) commitNow(until time.Duration, done func()) {
	if h.committing {
		if h.process.world.now >= until {
			done()
			return
		}
		h.process.after(5*time.Millisecond, "await commit", func() { h.commitNow(until, done) })
		return
	}
	var next []shardOffset
	var ledgers []*rules.Ledger
	for _, s := range h.shards {
		if low, ok := s.ledger.Committable(); ok {
			next = append(next, shardOffset{s.id, low})
			ledgers = append(ledgers, s.ledger)
		}
	}
	if len(next) == 0 {
		done()
		return
	}
	h.committing = true
	// It is committed by whatever member this process is once it comes to it.
	h.process.after(h.process.world.between(0, 2*time.Millisecond), "commit", func() {
		h.commit(next, func(ok bool) {
			h.committing = false
			if ok {
				for i, n := range next {
					ledgers[i].Committed(n.offset)
				}
			}
			done()
		})
	})
}

// letGo stops all actors and owns nothing until the shards are claimed anew.
func (h *host) letGo() {
	for _, s := range h.shards {
		if s.rules.LetGo() {
			h.stopActors(s)
		}
	}
	h.changed()
}

// yield ends the tenures of shards that another node has had since a later
// generation.
func (h *host) yield(v *view.View, self string, generationOf func(owner string) int32) {
	over := false
	for _, s := range h.shards {
		owner, ok := v.Owner(s.id)
		if !ok || owner == self {
			continue
		}
		if s.yield(generationOf(owner)) {
			h.process.world.seen.ShardsYielded++
			h.stopActors(s)
			over = true
		}
	}
	if over {
		h.changed()
	}
}

// stopActors ends the actors of a tenure behind what they were sent.
func (h *host) stopActors(s *shard) {
	for _, stream := range sortedKeys(s.actors) {
		a := s.actors[stream]
		a.tell(func() { a.stop(true) })
	}
	s.actors = map[hub.Stream]*streamActor{}
}

// activate returns the actor of a stream if this node may answer for it.
func (h *host) activate(stream hub.Stream) *streamActor {
	s := h.shardOf(stream)
	if !s.answers() {
		return nil
	}
	return h.ensure(s, stream)
}

func (h *host) ensure(s *shard, stream hub.Stream) *streamActor {
	if a := s.actors[stream]; a != nil {
		return a
	}
	a := &streamActor{host: h, shard: s, ledger: s.ledger, stream: stream, last: s.rules.Position() - 1}
	a.storedOffset = a.last
	s.actors[stream] = a
	before := s.rules.Position()
	h.load(a, hub.LoadRequest{Stream: stream, Before: before})
	return a
}

func (h *host) load(a *streamActor, request hub.LoadRequest) {
	h.time.load(h.process, request, func(state hub.StreamState, err error) {
		if err != nil {
			h.process.after(h.process.world.between(20*time.Millisecond, 300*time.Millisecond), "load again", func() { h.load(a, request) })
			return
		}
		a.tell(func() { a.loaded(state) })
	})
}

// sweep passivates streams that nobody needs.
func (h *host) sweep() {
	for _, s := range h.shards {
		for _, stream := range sortedKeys(s.actors) {
			a := s.actors[stream]
			a.tell(a.sweep)
		}
	}
}

// follow, unfollow, head and tail are one try each of what the owner of a stream is
// asked.
func (h *host) follow(stream hub.Stream, f hub.Follower, reply func(hub.Head, bool)) {
	h.ask(stream, func(a *streamActor) {
		if !slices.Contains(a.followers, f) {
			a.followers = append(a.followers, f)
		}
	}, reply)
}

func (h *host) head(stream hub.Stream, reply func(hub.Head, bool)) {
	h.ask(stream, func(*streamActor) {}, reply)
}

// ask does something at a stream's actor, and replies where the stream stands then.
func (h *host) ask(stream hub.Stream, at func(a *streamActor), reply func(hub.Head, bool)) {
	a := h.activate(stream)
	if a == nil {
		reply(hub.Head{}, false)
		return
	}
	owed := h.owes(h.process, stream)
	a.ask(func(ok bool) {
		if !ok {
			reply(hub.Head{}, false)
			return
		}
		at(a)
		head := a.state.Head()
		if head.Unsure = !a.ledger.Claimed() || !h.fresh(); !head.Unsure {
			h.answered(h.process, stream, head.Seq, owed)
		}
		reply(head, true)
	})
}

func (h *host) unfollow(stream hub.Stream, f hub.Follower) {
	if a := h.shardOf(stream).actors[stream]; a != nil {
		a.send(func() {
			a.followers = slices.DeleteFunc(a.followers, func(g hub.Follower) bool { return f == g })
		})
	}
}

func (h *host) tail(stream hub.Stream, after uint64, reply func(hub.Tail, bool)) {
	a := h.activate(stream)
	if a == nil {
		reply(hub.Tail{}, false)
		return
	}
	owed := h.owes(h.process, stream)
	a.ask(func(ok bool) {
		if !ok {
			reply(hub.Tail{}, false)
			return
		}
		h.answered(h.process, stream, a.state.Head().Seq, owed)
		entries, whole := a.state.Since(after)
		reply(hub.Tail{Head: a.state.Head(), Entries: slices.Clone(entries), Whole: whole}, true)
	})
}
