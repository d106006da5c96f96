package actors

import (
	"context"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/internal/hub"
)

// shard is one partition of the journal as this node sees it: whether it owns
// it, how far it has handed records out, and the actors of its streams.
type shard struct {
	id   int32
	host *Host

	mu    sync.Mutex
	owned bool // a claim is under way
	// held says that the actors' state is good: from the first claim on, and after
	// the last one until it is known that somebody else owns the shard. While
	// Kafka is away nobody owns anything, and people still read.
	held       bool
	generation int32
	// end is where the journal ended when the claim began. Until position has
	// reached it, an earlier owner may have shown what is not applied here yet, and
	// nobody is answered.
	end int64
	// failed is why the claim cannot go on; nil while it can.
	failed error
	// position is the offset of the next record to hand out: every record below
	// it has been sent to an actor. It moves under mu together with the sending,
	// so that an actor started under mu misses no record from position on.
	position int64
	streams  map[hub.Stream]*activation

	ledger    sync.Mutex // guards what follows; may be taken while mu is held
	claimed   bool       // from Own until Release has ended: offsets are ours to commit
	done      watermark
	committed int64
}

// activation is one live actor and how many apply messages it was sent.
type activation struct {
	pid  *actor.PID
	sent uint64
}

// Own begins a claim of a shard: its records follow from offset from on, and
// those below end were there before. Actors that are further than from stay, and
// records they have are skipped; if somebody else has gone further than they,
// they are let go. Questions are answered once the records below end are applied.
func (h *Host) Own(_ context.Context, id int32, generation int32, from, end int64) error {
	s := h.shards[id]
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held || from > s.position {
		s.resetLocked(from)
	}
	s.ledger.Lock()
	s.claimed = true
	s.ledger.Unlock()
	s.owned, s.held, s.failed, s.generation, s.end = true, true, nil, generation, end
	s.host.newest(generation)
	return nil
}

// Apply hands the next records of a shard to their actors, in order. next is the
// offset after the last consumed message. It blocks while too much waits for
// the timeline, until ctx ends. An error means that the shard must be claimed anew.
func (h *Host) Apply(ctx context.Context, id int32, records []hub.Record, next int64) error {
	s := h.shards[id]
	records = s.unseen(records)
	for len(records) > 0 {
		part, size := h.budget.portion(records)
		if err := h.budget.take(ctx, size); err != nil {
			return err
		}
		if err := s.handOut(part, part[len(part)-1].Offset+1); err != nil {
			h.budget.give(size)
			return err
		}
		records = records[len(part):]
	}
	return s.handOut(nil, next)
}

// unseen drops the records that were handed out under an earlier claim.
func (s *shard) unseen(records []hub.Record) []hub.Record {
	s.mu.Lock()
	position := s.position
	s.mu.Unlock()
	for len(records) > 0 && records[0].Offset < position {
		records = records[1:]
	}
	return records
}

// handOut sends each stream's records to its actor and moves the position. Sends
// do not block: mailboxes are bounded by the budget that was taken. On an error
// nothing was handed out.
func (s *shard) handOut(records []hub.Record, next int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	s.ledger.Lock()
	for i := range records {
		s.done.add(records[i].Offset)
	}
	s.done.skip(next)
	s.ledger.Unlock()
	for len(records) > 0 {
		run := runOf(records)
		records = records[len(run):]
		a, err := s.ensure(run[0].Stream)
		if err != nil {
			s.refuse(run, err)
			continue
		}
		a.sent++
		s.host.system.Root.Send(a.pid, &apply{run})
	}
	s.position = max(s.position, next)
	return nil
}

// runOf returns the records at the front that are of one stream.
func runOf(records []hub.Record) []hub.Record {
	n := 1
	for n < len(records) && records[n].Stream == records[0].Stream {
		n++
	}
	return records[:n:n]
}

// refuse finishes records that no actor can take: one poisonous key must not
// hold up its shard.
func (s *shard) refuse(records []hub.Record, err error) {
	s.host.metrics.refused.Add(float64(len(records)))
	s.host.log.Error("journal records of an impossible stream are passed over",
		"shard", s.id, "offset", records[0].Offset, "records", len(records), "err", err)
	for i := range records {
		s.finish(records[i].Offset)
		s.host.budget.give(sizeOf(&records[i]))
	}
}

