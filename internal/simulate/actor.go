package simulate

import (
	"time"

	"bongsu/actors/rules"
	"bongsu/internal/hub"
)

// streamActor is the actor of one stream: a mailbox around the rules.
type streamActor struct {
	host   *host
	shard  *shard
	ledger *rules.Ledger
	stream hub.Stream
	state  *rules.Stream

	mailbox []func()
	busy    bool
	stopped bool

	stash     []hub.Record
	waiting   []func(ok bool)
	followers []hub.Follower

	sent, taken  uint64 // messages that count: the actor may not end before it has taken them
	active       bool
	last         int64
	storedSeq    uint64
	storedOffset int64
}

// tell puts a message behind the others in the mailbox.
func (a *streamActor) tell(message func()) {
	a.mailbox = append(a.mailbox, message)
	a.wake()
}

// send does so with one that counts.
func (a *streamActor) send(message func()) {
	a.sent++
	a.tell(func() {
		a.taken++
		message()
	})
}

func (a *streamActor) wake() {
	if a.busy || len(a.mailbox) == 0 {
		return
	}
	a.busy = true
	w := a.host.process.world
	delay := w.between(0, 200*time.Microsecond)
	if w.chance(0.01) {
		delay = w.between(0, 50*time.Millisecond)
	}
	a.host.process.after(delay, "actor", func() {
		message := a.mailbox[0]
		a.mailbox = a.mailbox[1:]
		message()
		a.busy = false
		a.wake()
	})
}

// ask has f called once the state is known, with false if the actor ends before.
func (a *streamActor) ask(f func(ok bool)) {
	if a.stopped {
		f(false)
		return
	}
	a.send(func() {
		a.active = true
		if a.stopped {
			f(false)
			return
		}
		if a.state == nil {
			a.waiting = append(a.waiting, f)
			return
		}
		f(true)
	})
}

func (a *streamActor) loaded(state hub.StreamState) {
	if a.stopped {
		return
	}
	a.state = rules.Wake(state, a.host.mutant, a.host.counted[a.stream])
	a.storedSeq = state.Seq
	records, waiting := a.stash, a.waiting
	a.stash, a.waiting = nil, nil
	a.take(records)
	for _, f := range waiting {
		f(true)
	}
}

func (a *streamActor) apply(records []hub.Record) {
	a.active = true
	if a.state == nil {
		a.stash = append(a.stash, records...)
		return
	}
	a.take(records)
}

// take folds records into the state and sends out what comes of them.
func (a *streamActor) take(records []hub.Record) {
	var fresh []*hub.Entry
	items := make([]item, 0, len(records))
	for i := range records {
		entry := a.state.Number(&records[i])
		if entry != nil {
			fresh = append(fresh, entry)
			a.host.counted[a.stream] = entry.Seq
		} else {
			a.host.process.world.seen.DuplicatesDropped++
		}
		items = append(items, item{actor: a, offset: records[i].Offset, entry: entry})
		a.last = records[i].Offset
	}
	if len(fresh) > 0 && len(a.followers) > 0 {
		a.host.pushed(a.stream, fresh[len(fresh)-1].Seq)
		for _, f := range a.followers {
			f.Deliver(a.stream, fresh)
		}
	}
	a.host.writer.add(items)
	if len(a.followers) == 0 {
		a.state.Trim(a.storedSeq, 0, 0)
	} else {
		a.state.Trim(a.storedSeq, 4, 1<<20)
	}
}

// sweep ends the actor if nobody needs it.
func (a *streamActor) sweep() {
	active := a.active
	a.active = false
	if a.stopped || a.state == nil || active || len(a.followers) > 0 || a.storedOffset < a.last || a.sent != a.taken {
		return
	}
	if a.shard.actors[a.stream] == a {
		a.host.process.world.seen.Passivated++
		delete(a.shard.actors, a.stream)
		a.tell(func() { a.stop(false) })
	}
}

// stop ends the actor and tells all who wait or follow.
func (a *streamActor) stop(lost bool) {
	if lost && a.host.mutant == rules.StaleWriter && a.state != nil {
		a.host.writer.add([]item{{actor: a, offset: -1, entry: a.state.Forge()}})
	}
	a.stopped = true
	a.host.unflushed -= len(a.stash)
	for _, f := range a.waiting {
		f(false)
	}
	for _, f := range a.followers {
		f.Lost(a.stream)
	}
	a.stash, a.waiting, a.followers = nil, nil, nil
}

// item is one record on its way to the timeline.
type item struct {
	actor  *streamActor
	offset int64
	entry  *hub.Entry // nil for a duplicate
}

// writer carries the entries of one process to the timeline, in batches, until
// they are stored; only then it finishes their offsets.
type writer struct {
	host  *host
	every time.Duration
	items []item
	busy  bool
}

func (w *writer) add(items []item) {
	w.items = append(w.items, items...)
	w.start()
}

func (w *writer) start() {
	if w.busy || len(w.items) == 0 {
		return
	}
	w.busy = true
	w.host.process.after(w.every, "flush", func() {
		n := min(len(w.items), 1+w.host.process.world.rng.IntN(64))
		batch := w.items[:n:n]
		w.items = w.items[n:]
		var entries []*hub.Entry
		for _, it := range batch {
			if it.entry != nil {
				entries = append(entries, it.entry)
			}
		}
		w.write(batch, entries)
	})
}

func (w *writer) write(batch []item, entries []*hub.Entry) {
	if len(entries) == 0 {
		w.finish(batch)
		return
	}
	w.host.time.write(w.host.process, entries, func(err error) {
		if err == nil {
			w.finish(batch)
			return
		}
		w.host.process.world.seen.WritesRepeated++
		p := w.host.process
		p.after(p.world.between(20*time.Millisecond, 500*time.Millisecond), "write again", func() { w.write(batch, entries) })
	})
}

func (w *writer) finish(batch []item) {
	for _, it := range batch {
		if it.offset < 0 {
			continue
		}
		if it.entry != nil {
			it.actor.storedSeq = it.entry.Seq
		}
		it.actor.storedOffset = it.offset
		it.actor.ledger.Finish(it.offset)
		w.host.unflushed--
	}
	w.busy = false
	w.start()
}
