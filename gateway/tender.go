package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

const (
	// followsAtOnce is how many streams are asked to be followed at the same time:
	// so many that those whose owner is away do not hold up the others.
	followsAtOnce = 4096
	// fetchesAtOnce is how many fetches of entries and marks run at the same time.
	fetchesAtOnce = 256
	// leastFollow and mostFollow bound how long a Follow may take: the first try
	// of many streams at once is short, so that each soon has its turn.
	leastFollow = 500 * time.Millisecond
	mostFollow  = 4 * time.Second
	// fetchTimeout is how long a fetch may take.
	fetchTimeout = 5 * time.Second
	// rangePage is the most entries asked for in one call.
	rangePage = 500
	// giveUpAfter is how long entries that cannot be fetched hold up those after
	// them; then sessions are told of a gap and live pushes go on.
	giveUpAfter = 30 * time.Second
	// believeAfter is how long an owner that knows less than the node is asked
	// again, before it is believed that the stream has begun another life.
	believeAfter = 30 * time.Second
	// leastPause and mostPause bound the wait before a failed call is made again.
	leastPause = 10 * time.Millisecond
	mostPause  = time.Second
)

var (
	errNotYet    = errors.New("the stream's owner does not have the entries yet")
	errOvertaken = errors.New("the stream was lost while it was followed")
	errUnsure    = errors.New("the stream's owner is not certain just now that it owns it")
)

// staleError says that an owner knows less of its stream than the node.
type staleError struct{ head hub.Head }

func (e *staleError) Error() string {
	return fmt.Sprintf("the stream's owner is only at %d", e.head.Seq)
}

// tender gets for feeds what they need from the core: it follows, and it
// fetches what is missing before, inside or after their windows. A feed is
// tended by at most one goroutine, and by none while it needs nothing or has to
// wait before it tries again.
type tender struct {
	ctx       context.Context // ends when the gateway closes
	core      Core
	clock     clock
	log       *slog.Logger
	followers crew
	fetchers  crew
	unserved  unserved
}

func newTender(ctx context.Context, clock clock, log *slog.Logger) *tender {
	t := &tender{ctx: ctx, clock: clock, log: log, unserved: unserved{log: log}}
	t.followers = crew{limit: followsAtOnce, tend: t.run}
	t.fetchers = crew{limit: fetchesAtOnce, tend: t.run}
	return t
}

// crewOf returns who does the job.
func (t *tender) crewOf(job catchup.Job) *crew {
	if job == catchup.Follow {
		return &t.followers
	}
	return &t.fetchers
}

// need returns what the feed needs next. f.mu is held.
func (f *feed) need() catchup.Task { return f.state.Need(len(f.subs) > 0 || f.waiting > 0) }

// tend sees to it that somebody gets what the feed needs. f.mu is held.
func (f *feed) tend() {
	if f.tending {
		f.hurry()
		return
	}
	if task := f.need(); task.Job != catchup.None {
		f.tending = true
		f.trouble = newTrouble()
		f.tender.crewOf(task.Job).add(f)
	}
}

// hurry ends the pause after a failed call if something else is needed by now.
// f.mu is held.
func (f *feed) hurry() {
	if f.pausing == nil {
		return
	}
	if job := f.need().Job; job != catchup.None && job != f.failed && f.pausing.Stop() {
		f.pausing = nil
		f.tender.crewOf(job).add(f)
	}
}

// pause has the crew try again after a while.
func (f *feed) pause(crew *crew, failed catchup.Job, wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if failed == catchup.Forward {
		failed = catchup.Follow // who fetches in vain follows again first
	}
	f.failed = failed
	f.pausing = time.AfterFunc(wait, func() { crew.add(f) })
}

// next returns what to do next; with catchup.None the caller's work is over.
func (f *feed) next() catchup.Task {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pausing = nil
	task := f.need()
	f.tending = task.Job != catchup.None
	return task
}

// trouble is what was met since the feed last needed nothing.
type trouble struct {
	pause   time.Duration // before the next try
	follow  time.Duration // how long the next Follow may take
	failing time.Time     // since when no fetch has succeeded
	stale   time.Time     // since when every Follow was answered by a stale owner, but for uncertain ones
	vain    time.Time     // when a Follow was last answered in vain
	hoping  time.Time     // since when a better answer than an uncertain one is hoped for
}

func newTrouble() trouble { return trouble{pause: leastPause, follow: leastFollow} }

// run works for one feed until it needs nothing more, needs another crew, or has
// to wait.
func (t *tender) run(crew *crew, f *feed) {
	for task := f.next(); task.Job != catchup.None; task = f.next() {
		if right := t.crewOf(task.Job); right != crew {
			right.add(f)
			return
		}
		err := t.do(f, task)
		switch {
		case t.ctx.Err() != nil:
			f.rest()
			return
		case err == nil && task.Job == catchup.Follow:
			t.unserved.followed(f.stream)
			f.trouble.stale = time.Time{} // entries may still be missing: the pause stays
		case err == nil:
			f.trouble = newTrouble()
		case !t.settle(f, task, err):
			t.log.Debug("stream is not served, trying again", "stream", f.stream, "job", task.Job, "error", err)
			pause := f.trouble.again()
			f.pause(crew, task.Job, pause/2+rand.N(pause/2))
			return
		}
	}
}

