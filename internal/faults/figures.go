package faults

import (
	"fmt"
	"slices"
	"time"

	"bongsu/internal/faults/report"
)

// Figures are measurements, with what they must be.
type Figures struct {
	Title   string    `json:"title"`
	Started time.Time `json:"started"`
	Rows    []Figure  `json:"figures"`
	// Notes say what else was seen.
	Notes []string `json:"notes,omitempty"`
}

// Figure is one measurement over several tries, in seconds.
type Figure struct {
	Name string `json:"name"`
	report.Spans
	// Goal is what it must be, in words; Met whether it is.
	Goal string `json:"goal,omitempty"`
	Met  bool   `json:"met"`
	// Each holds every try in its order.
	Each []float64 `json:"each,omitempty"`
}

// add adds a measurement; met judges it, nil wants nothing of it but that
// something was measured.
func (f *Figures) add(name, goal string, seconds []float64, met func(report.Spans) bool) {
	each := slices.Clone(seconds)
	f.spans(name, goal, report.SpansOf(seconds), met)
	f.Rows[len(f.Rows)-1].Each = each
}

// spans adds a measurement of which the quantiles are known, as add does.
func (f *Figures) spans(name, goal string, spans report.Spans, met func(report.Spans) bool) {
	f.Rows = append(f.Rows, Figure{Name: name, Spans: spans, Goal: goal, Met: spans.Count > 0 && (met == nil || met(spans))})
}

// none adds a count that must be 0, of tries of which there must be some.
func (f *Figures) none(name string, count, tries int) {
	f.Rows = append(f.Rows, Figure{Name: name, Spans: report.Spans{Count: count}, Goal: "none", Met: count == 0 && tries > 0})
}

// count adds a count that must be no less than wanted, and not 0.
func (f *Figures) count(name string, count, wanted int) {
	f.Rows = append(f.Rows, Figure{
		Name: name, Spans: report.Spans{Count: count}, Goal: fmt.Sprint("at least ", wanted), Met: count > 0 && count >= wanted,
	})
}

// Met reports whether there are measurements and every one is as it must be.
func (f *Figures) Met() bool {
	return len(f.Rows) > 0 && !slices.ContainsFunc(f.Rows, func(r Figure) bool { return !r.Met })
}

// Lines returns the measurements, a line each.
func (f *Figures) Lines() []string {
	lines := []string{f.Title}
	for _, r := range f.Rows {
		line := fmt.Sprintf("  %-58s n %-6d", r.Name, r.Count)
		if r.Max > 0 { // else it is a count, or nothing was measured
			line += fmt.Sprintf(" p50 %6.0f ms  p99 %6.0f ms  max %6.0f ms", 1000*r.P50, 1000*r.P99, 1000*r.Max)
		}
		switch {
		case r.Goal != "" && r.Met:
			line += "  " + r.Goal + ": met"
		case r.Goal != "":
			line += "  " + r.Goal + ": MISSED"
		case !r.Met:
			line += "  nothing was measured: MISSED"
		}
		lines = append(lines, line)
	}
	return append(lines, f.Notes...)
}
