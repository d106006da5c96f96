//go:build e2e

package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"bongsu/internal/checker"
)

// TestCrash kills the server again and again under load. In the end everybody
// has every entry once and in order, and the timelines hold what was acknowledged.
func TestCrash(t *testing.T) {
	onEachParts(t, func(t *testing.T, p *parts) {
		s := newServer(t, p)
		s.up(t)
		f := newFleet(t, s, *peopleFlag)
		f.connect(t)
		f.load(*rateFlag)
		var slowest time.Duration
		for range *killsFlag {
			time.Sleep(*upFlag/2 + rand.N(*upFlag)) // at any moment of the server's work
			s.kill()
			down := time.Now()
			s.up(t)
			f.awaitOnline(t)
			slowest = max(slowest, time.Since(down))
		}
		time.Sleep(*upFlag)
		f.settle()
		f.judge(t)
		t.Logf("%d kills: %d events acknowledged, %d entries received by %d people in %d sessions; everybody back within %s",
			*killsFlag, f.ledger.acknowledged(), f.received(), len(f.members), f.sessions(), slowest.Round(time.Millisecond))
	})
}

// judge fails the test unless every promise was kept.
func (f *fleet) judge(t *testing.T) {
	t.Helper()
	if violations := f.verdict(t); len(violations) > 0 {
		t.Errorf("%d violations:\n%s", len(violations), checker.Summary(violations, 40))
	}
	if f.received() == 0 || f.ledger.acknowledged() == 0 {
		t.Error("nothing was published or received: nothing was tested")
	}
}

// TestJudgeNotices is the test of the test: one person loses an entry, one
// writes one down twice, one swaps two, and exactly that must be found.
func TestJudgeNotices(t *testing.T) {
	const nth = 20
	s := newServer(t, startParts(t, "embedded"))
	s.up(t)
	f := newFleet(t, s, 3*mallSize)
	drop, double, swap := f.members[0], f.members[1], f.members[2]
	drop.spoil = func(n int, step checker.Step) []checker.Step {
		if n == nth {
			return nil
		}
		return []checker.Step{step}
	}
	double.spoil = func(n int, step checker.Step) []checker.Step {
		if n == nth {
			return []checker.Step{step, step}
		}
		return []checker.Step{step}
	}
	var held []checker.Step
	swap.spoil = func(n int, step checker.Step) []checker.Step {
		if n < nth {
			return []checker.Step{step}
		}
		if held == nil {
			held = []checker.Step{step}
			return nil
		}
		if len(held) > 0 && held[0].Stream == step.Stream {
			out := []checker.Step{step, held[0]}
			held = held[:0]
			return out
		}
		return []checker.Step{step}
	}
	f.connect(t)
	f.load(*rateFlag)
	time.Sleep(3 * time.Second)
	f.settle()
	want := map[string]map[checker.Kind]bool{
		drop.admin:   {checker.Loss: true, checker.SilentGap: true},
		double.admin: {checker.Duplicate: true},
		swap.admin:   {checker.Reorder: true, checker.SilentGap: true},
	}
	need := map[string]checker.Kind{drop.admin: checker.Loss, double.admin: checker.Duplicate, swap.admin: checker.Reorder}
	awaitThat(t, "everything but what was spoilt", func() bool { return len(checker.Check(f.report())) <= 5 })
	for _, v := range f.spoiltVerdict(t) {
		if !want[v.Person][v.Kind] {
			t.Errorf("found what is not there: %s", v)
		}
		if need[v.Person] == v.Kind {
			delete(need, v.Person)
		}
	}
	for admin, kind := range need {
		t.Errorf("the %s of %s went unnoticed", kind, admin)
	}
}

// spoiltVerdict is a verdict that does not wait for the run to become flawless.
func (f *fleet) spoiltVerdict(t *testing.T) []checker.Violation {
	t.Helper()
	run := f.report()
	run.Timelines = map[string][]checker.Listed{}
	for _, m := range f.members {
		for _, stream := range m.streams() {
			if run.Timelines[stream] == nil {
				run.Timelines[stream] = f.listed(t, m, only("stream", stream))
			}
		}
	}
	return checker.Check(run)
}
