// Package report is what a run of the fault bench found, as JSON and as a page
// with a drawing of the faults and of the people without service over time.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Report is a run. All moments and spans are seconds; moments count from Started.
type Report struct {
	Title   string    `json:"title"`
	Started time.Time `json:"started"`
	// Seconds is how long the load ran.
	Seconds float64 `json:"seconds"`
	Seed    uint64  `json:"seed"`
	// OK says that nothing is in Violations.
	OK bool `json:"ok"`

	Setup   Setup   `json:"setup"`
	Load    Load    `json:"load"`
	Faults  []Fault `json:"faults"`
	Service Service `json:"service"`
	// Stalls are when the bench itself stood still, for want of a processor: what
	// people waited then says nothing of the hub.
	Stalls     []Wait      `json:"stalls"`
	Violations []Violation `json:"violations"`
	// ViolationsInAll counts them where Violations holds the first only, and
	// ViolationsByKind those of each kind.
	ViolationsInAll  int            `json:"violationsInAll"`
	ViolationsByKind map[string]int `json:"violationsByKind,omitempty"`
	Nodes            []NodeSeries   `json:"nodes"`
}

// Setup is what the run stood on.
type Setup struct {
	Nodes    int      `json:"nodes"`
	People   int      `json:"people"`
	Rate     float64  `json:"eventsPerSecond"`
	Parts    []string `json:"parts"`
	Kinds    []string `json:"kinds"`
	Mutant   string   `json:"mutant,omitempty"`
	LeftOut  []string `json:"leftOut,omitempty"`
	Revision string   `json:"revision,omitempty"`
}

// Load is what was published and what came of it.
type Load struct {
	Published    int `json:"published"`
	Acknowledged int `json:"acknowledged"`
	// Posted are those of the acknowledged events that were published over HTTP.
	Posted int `json:"posted"`
	// Repeats are tries beyond an event's first, over Kafka and HTTP.
	Repeats int `json:"repeats"`
	// Refused counts HTTP publishes that a node did not take at the first try.
	Refused           int   `json:"refused"`
	JournalEntries    int   `json:"journalEntries"`
	JournalDuplicates int   `json:"journalDuplicates"`
	Received          int   `json:"received"`
	Sessions          int   `json:"sessions"`
	Gaps              int   `json:"announcedGaps"`
	Marks             int   `json:"marksAcknowledged"`
	Pages             int   `json:"timelinesCompared"`
	Latency           Spans `json:"latency"`
}

// Spans are quantiles of a set of time spans, in seconds.
type Spans struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Fault is one that was injected.
type Fault struct {
	Number int    `json:"number"`
	Kind   string `json:"kind"`
	// Where is the node or the server that it befell.
	Where string  `json:"where"`
	At    float64 `json:"at"`
	// Until is when the cause was taken away, Healed when the node was fit for
	// traffic again.
	Until  float64 `json:"until"`
	Healed float64 `json:"healed"`
	Note   string  `json:"note,omitempty"`
	// Hit is how many people were without service because of it, or beside it, and
	// Longest for how long.
	Hit     int     `json:"peopleHit"`
	Longest float64 `json:"longestWithoutService"`
}

// Service is how long people were without it: an acknowledged event for them had
// been waiting for longer than Patience.
type Service struct {
	Patience float64 `json:"patience"`
	// Longest and Total are over people: the longest stretch of each, and all of it.
	Longest Spans `json:"longest"`
	Total   Spans `json:"total"`
	// Without holds how many were without service in each second.
	Without []int        `json:"without"`
	People  []PersonGaps `json:"people"`
}

// PersonGaps is one person's time without service.
type PersonGaps struct {
	Name     string  `json:"name"`
	Over     string  `json:"over"`
	Sessions int     `json:"sessions"`
	Gaps     int     `json:"gaps"`
	Longest  float64 `json:"longest"`
	Total    float64 `json:"total"`
	// LongestAt is when the longest began, and Waited what was waited for in it.
	LongestAt float64 `json:"longestAt"`
	Waited    string  `json:"waited,omitempty"`
}

// Violation is a broken promise.
type Violation struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// Violate adds broken promises. It lists no more than most of them in all, and
// counts every one.
func (r *Report) Violate(most int, violations ...Violation) {
	for _, v := range violations {
		if len(r.Violations) < most {
			r.Violations = append(r.Violations, v)
		}
		if r.ViolationsByKind == nil {
			r.ViolationsByKind = map[string]int{}
		}
		r.ViolationsByKind[v.Kind]++
	}
	r.ViolationsInAll += len(violations)
	r.OK = r.ViolationsInAll == 0
}

// NodeSeries is what one node's metrics said over time.
type NodeSeries struct {
	Name    string   `json:"name"`
	Samples []Sample `json:"samples"`
}

// Sample is a node's metrics at one moment.
type Sample struct {
	At         float64            `json:"at"`
	RSS        float64            `json:"rssBytes"`
	Goroutines float64            `json:"goroutines"`
	Other      map[string]float64 `json:"other,omitempty"`
}

// Write writes name.json and name.html into dir, which it makes if need be.
func (r *Report) Write(dir, name string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	page, err := r.HTML()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return errors.Join(
		os.MkdirAll(dir, 0o750),
		os.WriteFile(filepath.Join(dir, name+".json"), text, 0o600),
		os.WriteFile(filepath.Join(dir, name+".html"), page, 0o600),
	)
}
