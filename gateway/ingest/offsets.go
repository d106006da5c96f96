package ingest

import (
	"sync"
	"time"

	"bongsu/internal/hub"
)

const (
	// maxUncommitted is how many records of one stream this member may have
	// appended whose ingress offsets are not committed. A crash repeats them, and
	// a stream knows an id again among its last hub.DuplicateWindow entries.
	maxUncommitted = hub.DuplicateWindow / 4
	// commitAfter is how long an appended record waits for its offset's commit, so
	// that one commit serves many.
	commitAfter = 50 * time.Millisecond
)

// offsets commits how far a claim has been ingested: some time after the first
// record, or before too many records of one stream would be uncommitted. One
// commit is under way at a time, while the next records are appended.
type offsets struct {
	store func(next int64) error // commits; blocks
	// claims returns how many claims share maxUncommitted.
	claims func() int
	// waiting counts the records of each stream that wait for a commit, up to next.
	waiting map[hub.Stream]int
	next    int64
	// started is where the last commit begun leads to.
	started int64
	// due fires when a commit is due.
	due   <-chan time.Time
	timer *time.Timer

	underWay sync.WaitGroup
	err      error
}

// newOffsets returns the offsets of one of claims claims, read from offset from.
func newOffsets(claims func() int, from int64, store func(next int64) error) *offsets {
	timer := time.NewTimer(commitAfter)
	timer.Stop()
	return &offsets{
		store: store, timer: timer, due: timer.C, next: from, started: from,
		claims: claims, waiting: make(map[hub.Stream]int),
	}
}

// perTarget returns the most records of one stream in a commit. Twice as many may
// be uncommitted: those of the commit under way, and those that wait.
func (o *offsets) perTarget() int { return max(1, maxUncommitted/(2*max(1, o.claims()))) }

// makeRoom commits what waits if the batch would bring too much to wait with it.
func (o *offsets) makeRoom(b *batch) error {
	for stream, count := range b.targets {
		if before := o.waiting[stream]; before > 0 && before+count > o.perTarget() {
			return o.commit()
		}
	}
	return nil
}

// add lets a batch wait that has been appended.
func (o *offsets) add(b *batch) {
	if o.next == o.started {
		o.timer.Reset(commitAfter)
	}
	for stream, count := range b.targets {
		o.waiting[stream] += count
	}
	o.next = b.next
}

// commit starts to commit what waits, after the commit under way has ended; it
// returns the error of that one.
func (o *offsets) commit() error {
	o.underWay.Wait()
	if o.err != nil {
		return o.err
	}
	o.timer.Stop()
	next := o.next
	if next == o.started {
		return nil
	}
	o.started = next
	clear(o.waiting)
	o.underWay.Go(func() { o.err = o.store(next) })
	return nil
}

// finish commits what waits and returns when that is done.
func (o *offsets) finish() error {
	if err := o.commit(); err != nil {
		return err
	}
	o.underWay.Wait()
	return o.err
}
