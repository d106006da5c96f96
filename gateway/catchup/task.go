package catchup

import "bongsu/internal/hub"

// Job is a kind of call that a feed needs.
type Job uint8

// The jobs. Each is a call of the core.
const (
	// None: the feed needs nothing.
	None Job = iota
	// Follow: follow the stream, and give the answer to Feed.Follows.
	Follow
	// Forward: fetch the Task's entries, which are newer than the window's, and
	// give them to Feed.Fetched.
	Forward
	// Backward: the same for entries that are older than the window's.
	Backward
	// Marks: get the marks of the person whose own stream it is, give them to the
	// person's sessions, and call Feed.Marked.
	Marks
)

// String returns the job's name.
func (j Job) String() string {
	return [...]string{"none", "follow", "forward", "backward", "marks"}[j]
}

// Task is a call that a feed needs next.
type Task struct {
	// Job is the kind of call.
	Job Job
	// After and To bound the entries to fetch: After < seq ≤ To. Fetching only
	// the first of them is fine.
	After, To uint64

	losses uint64 // as many as there were
	known  uint64 // the head as it was known
}

// Need returns what to ask next. Tasks are done one at a time. Without demand,
// nobody uses the feed, and it needs nothing.
func (f *Feed) Need(demand bool) Task {
	w := f.window
	task := Task{losses: f.losses, known: w.head}
	switch {
	case !demand:
		f.fetchNoOlder()
	case !f.followed:
		task.Job = Follow
	case w.Last() < w.head:
		task.Job, task.After, task.To = Forward, w.Last(), w.head-uint64(len(f.ahead))
	case f.wanted < w.first-1:
		if f.older == nil {
			f.olderFor, f.olderFrom = f.wanted, f.wanted
		}
		task.Job, task.After, task.To = Backward, f.olderFrom+uint64(len(f.older)), w.first-1
	default:
		f.fetchNoOlder()
		switch {
		case f.unmarked:
			task.Job = Marks
		case f.doubted:
			task.Job = Follow
		}
	}
	return task
}

// Answer is what an owner's answer to Follow is worth.
type Answer uint8

// The answers.
const (
	// Good: the stream is followed.
	Good Answer = iota
	// Overtaken: the stream was lost while the answer was on its way.
	Overtaken
	// Stale: the owner knows less than the node does. It has been replaced, or it
	// is not that far yet: nothing changes.
	Stale
	// Unsure: the owner knows too little, and may be the owner no more. A feed that
	// is followed goes on; what was doubted is not settled.
	Unsure
)

// Follows takes the answer to a Follow: the owner gives the node the stream from
// head on. Unless it is Good, the stream has to be followed again.
func (f *Feed) Follows(task Task, head hub.Head) Answer {
	if task.losses != f.losses {
		return Overtaken
	}
	switch {
	case !f.placed || head.Seq >= task.known:
	case head.Unsure:
		return Unsure
	default:
		return Stale
	}
	if !f.placed {
		f.placed = true
		f.window = f.window.restarted(head.Seq + 1)
	}
	if head.Seq > f.window.head {
		f.dropAhead() // what is pushed from now on does not follow it
		f.raise(head.Seq)
	}
	f.Retain(head.Floor)
	f.followed = true
	if f.doubted && head.Unsure {
		return Unsure
	}
	f.doubted = false
	return Good
}

// Restart believes an owner whose answers were Stale for so long that no other
// can be there: the stream has begun another life, and stands at head. Sessions
// whose cursors are beyond it are for the caller to tell.
func (f *Feed) Restart(head hub.Head) {
	f.dropAhead()
	f.fetchNoOlder()
	f.window = &Window{head: head.Seq, floor: head.Floor, cut: head.Floor, first: head.Seq + 1}
}

// Fetched takes entries that were fetched for a Forward or Backward task,
// ascending. Where the first is not the one after Task.After, retention has taken
// those before it. It reports false for an answer that brings nothing: the owner
// does not have the entries yet.
func (f *Feed) Fetched(task Task, entries []*hub.Entry, now int64, passed uint64) bool {
	entries = leading(entries)
	if len(entries) == 0 || entries[0].Seq <= task.After {
		return false
	}
	if task.Job == Forward {
		f.fetchedNewer(entries, now, passed)
	} else {
		f.fetchedOlder(entries, now)
	}
	return true
}

func (f *Feed) fetchedNewer(entries []*hub.Entry, now int64, passed uint64) {
	if first := entries[0].Seq; first > f.window.Last()+1 { // retention has taken what is between
		f.window = f.window.restarted(first).cutAt(first - 1)
	}
	if fresh := beyond(entries, f.window.Last()); len(fresh) > 0 {
		f.window = f.window.appended(framesOf(fresh, now, false), passed)
		f.join()
	}
}

// fetchedOlder adds a page to older, and older to the window once it reaches it.
func (f *Feed) fetchedOlder(entries []*hub.Entry, now int64) {
	if entries[0].Seq > f.olderFrom+uint64(len(f.older))+1 { // retention has taken what came before
		f.dropOlder()
		f.olderFrom = entries[0].Seq - 1
	}
	for _, frame := range framesOf(entries, now, false) {
		f.older = append(f.older, frame)
		f.olderBytes += frame.size()
	}
	f.shrinkOlder()
	w := f.window
	if f.olderFrom+uint64(len(f.older))+1 < w.first {
		return
	}
	if f.olderFrom+1 < w.first {
		w = w.extended(f.older[:w.first-1-f.olderFrom])
	}
	if f.olderFrom > f.olderFor {
		w = w.cutAt(f.olderFrom)
	}
	if f.wanted >= f.olderFor {
		f.wanted = noneWanted
	}
	f.window = w
	f.dropOlder()
}

// shrinkOlder drops the oldest of what is more than a window keeps: fetching goes on
// towards the window, and what was dropped is cut off when it gets there.
func (f *Feed) shrinkOlder() {
	drop := max(0, len(f.older)-windowEntries)
	for _, frame := range f.older[:drop] {
		f.olderBytes -= frame.size()
	}
	for f.olderBytes > windowBytes && drop < len(f.older)-1 {
		f.olderBytes -= f.older[drop].size()
		drop++
	}
	clear(f.older[:drop]) // the array behind the rest is kept
	f.older, f.olderFrom = f.older[drop:], f.olderFrom+uint64(drop)
}

// fetchNoOlder lets go of what was fetched before the window, and of the wish for it.
func (f *Feed) fetchNoOlder() {
	f.wanted = noneWanted
	f.dropOlder()
}

func (f *Feed) dropOlder() { f.older, f.olderBytes = nil, 0 }

// Failed notes that a task's call has failed. A new owner may know better what is
// newer than the window: it is asked.
func (f *Feed) Failed(task Task) {
	if task.Job == Forward {
		f.forsake()
	}
}

// GiveUp lets go of what could not be fetched: it becomes a gap.
func (f *Feed) GiveUp(task Task) {
	if task.Job == Forward {
		next := f.window.restarted(f.window.head - uint64(len(f.ahead)) + 1)
		f.window = next
		f.join()
	}
	f.fetchNoOlder()
	f.window = f.window.cutAt(f.window.first - 1)
}

// Marked notes that the person's marks were got and given to their sessions.
func (f *Feed) Marked(task Task) {
	if task.losses == f.losses {
		f.unmarked = false
	}
}