// again returns how long to wait before the next try, and makes it take longer.
func (m *trouble) again() time.Duration {
	pause := m.pause
	if !m.hoping.IsZero() && time.Since(m.hoping) < catchup.HopeFor {
		pause = min(pause, catchup.HopePause)
	}
	m.pause = min(2*pause, mostPause)
	m.follow = min(2*m.follow, mostFollow)
	return pause
}

// hopes reports whether a better answer may come than one of an owner that is not
// certain.
func (m *trouble) hopes(now time.Time) bool {
	if m.hoping.IsZero() {
		m.hoping = now
	}
	return now.Sub(m.hoping) < catchup.HopeFor
}

// settle ends what has gone wrong for too long, and reports whether it has.
func (t *tender) settle(f *feed, task catchup.Task, err error) bool {
	met, now := &f.trouble, time.Now()
	var behind *staleError
	if !errors.As(err, &behind) && task.Job == catchup.Follow {
		switch {
		case met.stale.IsZero():
		case errors.Is(err, errUnsure): // which says neither that it is nor that it is not
			met.stale = met.stale.Add(now.Sub(met.vain))
		default:
			met.stale = time.Time{}
		}
		t.unserved.failed(f.stream, err)
	}
	if task.Job == catchup.Follow {
		met.vain = now
	}
	switch {
	case behind != nil && met.stale.IsZero():
		met.stale = now
	case behind != nil && now.Sub(met.stale) > believeAfter:
		t.log.Error("the stream has lost entries that were pushed; clients begin anew at its head",
			"stream", f.stream, "head", behind.head.Seq)
		f.restart(behind.head)
		met.stale = time.Time{}
		return true
	case task.Job == catchup.Follow || task.Job == catchup.Marks:
	case met.failing.IsZero():
		met.failing = now
	case now.Sub(met.failing) > giveUpAfter:
		t.log.Warn("gave up fetching entries; clients are told of a gap", "stream", f.stream, "error", err)
		f.giveUp(task)
		met.failing = time.Time{}
		return true
	}
	return false
}

func (t *tender) do(f *feed, task catchup.Task) error {
	patience := fetchTimeout
	if task.Job == catchup.Follow {
		patience = f.trouble.follow
	}
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	switch task.Job {
	case catchup.Follow:
		return t.follow(ctx, f, task)
	case catchup.Marks:
		return t.marks(ctx, f, task)
	default:
		return t.fetch(ctx, f, task)
	}
}

func (t *tender) follow(ctx context.Context, f *feed, task catchup.Task) error {
	head, err := t.core.Follow(ctx, f.stream)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if head.Unsure && f.waiting > 0 && f.trouble.hopes(time.Now()) && !f.state.Followed() {
		return errUnsure // for those who wait to be told a head; what is known is good for the others
	}
	answer := f.state.Follows(task, head)
	f.show()
	switch answer {
	case catchup.Overtaken:
		return errOvertaken
	case catchup.Stale:
		return &staleError{head}
	case catchup.Unsure:
		return errUnsure
	}
	return nil
}

func (t *tender) fetch(ctx context.Context, f *feed, task catchup.Task) error {
	entries, err := t.core.Range(ctx, f.stream, task.After, int(min(task.To-task.After, rangePage)))
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("range: %w", err)
	} else if !f.state.Fetched(task, entries, t.clock.now(), f.passed()) {
		err = errNotYet
	}
	if err != nil {
		f.state.Failed(task)
	}
	f.show()
	return err
}

// marks gets the marks of the person whose own stream was lost for a while: some
// that have grown may not have come.
func (t *tender) marks(ctx context.Context, f *feed, task catchup.Task) error {
	if heads := f.sessionHeads(); len(heads) > 0 {
		marks, err := t.core.Person(ctx, f.stream.Key(), heads)
		if err != nil {
			return fmt.Errorf("read marks: %w", err)
		}
		f.markUp(marks)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Marked(task)
	return nil
}

// sessionHeads returns where the streams stand that the feed's sessions follow.
func (f *feed) sessionHeads() []hub.Head {
	f.mu.Lock()
	defer f.mu.Unlock()
	var heads []hub.Head
	seen := map[hub.Stream]bool{}
	for _, sub := range f.subs {
		if sub.anon { // nobody is marked who has not come
			continue
		}
		for _, head := range sub.session.heads() {
			if !seen[head.Stream] {
				seen[head.Stream] = true
				heads = append(heads, head)
			}
		}
	}
	return heads
}

// giveUp lets go of what could not be fetched: it becomes a gap.
func (f *feed) giveUp(task catchup.Task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.GiveUp(task)
	f.show()
}

// restart begins another life of the stream, which stands at head.
func (f *feed) restart(head hub.Head) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Restart(head)
	f.show()
	for _, sub := range f.subs {
		sub.session.judgeLater()
	}
}

// rest notes that nobody tends the feed any more.
func (f *feed) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tending = false
}
