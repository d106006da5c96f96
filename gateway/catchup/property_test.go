package catchup_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// world is a stream whose pushes come late, twice, out of order between two
// links, or never, and whose calls answer late or with what a stale owner knows.
type world struct {
	random *rand.Rand
	feed   *catchup.Feed
	head   uint64   // of the journal
	links  [2]*link // of two owners
	task   catchup.Task
	answer hub.Head // of the Follow under way
	busy   bool
	people []*reader
}

// link is what an owner has sent and the node has not got.
type link struct {
	knows   uint64 // the owner's head
	follows bool
	pushes  [][2]uint64
}

func newWorld(seed uint64) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 1)), feed: catchup.NewFeed(stream), links: [2]*link{{}, {}}}
	w.people = []*reader{{}, {}}
	return w
}

func (w *world) one(n int) bool { return w.random.IntN(n) == 0 }

// step lets one thing happen.
func (w *world) step() {
	l := w.links[w.random.IntN(2)]
	switch w.random.IntN(12) {
	case 0, 1:
		w.head += 1 + w.random.Uint64N(4)
	case 2, 3:
		l.learn(min(w.head, l.knows+1+w.random.Uint64N(4)))
	case 4, 5, 6:
		w.push(l)
	case 7:
		w.lose(l)
	case 8, 9:
		w.work(l)
	case 10:
		w.feed.Age(int64(w.random.IntN(3)))
		if w.one(2) {
			w.feed.Doubt()
		}
	default:
		w.people[w.random.IntN(2)].read(w.feed)
	}
}

// learn lets an owner apply the journal up to seq.
func (l *link) learn(seq uint64) {
	if seq > l.knows && l.follows {
		l.pushes = append(l.pushes, [2]uint64{l.knows + 1, seq})
	}
	l.knows = max(l.knows, seq)
}

func (w *world) push(l *link) {
	if len(l.pushes) == 0 {
		return
	}
	next := l.pushes[0]
	if !w.one(10) { // or it comes again
		l.pushes = l.pushes[1:]
	}
	w.feed.Deliver(span(next[0], next[1]), int64(w.random.IntN(3)), 0)
}

// lose breaks a link: what was on it is gone, and the feed is told.
func (w *world) lose(l *link) {
	if !l.follows {
		return
	}
	if w.one(2) {
		l.pushes = nil
	}
	l.follows = false
	w.feed.Lose()
}

// work begins the feed's task, or ends the one under way.
func (w *world) work(owner *link) {
	if !w.busy {
		w.task = w.feed.Need(true)
		w.busy = w.task.Job != catchup.None
		if w.task.Job == catchup.Follow {
			owner.follows = true
			w.answer = hub.Head{Stream: stream, Seq: owner.knows}
		}
		return
	}
	w.busy = false
	switch w.task.Job {
	case catchup.Follow:
		w.feed.Follows(w.task, w.answer)
	case catchup.Forward, catchup.Backward:
		to := min(w.task.To, w.task.After+1+w.random.Uint64N(9), w.head)
		if w.one(8) {
			to = w.task.After // the owner does not have them yet
		}
		if !w.feed.Fetched(w.task, span(w.task.After+1, to), int64(w.random.IntN(3)), 0) {
			w.feed.Failed(w.task)
		}
	}
}

// done reports whether the feed is at rest and every session has everything.
func (w *world) done() bool {
	for _, r := range w.people {
		if r.cursor != w.head {
			return false
		}
	}
	return !w.busy && w.feed.Followed() && w.feed.Need(true).Job == catchup.None
}

// settle lets everything get through.
func (w *world) settle() {
	for range 10_000 {
		if w.done() {
			return
		}
		for _, l := range w.links {
			l.learn(w.head)
			for len(l.pushes) > 0 {
				w.push(l)
			}
		}
		w.work(w.links[0])
		for _, r := range w.people {
			r.read(w.feed)
		}
	}
}

// Whatever order pushes, losses and answers come in, every session is given
// every entry once and in order, and the feed comes to rest.
func TestEverySessionIsGivenEverythingOnceInOrder(t *testing.T) {
	for seed := range uint64(1000) {
		w := newWorld(seed)
		// Sessions that have seen nothing yet, on a feed that stands at 0.
		w.feed.Follows(w.feed.Need(true), hub.Head{Stream: stream})
		w.feed.Lose()
		for range 300 {
			w.step()
		}
		w.settle()
		if !w.done() {
			t.Fatalf("seed %d: at the end the feed needs %v", seed, w.feed.Need(true))
		}
		for _, r := range w.people {
			for i, got := range r.given {
				if got != fmt.Sprint(i+1) {
					t.Fatalf("seed %d: %s where %d was due", seed, got, i+1)
				}
			}
			if r.cursor != w.head {
				t.Fatalf("seed %d: stuck at %d of %d", seed, r.cursor, w.head)
			}
		}
	}
}