// Release ends a claim: it waits until what was handed out is in the timeline,
// as far as ctx allows, and commits what is. The actors stay warm until it is
// known that somebody else owns the shard.
func (h *Host) Release(ctx context.Context, id int32) {
	s := h.shards[id]
	s.mu.Lock()
	s.owned = false
	s.mu.Unlock()
	h.writer.hurry()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for s.unfinished() > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
	h.commit(ctx)
	s.ledger.Lock()
	s.claimed = false
	s.ledger.Unlock()
}

// activate returns the PID of the stream's actor if this node holds the shard.
func (s *shard) activate(stream hub.Stream) (*actor.PID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.held, !s.owned && s.generation < s.host.generation.Load():
		return nil, hub.Unavailablef("shard %d has no owner here", s.id)
	case s.position < s.end:
		return nil, hub.Unavailablef("shard %d is catching up with the journal", s.id)
	}
	a, err := s.ensure(stream)
	if err != nil {
		return nil, err
	}
	return a.pid, nil
}

// ensure returns the stream's live actor, started if there is none. mu is held.
func (s *shard) ensure(stream hub.Stream) (*activation, error) {
	if a, ok := s.streams[stream]; ok {
		return a, nil
	}
	pid, err := s.host.spawner.Spawn(stream)
	if err != nil {
		return nil, err
	}
	a := &activation{pid: pid}
	s.streams[stream] = a
	s.host.system.Root.Send(pid, &activate{stream: stream, shard: s, from: s.position})
	return a, nil
}

// forget takes the actor out of the shard if it has taken every apply message
// that was sent to it; the actor may then stop. A request that was sent to it
// in the meantime finds nobody and is tried again.
func (s *shard) forget(stream hub.Stream, pid *actor.PID, applied uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.streams[stream]
	if !ok || !a.pid.Equal(pid) || a.sent != applied {
		return false
	}
	delete(s.streams, stream)
	return true
}

// resetLocked lets all actors go and makes from the place that the shard is
// applied from. What the actors had not stored is in the journal, and whoever owns
// the shard next applies it again. Actors end behind their mailboxes, so that all
// records in them come to the writer; mu is held, so that none follows.
func (s *shard) resetLocked(from int64) {
	for _, a := range s.streams {
		s.host.system.Root.Poison(a.pid)
	}
	s.streams = make(map[hub.Stream]*activation)
	s.position, s.held = from, false
	s.ledger.Lock()
	s.done, s.committed = watermark{next: from}, from
	s.ledger.Unlock()
}

// dropAbandoned lets the actors go if the group has given this node shards since
// the newest claim of this one, and not this one: somebody else owns it.
func (s *shard) dropAbandoned(newest int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held && !s.owned && s.generation < newest {
		s.resetLocked(0)
	}
}

// fail lets the actors go because the state of one of them is lost, and has the
// shard claimed anew: the records from the committed offset on are applied again.
func (s *shard) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
		s.resetLocked(0)
	}
}

func (s *shard) live() map[hub.Stream]*actor.PID {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := make(map[hub.Stream]*actor.PID, len(s.streams))
	for stream, a := range s.streams {
		live[stream] = a.pid
	}
	return live
}

// finish says that the record at offset is in the timeline or needs not be.
func (s *shard) finish(offset int64) {
	s.ledger.Lock()
	s.done.finish(offset)
	s.ledger.Unlock()
}

func (s *shard) unfinished() int {
	s.ledger.Lock()
	defer s.ledger.Unlock()
	return s.done.unfinished()
}

// uncommitted returns the offset that could be committed now, and whether it is
// this node's to commit and beyond the one that was.
func (s *shard) uncommitted() (low int64, moved bool) {
	s.ledger.Lock()
	defer s.ledger.Unlock()
	low = s.done.low()
	return low, s.claimed && low > s.committed
}

func (s *shard) setCommitted(low int64) {
	s.ledger.Lock()
	s.committed = max(s.committed, low)
	s.ledger.Unlock()
}
