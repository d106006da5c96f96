package gateway

import (
	"sync"
	"sync/atomic"
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// fewSubs is up to how many subscribers a feed looks for the slowest of them to
// let entries go early. Most feeds are a person's own stream: their window is
// empty but for the newest entry.
const fewSubs = 4

// feed is this node's subscription to one stream, shared by all its sessions
// that follow the stream. Package catchup decides, the feed tells sessions and
// the tender. Locks are taken in the order feed, session, queue.
type feed struct {
	stream hub.Stream
	queue  *readyQueue
	tender *tender
	// window and sure are those of state, for readers without the lock.
	window atomic.Pointer[catchup.Window]
	sure   atomic.Bool

	mu    sync.Mutex
	state *catchup.Feed
	subs  []*sub
	// known is closed when the stream is followed; nil while it is.
	known chan struct{}
	// waiting counts those who wait for known.
	waiting int
	// tending says that the tender is at work to get what the feed needs; trouble
	// is the tender's then, without the lock.
	tending bool
	trouble trouble
	// pausing ends the pause after a call of the kind failed, nil outside of one.
	pausing *time.Timer
	failed  catchup.Job
	// marks are those that came while somebody waits, for a person's own stream:
	// a session that is about to join would miss them otherwise.
	marks map[hub.Stream]uint64
	// quietSince is when the last subscriber left.
	quietSince time.Time
}

func newFeed(stream hub.Stream, queue *readyQueue, tender *tender) *feed {
	f := &feed{stream: stream, queue: queue, tender: tender, state: catchup.NewFeed(stream)}
	f.known = make(chan struct{})
	f.quietSince = time.Now()
	f.window.Store(f.state.Window())
	return f
}

// head returns where the stream stands, as far as the node knows.
func (f *feed) head() hub.Head {
	w := f.window.Load()
	return hub.Head{Stream: f.stream, Seq: w.Head(), Floor: w.Floor()}
}

// deliver takes entries that the core pushes.
func (f *feed) deliver(entries []*hub.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Deliver(entries, f.tender.clock.now(), f.passed())
	f.show()
}

// lose notes that the stream's owner has let the stream go.
func (f *feed) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Lose()
	f.show()
}

// doubt asks where the stream stands: a client knows more than the node.
func (f *feed) doubt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Doubt()
	f.show()
}

// show lets everybody see what the state has become: sessions that are behind it
// are readied, and what the feed needs is seen to. f.mu is held.
func (f *feed) show() {
	w, before := f.state.Window(), f.window.Load()
	if w != before {
		f.window.Store(w)
		if w.Offers(before) {
			f.rouse()
		}
		if w.Floor() != before.Floor() {
			for _, sub := range f.subs {
				sub.session.floorMoved(sub, w.Floor())
			}
		}
	}
	if sure := f.state.Sure(); sure != f.sure.Load() {
		f.sure.Store(sure)
	}
	switch followed := f.state.Followed(); {
	case followed && f.known != nil:
		close(f.known)
		f.known = nil
	case !followed && f.known == nil:
		f.known = make(chan struct{})
	}
	f.tend()
}

// rouse readies every session that is behind the window. f.mu is held.
func (f *feed) rouse() {
	var ready chain
	for _, sub := range f.subs {
		if sub.session.entriesCame(sub) {
			ready.add(sub.session)
			if ready.count == readyBatch {
				f.queue.push(&ready)
			}
		}
	}
	f.queue.push(&ready)
}

// passed returns the seq up to which no subscriber needs entries any more,
// where that is quick to tell, else 0. f.mu is held.
func (f *feed) passed() uint64 {
	if len(f.subs) > fewSubs || len(f.subs) == 0 {
		return 0
	}
	least := ^uint64(0)
	for _, sub := range f.subs {
		least = min(least, sub.cursor.Load())
	}
	return least
}

// retain notes that retention has let entries up to floor go.
func (f *feed) retain(floor uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Retain(floor)
	f.show()
}

// markUp gives marks of the person whose own stream this is to their sessions.
func (f *feed) markUp(marks map[hub.Stream]uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting > 0 {
		if f.marks == nil {
			f.marks = map[hub.Stream]uint64{}
		}
		for stream, seq := range marks {
			f.marks[stream] = max(f.marks[stream], seq)
		}
	}
	now := f.tender.clock.now()
	var ready chain
	for _, sub := range f.subs {
		if sub.session.marked(marks, now) {
			ready.add(sub.session)
		}
	}
	f.queue.push(&ready)
}

// seats returns how many subscribers are anonymous, or how many are not. f.mu is held.
func (f *feed) seats(anonymous bool) (taken int) {
	for _, sub := range f.subs {
		if sub.anon == anonymous {
			taken++
		}
	}
	return taken
}

// join adds a subscriber. f.mu is held.
func (f *feed) join(sub *sub) {
	sub.index = int32(len(f.subs))
	f.subs = append(f.subs, sub)
}

// leave removes a subscriber that may have joined.
func (f *feed) leave(sub *sub) {
	f.mu.Lock()
	defer f.mu.Unlock()
	index := sub.index
	if index == notJoined {
		return
	}
	last := len(f.subs) - 1
	f.subs[index] = f.subs[last]
	f.subs[index].index = index
	f.subs[last] = nil
	f.subs = f.subs[:last]
	sub.index = notJoined
	if last == 0 {
		f.subs = nil
		f.quietSince = time.Now()
	}
}

// want asks for the entries after the sub's cursor, which were not in the window
// when the caller looked. The session is readied when they are here.
func (f *feed) want(sub *sub) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.Want(sub.cursor.Load()) {
		var ready chain
		if sub.session.entriesCame(sub) {
			ready.add(sub.session)
		}
		f.queue.push(&ready)
		return
	}
	f.tend()
}

// age lets entries go that came before a moment.
func (f *feed) age(before int64) {
	if !f.window.Load().HasBefore(before) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Age(before)
	f.window.Store(f.state.Window())
}
