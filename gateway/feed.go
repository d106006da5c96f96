package gateway

import (
	"sync"
	"sync/atomic"
	"time"

	"bongsu/internal/hub"
)

// fewSubs is up to how many subscribers a feed looks for the slowest of them to
// let entries go early. Most feeds are a person's own stream: their window is
// empty but for the newest entry.
const fewSubs = 4

// feed is this node's subscription to one stream, shared by all its sessions
// that follow the stream. Locks are taken in the order feed, session, queue.
type feed struct {
	stream hub.Stream
	queue  *readyQueue
	tender *tender
	window atomic.Pointer[window]

	mu   sync.Mutex
	subs []*sub
	// placed says that the window knows where the stream stands.
	placed bool
	// followed says that the core gives us the stream's entries. It is false
	// until the first Follow has answered, and after a hole or a Lost. It changes
	// under mu.
	followed atomic.Bool
	// known is closed when followed becomes true; nil while it is.
	known chan struct{}
	// waiting counts those who wait for known.
	waiting int
	// tending says that a goroutine is at work to get what the feed needs.
	tending bool
	// wanted is the lowest cursor that the window shall reach back to, where
	// that is before its first entry; otherwise noneWanted.
	wanted uint64
	// marks are those that came while somebody waits, for a person's own stream:
	// a session that is about to join would miss them otherwise.
	marks map[hub.Stream]uint64
	// quietSince is when the last subscriber left.
	quietSince time.Time
}

const noneWanted = ^uint64(0)

func newFeed(stream hub.Stream, queue *readyQueue, tender *tender) *feed {
	f := &feed{stream: stream, queue: queue, tender: tender, wanted: noneWanted}
	f.known = make(chan struct{})
	f.quietSince = time.Now()
	f.window.Store(&window{first: 1})
	return f
}

// head returns where the stream stands, as far as the node knows.
func (f *feed) head() hub.Head {
	w := f.window.Load()
	return hub.Head{Stream: f.stream, Seq: w.head, Floor: w.floor}
}

// deliver takes entries that the core pushes. Entries that are here already are
// dropped; after a hole all are dropped, and the feed follows again and fetches.
func (f *feed) deliver(entries []*hub.Entry) {
	if len(entries) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	newest := entries[len(entries)-1].Seq
	if !f.placed { // the first entries may overtake the answer of the first Follow
		f.window.Store(f.window.Load().restarted(entries[0].Seq))
		f.placed = true
	}
	w := f.window.Load()
	if fresh := following(entries, w.last()); len(fresh) > 0 {
		w = w.appended(framesOf(fresh, time.Now().UnixMilli(), true), f.passed())
		f.advance(w)
	}
	if newest > w.last() {
		f.hole(w, newest)
	}
}

// following returns the entries that follow last without a gap.
func following(entries []*hub.Entry, last uint64) []*hub.Entry {
	for len(entries) > 0 && entries[0].Seq <= last {
		entries = entries[1:]
	}
	for i, entry := range entries {
		if entry.Seq != last+1+uint64(i) {
			return entries[:i]
		}
	}
	return entries
}

// hole notes that entries up to seq exist which did not come. f.mu is held.
func (f *feed) hole(w *window, seq uint64) {
	next := *w
	next.head = max(next.head, seq)
	f.window.Store(&next)
	f.forsake()
	f.tend()
}

// lose notes that the stream's owner has let the stream go.
func (f *feed) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forsake()
	f.tend()
}

// forsake marks the feed as not followed. f.mu is held.
func (f *feed) forsake() {
	if f.followed.Swap(false) {
		f.known = make(chan struct{})
	}
}

// retain notes that retention has let entries up to floor go.
func (f *feed) retain(floor uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.window.Load()
	if floor <= w.floor {
		return
	}
	next := *w
	next.floor = floor
	next.cut = max(next.cut, floor)
	f.window.Store(&next)
	for _, sub := range f.subs {
		sub.session.floorMoved(sub, floor)
	}
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
	now := time.Now().UnixMilli()
	var ready chain
	for _, sub := range f.subs {
		if sub.session.marked(marks, now) {
			ready.add(sub.session)
		}
	}
	f.queue.push(&ready)
}

// advance publishes a window with newer entries and readies every session that
// is behind it. f.mu is held.
func (f *feed) advance(w *window) {
	f.window.Store(w)
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
	if len(f.subs) > fewSubs {
		return 0
	}
	least := ^uint64(0)
	for _, sub := range f.subs {
		least = min(least, sub.cursor.Load())
	}
	if len(f.subs) == 0 {
		return 0
	}
	return least
}

// join adds a subscriber unless most are here already. f.mu is held.
func (f *feed) join(sub *sub, most int) bool {
	if len(f.subs) >= most {
		return false
	}
	sub.index = int32(len(f.subs))
	f.subs = append(f.subs, sub)
	return true
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
	cursor, w := sub.cursor.Load(), f.window.Load()
	if w.holds(cursor) || cursor < w.cut {
		var ready chain
		if sub.session.entriesCame(sub) {
			ready.add(sub.session)
		}
		f.queue.push(&ready)
		return
	}
	if cursor+1 < w.first {
		f.wanted = min(f.wanted, cursor)
	}
	f.tend()
}

// age lets entries go that came before a moment.
func (f *feed) age(before int64) {
	w := f.window.Load()
	if len(w.frames) == 0 || w.frames[0].stamp >= before {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted == noneWanted {
		f.window.Store(f.window.Load().aged(before))
	}
}
