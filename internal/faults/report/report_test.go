package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOverlappingWaitsAreOneGap(t *testing.T) {
	waits := []Wait{{5, 8}, {1, 1.1}, {6, 9}, {20, 20.5}, {8.5, 10}, {30, 33}}
	if got, want := Gaps(waits, 1), []Wait{{5, 10}, {30, 33}}; !slices.Equal(got, want) {
		t.Errorf("gaps %v, want %v", got, want)
	}
	if got := Gaps(nil, 1); got != nil {
		t.Errorf("no waits have the gaps %v", got)
	}
}

func TestQuantilesAreThoseOfTheSpans(t *testing.T) {
	seconds := make([]float64, 100)
	for i := range seconds {
		seconds[99-i] = float64(i + 1)
	}
	if got, want := SpansOf(seconds), (Spans{100, 50, 90, 99, 100}); got != want {
		t.Errorf("quantiles %+v, want %+v", got, want)
	}
	if got := SpansOf([]float64{3}); got.P50 != 3 || got.P99 != 3 {
		t.Errorf("of one span %+v", got)
	}
}

func sample() *Report {
	r := &Report{
		Title: "Faults <&>", Started: time.Unix(1e9, 0), Seconds: 60, Seed: 7,
		Setup:  Setup{Nodes: 3, LeftOut: []string{"clock jumps: no compiler"}},
		Faults: []Fault{{Number: 1, Kind: "kill", Where: "n1", At: 10, Until: 14, Healed: 15}, {Number: 2, Kind: "outage", Where: "kafka", At: 30, Until: 36, Healed: 37}},
		Nodes:  []NodeSeries{{Name: "n1", Samples: []Sample{{At: 1, RSS: 5e7, Goroutines: 80}}}, {Name: "n2"}},
	}
	r.Stalls = []Wait{{20, 21}}
	r.SetService(1, []PersonGaps{{Name: "1"}, {Name: "2"}, {Name: "3"}},
		[][]Wait{{{10.2, 13}, {13.5, 14.9}}, {{11, 16}}, nil})
	return r
}

func TestServiceIsCountedByPersonSecondAndFault(t *testing.T) {
	r := sample()
	if p := r.Service.People[0]; p.Gaps != 2 || p.Longest < 2.79 || p.Total < 4.19 {
		t.Errorf("the first person: %+v", p)
	}
	if got := r.Service.Without[9:18]; !slices.Equal(got, []int{0, 1, 2, 2, 2, 2, 1, 1, 0}) {
		t.Errorf("without service from second 9 on: %v", got)
	}
	if f := r.Faults[0]; f.Hit != 2 || f.Longest != 5 {
		t.Errorf("the fault that did it: %+v", f)
	}
	if f := r.Faults[1]; f.Hit != 0 {
		t.Errorf("the fault that did not: %+v", f)
	}
}

func TestAReportIsWrittenAsJSONAndAsAPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	r := sample()
	r.Violations, r.ViolationsInAll = []Violation{{"loss", "n1: <all> seq 3"}}, 1
	if err := r.Write(dir, "run"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil || len(back.Faults) != 2 {
		t.Errorf("read back %+v, %v", back, err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "run.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Faults &lt;&amp;&gt;", "1 violations", "&lt;all&gt;", "clock jumps: no compiler", "kafka", "#1 kill of n1", "stood still at 0:20.0"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, foreign := range []string{"src=", "href=", "url(", "@import"} {
		if strings.Contains(string(page), foreign) {
			t.Errorf("the page loads something: %s", foreign)
		}
	}
	if strings.Contains(string(page), "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}
