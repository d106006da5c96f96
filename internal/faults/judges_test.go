package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bongsu/internal/checker"
	"bongsu/internal/client"
	"bongsu/internal/faults/report"
	"bongsu/internal/hub"
)

func TestAMutantIsFoundByItsOwnViolationsAlone(t *testing.T) {
	unrelated := []string{"not healed", "not online", "end", "idle", "client", "log", "metrics", noAnswer, string(checker.Miscount)}
	for _, m := range mutants() {
		result := func(kinds ...string) *MutantResult {
			r := &report.Report{}
			for _, kind := range kinds {
				r.Violate(maxViolations, report.Violation{Kind: kind})
			}
			return &MutantResult{Name: m.name, Found: m.found(r), Report: r}
		}
		if got := result(); got.OK() != (m.name == "") {
			t.Errorf("%q without a violation: OK is %v", m.name, got.OK())
		}
		for _, kind := range unrelated {
			if result(kind).OK() {
				t.Errorf("%q is told by %q", m.name, kind)
			}
		}
		if m.name != "" && len(m.reveals) == 0 {
			t.Errorf("nothing reveals %q", m.name)
		}
		for _, kind := range m.reveals {
			if got := result("not online", kind); !got.OK() || !slices.Equal(got.Found, []string{kind}) {
				t.Errorf("%q is not told by %q: %v", m.name, kind, got.Found)
			}
		}
	}
}

func TestAMutantIsFoundBeyondTheViolationsThatAreListed(t *testing.T) {
	r := &report.Report{}
	for range 5 {
		r.Violate(3, report.Violation{Kind: "not online"})
	}
	r.Violate(3, report.Violation{Kind: string(checker.Loss)})
	drop := mutants()[len(mutants())-1]
	if len(r.Violations) != 3 || r.ViolationsInAll != 6 || r.OK || !slices.Equal(drop.found(r), []string{string(checker.Loss)}) {
		t.Errorf("%d listed of %d, found %v", len(r.Violations), r.ViolationsInAll, drop.found(r))
	}
}

func TestABroadcastCostsEveryOtherNodeOneBatch(t *testing.T) {
	names := []string{"n1", "n2", "n3"}
	for _, c := range []struct {
		name     string
		messages map[string][]float64
		events   int
		met      bool
	}{
		{"one to each other node", map[string][]float64{"n1": {0, 0}, "n2": {1, 1}, "n3": {1, 1}}, 2, true},
		{"none at all", map[string][]float64{"n1": {0, 0}, "n2": {0, 0}, "n3": {0, 0}}, 2, false},
		{"none for one event", map[string][]float64{"n1": {0, 0}, "n2": {1, 1}, "n3": {1, 0}}, 2, false},
		{"two to one node", map[string][]float64{"n1": {0, 0}, "n2": {2, 1}, "n3": {0, 1}}, 2, false},
		{"one to the owner as well", map[string][]float64{"n1": {1, 0}, "n2": {1, 1}, "n3": {1, 1}}, 2, false},
		{"a node without counts", map[string][]float64{"n2": {1, 1}, "n3": {1, 1}}, 2, false},
		{"an event without counts", map[string][]float64{"n1": {0}, "n2": {1}, "n3": {1}}, 2, false},
		{"no event", nil, 0, false},
	} {
		f := &Figures{}
		if f.batches(names, c.messages, c.events); f.Met() != c.met {
			t.Errorf("%s: met is %v", c.name, f.Met())
		}
	}
}

func TestARunInWhichSomethingNeverHappenedIsIdle(t *testing.T) {
	full := func() *report.Report {
		r := &report.Report{Faults: make([]report.Fault, 1), Nodes: make([]report.NodeSeries, 1)}
		r.Load = report.Load{Acknowledged: 1, Posted: 1, JournalEntries: 1, Received: 1, Pages: 1, Marks: 1, Latency: report.Spans{Count: 1}}
		return r
	}
	if found := idle(full(), true); found != nil {
		t.Fatalf("idle: %v", found)
	}
	for i, spoil := range []func(*report.Report){
		func(r *report.Report) { r.Load.Acknowledged = 0 }, func(r *report.Report) { r.Load.Posted = 0 },
		func(r *report.Report) { r.Load.JournalEntries = 0 }, func(r *report.Report) { r.Load.Received = 0 },
		func(r *report.Report) { r.Load.Pages = 0 }, func(r *report.Report) { r.Load.Marks = 0 },
		func(r *report.Report) { r.Load.Latency.Count = 0 }, func(r *report.Report) { r.Nodes = nil },
		func(r *report.Report) { r.Faults = nil },
	} {
		r := full()
		if spoil(r); len(idle(r, true)) != 1 {
			t.Errorf("spoilt %d: found %v", i, idle(r, true))
		}
	}
	r := full()
	if r.Faults = nil; idle(r, false) != nil {
		t.Error("faults are missed where none was wanted")
	}
}

func TestAStreamThatNoSessionNamedIsMissed(t *testing.T) {
	names := []hub.Stream{"all", "admin:1", "mall:1"}
	p := &checker.Person{Steps: []checker.Step{
		{Kind: checker.Joined, Stream: "all"}, {Kind: checker.Joined, Stream: "admin:1"}, {Kind: checker.Received, Stream: "mall:1", Seq: 1},
	}}
	if got := neverJoined(p, names); !slices.Equal(got, []hub.Stream{"mall:1"}) {
		t.Errorf("missed %v", got)
	}
}

func TestALogThatCannotBeReadIsAComplaint(t *testing.T) {
	n := &Node{Name: "n1", log: filepath.Join(t.TempDir(), "bongsu.log")}
	if found := n.complaints(); found != nil {
		t.Errorf("of a node that was never started: %v", found)
	}
	n.process = &exec.Cmd{Process: &os.Process{Pid: 1}}
	if found := n.complaints(); len(found) != 1 {
		t.Errorf("of a node without a log: %v", found)
	}
	if err := os.WriteFile(n.log, []byte("all is well\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := n.complaints(); found != nil {
		t.Errorf("of a node that is well: %v", found)
	}
}

func TestReconnectsAreJudged(t *testing.T) {
	nodes := []*Node{{Name: "n1"}, {Name: "n2"}}
	crowdOf := func(ends map[string]int, spread time.Duration) *crowd {
		c := &crowd{nodes: nodes}
		for name, n := range ends {
			for i := range n {
				at := time.Duration(i) * spread / time.Duration(n)
				c.people = append(c.people, &person{closings: []closing{{at, name, client.CloseRestarting}}})
			}
		}
		return c
	}
	const window = 5 * time.Second
	for _, c := range []struct {
		name string
		ends map[string]int
		over time.Duration
		met  bool
	}{
		{"two restarts, spread", map[string]int{"n1": 100, "n2": 100}, window, true},
		{"two restarts, all at once", map[string]int{"n1": 100, "n2": 100}, 0, false},
		{"one of two told nobody", map[string]int{"n1": 100}, window, false},
		{"nobody was told", nil, window, false},
	} {
		f := &Figures{}
		if f.reconnects(crowdOf(c.ends, c.over), window, 2); f.Met() != c.met {
			t.Errorf("%s: met is %v: %q", c.name, f.Met(), f.Lines())
		}
	}
}
