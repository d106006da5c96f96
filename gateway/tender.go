package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"bongsu/internal/hub"
)

const (
	// tenderCalls is how many calls to the core the feeds make at once: enough
	// that those that wait for an owner who is away do not hold up the others.
	tenderCalls = 4096
	// tenderTimeout is how long one of them may take.
	tenderTimeout = 5 * time.Second
	// rangePage is the most entries asked for in one call.
	rangePage = 500
	// giveUpAfter is how long entries that cannot be fetched hold up those after
	// them; then sessions are told of a gap and live pushes go on.
	giveUpAfter = 10 * time.Second
	// leastPause and mostPause bound the wait before a failed call is made again.
	leastPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

var errNotYet = errors.New("the stream's owner does not have the entries yet")

// tender gets for feeds what they need from the core: it follows, and it
// fetches what is missing before, inside or after their windows. A feed is
// tended by at most one goroutine, and by none while it needs nothing.
type tender struct {
	ctx   context.Context // ends when the gateway closes
	core  Core
	log   *slog.Logger
	calls chan struct{} // limits calls under way
}

func newTender(ctx context.Context, log *slog.Logger) *tender {
	return &tender{ctx: ctx, log: log, calls: make(chan struct{}, tenderCalls)}
}

// job is what a feed needs next.
type job uint8

const (
	jobNone job = iota
	jobFollow
	jobForward  // entries after the window's last
	jobBackward // entries before the window's first
)

// need returns what the feed needs next. f.mu is held.
func (f *feed) need() job {
	w := f.window.Load()
	switch {
	case len(f.subs) == 0 && f.waiting == 0:
		return jobNone
	case !f.followed.Load():
		return jobFollow
	case w.last() < w.head:
		return jobForward
	case f.wanted < w.first-1:
		return jobBackward
	}
	f.wanted = noneWanted
	return jobNone
}

// tend sees to it that somebody gets what the feed needs. f.mu is held.
func (f *feed) tend() {
	if !f.tending && f.need() != jobNone {
		f.tending = true
		go f.tender.run(f)
	}
}

// next returns what to do next; with jobNone the caller's work is over.
func (f *feed) next() job {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.need()
	f.tending = j != jobNone
	return j
}

// run works for one feed until it needs nothing more.
func (t *tender) run(f *feed) {
	pause := leastPause
	var failing time.Time // since when no fetch has succeeded
	for j := f.next(); j != jobNone; j = f.next() {
		err := t.do(f, j)
		switch {
		case t.ctx.Err() != nil:
			f.rest()
			return
		case err == nil && j == jobFollow:
			continue
		case err == nil:
			pause, failing = leastPause, time.Time{}
			continue
		case j != jobFollow && failing.IsZero():
			failing = time.Now()
		case j != jobFollow && time.Since(failing) > giveUpAfter:
			t.log.Warn("gave up fetching entries; clients are told of a gap", "stream", f.stream, "error", err)
			f.giveUp(j)
			failing = time.Time{}
			continue
		}
		t.log.Debug("stream is not served, trying again", "stream", f.stream, "error", err)
		t.sleep(pause/2 + rand.N(pause/2))
		pause = min(2*pause, mostPause)
	}
}

func (t *tender) sleep(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	}
}

func (t *tender) do(f *feed, j job) error {
	switch j {
	case jobFollow:
		return t.follow(f)
	case jobForward:
		return t.forward(f)
	default:
		return t.backward(f)
	}
}

// begin waits for leave to call the core.
func (t *tender) begin() (context.Context, func(), error) {
	select {
	case t.calls <- struct{}{}:
	case <-t.ctx.Done():
		return nil, nil, t.ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.ctx, tenderTimeout)
	return ctx, func() { cancel(); <-t.calls }, nil
}

func (t *tender) follow(f *feed) error {
	ctx, end, err := t.begin()
	if err != nil {
		return err
	}
	defer end()
	head, err := t.core.Follow(ctx, f.stream)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	f.follows(head)
	return nil
}

func (t *tender) fetch(f *feed, after, to uint64) ([]*hub.Entry, error) {
	ctx, end, err := t.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	entries, err := t.core.Range(ctx, f.stream, after, int(min(to-after, rangePage)))
	if err != nil {
		return nil, fmt.Errorf("range: %w", err)
	}
	if len(entries) == 0 || entries[0].Seq <= after {
		return nil, errNotYet
	}
	return following(entries, entries[0].Seq-1), nil
}

// forward closes the hole between the window and the head.
func (t *tender) forward(f *feed) error {
	w := f.window.Load()
	entries, err := t.fetch(f, w.last(), w.head)
	if err != nil {
		f.mu.Lock()
		f.forsake() // its owner may be another by now, and know better
		f.mu.Unlock()
		return err
	}
	f.append(entries)
	return nil
}

// backward extends the window to where sessions resume.
func (t *tender) backward(f *feed) error {
	f.mu.Lock()
	after := f.wanted
	f.mu.Unlock()
	var got []*Frame
	from := after // seq before got
	for !f.extend(after, from, got) {
		last := from + uint64(len(got))
		entries, err := t.fetch(f, last, f.window.Load().first-1)
		if err != nil {
			return err
		}
		if entries[0].Seq > last+1 { // retention has taken what came before
			got, from = nil, entries[0].Seq-1
		}
		got = append(got, framesOf(entries, time.Now().UnixMilli(), false)...)
		if over := len(got) - windowEntries; over > 0 {
			got, from = got[over:], from+uint64(over)
		}
	}
	return nil
}

// follows notes that the core gives us the stream from head on.
func (f *feed) follows(head hub.Head) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.window.Load()
	if !f.placed {
		f.placed = true
		w = w.restarted(head.Seq + 1)
	}
	next := *w
	next.head = max(next.head, head.Seq)
	next.floor = max(next.floor, head.Floor)
	next.cut = max(next.cut, head.Floor)
	if !f.followed.Swap(true) {
		close(f.known)
		f.known = nil
	}
	f.advance(&next)
}

// append adds entries fetched after the window's last.
func (f *feed) append(entries []*hub.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.window.Load()
	if first := entries[0].Seq; first > w.last()+1 { // retention has taken what is between
		w = w.restarted(first).cutAt(first - 1)
	}
	if fresh := following(entries, w.last()); len(fresh) > 0 {
		f.advance(w.appended(framesOf(fresh, time.Now().UnixMilli(), false), f.passed()))
	}
}

// extend puts frames, which begin after from, before the window's, and reports
// whether they reached it. It was fetched for sessions that stand at wanted.
func (f *feed) extend(wanted, from uint64, frames []*Frame) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.window.Load()
	last := from + uint64(len(frames))
	if last+1 < w.first {
		return false
	}
	if from+1 < w.first {
		w = w.extended(frames[:w.first-1-from])
	}
	if from > wanted {
		w = w.cutAt(from)
	}
	if f.wanted >= wanted {
		f.wanted = noneWanted
	}
	f.advance(w)
	return true
}

// giveUp lets go of what could not be fetched: it becomes a gap.
func (f *feed) giveUp(j job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.window.Load()
	if j == jobForward {
		w = w.restarted(w.head + 1)
	}
	f.wanted = noneWanted
	f.advance(w.cutAt(w.first - 1))
}

// rest notes that nobody tends the feed any more.
func (f *feed) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tending = false
}
