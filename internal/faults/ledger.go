package faults

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"bongsu/internal/checker"
)

// idPrefix begins the id of every event of a run; its number follows.
const idPrefix = "e"

// Ledger is what the publishers know: every event that was tried, and whether and
// when it was acknowledged. It is safe for use by several goroutines.
type Ledger struct {
	began time.Time

	mu     sync.Mutex
	events []published
	// posted counts what was acknowledged over HTTP.
	posted int
	// repeats counts tries beyond the first; refused says why nodes did not take what
	// was published over HTTP.
	repeats int
	refused []error
}

// published is one event. A run has hundreds of thousands: it is kept small.
type published struct {
	targets []string
	acked   time.Duration // of the run's clock; 0 is not yet
	source  int32         // the ingress partition, -1 where the place is not known
	place   int64
}

func newLedger() *Ledger { return &Ledger{began: time.Now()} }

// clock returns the time since the run began.
func (l *Ledger) clock() time.Duration { return time.Since(l.began) }

// begin writes an event down before its first try and returns its number.
func (l *Ledger) begin(targets ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, published{targets: targets, source: -1})
	return len(l.events) - 1
}

// acknowledge writes down that an event is acknowledged, at its place in an
// ingress partition; source is -1 where an earlier try may stand before it.
func (l *Ledger) acknowledge(number int, source int32, place int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &l.events[number]
	e.acked, e.source, e.place = max(1, l.clock()), source, place
}

// acknowledgePost writes down that an event that was published over HTTP is
// acknowledged.
func (l *Ledger) acknowledgePost(number int) {
	l.acknowledge(number, -1, 0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posted++
}

// again counts a try beyond the first; refused, if not nil, is why a node did not
// take the one before.
func (l *Ledger) again(refused error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.repeats++
	if refused != nil {
		l.refused = append(l.refused, fmt.Errorf("%s: %w", l.clock().Round(time.Millisecond), refused))
	}
}

// tries returns how many events were tried and acknowledged.
func (l *Ledger) tries() (tried, acknowledged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.events {
		if l.events[i].acked > 0 {
			acknowledged++
		}
	}
	return len(l.events), acknowledged
}

// ackedAt returns when the event was acknowledged.
func (l *Ledger) ackedAt(number int) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number >= len(l.events) || l.events[number].acked == 0 {
		return 0, false
	}
	return l.events[number].acked, true
}

// newestToAll returns the number of the newest event for everybody that was
// acknowledged between two times, -1 if there is none.
func (l *Ledger) newestToAll(from, to time.Duration) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.events) - 1; i >= 0; i-- {
		if e := &l.events[i]; e.acked > from && e.acked < to && e.targets[0] == "all" {
			return i
		}
	}
	return -1
}

// checked returns all events as the checker takes them.
func (l *Ledger) checked() []checker.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := make([]checker.Event, len(l.events))
	for i, e := range l.events {
		events[i] = checker.Event{ID: eventID(i), Targets: e.targets, Acknowledged: e.acked > 0}
		if e.source >= 0 && e.acked > 0 {
			events[i].Source, events[i].Place = fmt.Sprint(Topic, "/", e.source), e.place
		}
	}
	return events
}

// eventID returns the id of an event by its number.
func eventID(number int) string { return fmt.Sprintf("%s%07d", idPrefix, number) }

// eventNumber returns the number in an id, and whether it is one of ours.
func eventNumber(id string) (int, bool) {
	digits, ours := strings.CutPrefix(id, idPrefix)
	number, err := strconv.Atoi(digits)
	return number, ours && err == nil && number >= 0
}

// notice is an event as a domain service publishes it.
func notice(number int, targets []string) map[string]any {
	return map[string]any{
		"id": eventID(number), "type": "NOTICE", "targets": targets,
		"title": "A notice of the fault bench", "body": "It says where it is from and nothing else.",
	}
}
