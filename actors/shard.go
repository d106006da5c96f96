package actors

import (
	"errors"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/actors/rules"
	"bongsu/internal/hub"
)

// shard is one partition of the journal on this node: the rules say what may be
// done, and the shard does it with the actors of its streams.
type shard struct {
	id   int32
	host *Host

	mu    sync.Mutex
	rules rules.Shard
	// tenure is the present one, or a past one without actors while the rules hold
	// nothing. Every message to an actor is sent under mu, so that none follows the
	// end of its tenure or of the actor, and none is lost with it.
	tenure *tenure
	// failed is why the last tenure ended, if that was a failure.
	failed error
}

func newShard(id int32, host *Host) *shard {
	return &shard{id: id, host: host, tenure: newTenure(nil, 0)}
}

// own begins a claim and reports whether the shard answers.
func (s *shard) own(generation int32, from, end int64) (answers bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	root := s.host.runtime.Root()
	if root == nil {
		return false, hub.Unavailablef("there is no actor system")
	}
	if s.tenure.root != root {
		s.rules.Fail() // the actors are in a system that is gone
	}
	if s.rules.Outlives(end) {
		s.host.log.Error("the journal has lost records that were shown to people; numbers are given anew from what is left",
			"shard", s.id, "known", s.rules.Position(), "end", end, "committed", from)
	}
	if s.rules.Own(generation, from, end) {
		s.tenure.end()
		s.tenure = newTenure(root, from)
	}
	s.failed = nil
	s.tenure.claim(from)
	return s.answersLocked(), nil
}

// assign begins a generation of the consumer group.
func (s *shard) assign(generation int32, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules.Assigned(generation, mine) {
		s.endLocked()
	}
}

// yield gives the shard up if another node has had it since a later generation, and
// reports whether it did.
func (s *shard) yield(generation int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := s.rules.Yield(generation)
	if over {
		s.endLocked()
	}
	return over
}

// letGo gives the shard up until it is owned anew.
func (s *shard) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules.LetGo() {
		s.endLocked()
	}
}

// endLocked ends the tenure. What its actors had not stored is in the journal, and
// whoever owns the shard next applies it again.
func (s *shard) endLocked() {
	s.tenure.end()
	s.tenure = newTenure(nil, 0)
}

// fail ends the tenure because the state of one of its actors is lost, and has the
// shard claimed anew: the records from the committed offset on are applied again.
func (s *shard) fail(t *tenure, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenure == t {
		s.failLocked(err)
	}
}

func (s *shard) failLocked(err error) {
	if s.rules.Fail() {
		s.failed = err
		s.endLocked()
		s.host.announce()
	}
}

// answersLocked reports whether the shard's actors may be asked.
func (s *shard) answersLocked() bool {
	return s.rules.Answers() && s.tenure.root == s.host.runtime.Root()
}

func (s *shard) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answersLocked()
}

// ready reports whether the shard answers, if it is this node's at all.
func (s *shard) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.rules.Mine() || s.answersLocked()
}

// unseen drops the records that were handed out under an earlier claim.
func (s *shard) unseen(records []hub.Record) []hub.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules.Unseen(records)
}

// handOut sends each stream's records to its actor and moves the position. Sends
// do not block: mailboxes are bounded by the budget that was taken. On an error
// the shard is to be claimed anew, and left is the size of what was not sent.
func (s *shard) handOut(records []hub.Record, next int64) (left int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.takesLocked(); err != nil {
		return sizeOfAll(records), err
	}
	s.tenure.take(records, next)
	for len(records) > 0 {
		run := runOf(records)
		a, err := s.ensure(run[0].Stream)
		switch {
		case err == nil:
			s.tenure.send(a, &apply{run})
		case errors.Is(err, hub.ErrInvalid):
			s.refuse(run, err)
		default:
			s.failLocked(err)
			return sizeOfAll(records), err
		}
		records = records[len(run):]
	}
	if s.rules.Advance(next) {
		s.host.announce()
	}
	return 0, nil
}

// takesLocked returns nil if records may be handed out.
func (s *shard) takesLocked() error {
	switch {
	case s.failed != nil:
		return s.failed
	case !s.rules.Held():
		return hub.Unavailablef("shard %d was let go", s.id)
	case s.tenure.root != s.host.runtime.Root():
		err := hub.Unavailablef("the actors of shard %d are gone", s.id)
		s.failLocked(err)
		return err
	}
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
		s.tenure.finish(records[i].Offset)
	}
	s.host.budget.give(sizeOfAll(records))
}

// ask sends a request to the stream's actor, which answers it in any case, if the
// shard answers here.
func (s *shard) ask(stream hub.Stream, message request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.activateLocked(stream)
	if err != nil {
		return err
	}
	s.tenure.send(a, message)
	return nil
}

// tell sends a request that nobody waits for, if the stream's actor is alive.
func (s *shard) tell(stream hub.Stream, message request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.tenure.streams[stream]; ok {
		s.tenure.send(a, message)
	}
}

// activate returns the PID of the stream's actor if the shard answers here.
func (s *shard) activate(stream hub.Stream) (*actor.PID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.activateLocked(stream)
	if err != nil {
		return nil, err
	}
	return a.pid, nil
}

func (s *shard) activateLocked(stream hub.Stream) (*activation, error) {
	switch {
	case !s.rules.Held():
		return nil, hub.Unavailablef("shard %d has no owner here", s.id)
	case !s.answersLocked():
		return nil, hub.Unavailablef("shard %d does not answer here yet", s.id)
	}
	return s.ensure(stream)
}

// ensure returns the stream's live actor, started if there is none. mu is held. An
// error that wraps hub.ErrInvalid means that there can be no such actor.
func (s *shard) ensure(stream hub.Stream) (*activation, error) {
	if a, ok := s.tenure.streams[stream]; ok {
		return a, nil
	}
	pid, err := s.host.runtime.Spawn(stream)
	if err != nil {
		return nil, err
	}
	if root := s.host.runtime.Root(); root != s.tenure.root {
		s.tenure.root.Poison(pid) // it lives in one or the other
		if root != nil {
			root.Poison(pid)
		}
		return nil, hub.Unavailablef("the actors of shard %d are gone", s.id)
	}
	a := &activation{pid: pid}
	s.tenure.streams[stream] = a
	s.tenure.root.Send(pid, &activate{stream: stream, shard: s, tenure: s.tenure, from: s.rules.Position()})
	return a, nil
}

// forget takes the actor out of the shard if it is the stream's and has taken every
// message that was sent to it; the actor may then stop.
func (s *shard) forget(t *tenure, stream hub.Stream, self *actor.PID, taken uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := t.streams[stream]
	if !ok || !a.pid.Equal(self) || a.sent != taken {
		return false
	}
	delete(t.streams, stream)
	return true
}

// sendAll sends every live actor a message that it does not count.
func (s *shard) sendAll(message any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.tenure.streams {
		s.tenure.root.Send(a.pid, message)
	}
}

// send sends the stream's actor, if it is alive, a message that it does not count.
func (s *shard) send(stream hub.Stream, message any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.tenure.streams[stream]; ok {
		s.tenure.root.Send(a.pid, message)
	}
}

// live returns the streams that have an actor.
func (s *shard) live() []hub.Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := make([]hub.Stream, 0, len(s.tenure.streams))
	for stream := range s.tenure.streams {
		live = append(live, stream)
	}
	return live
}

// present returns the tenure as it is now.
func (s *shard) present() *tenure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenure
}
