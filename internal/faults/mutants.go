package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"bongsu/internal/checker"
	"bongsu/internal/faults/report"
)

// mutant is a fault built into the hub, the faults from outside that bring it to
// light, and the kinds of violation as which it comes to light: others, such as a
// node that is slow to end, say nothing of it.
type mutant struct {
	name    string
	kinds   []Kind
	reveals []string
}

// mutants are all that the build tag "mutants" knows. The first is none: what the
// others are judged by must let a sound hub pass.
func mutants() []mutant {
	of := func(also string, kinds ...checker.Kind) []string {
		names := []string{also}
		for _, kind := range kinds {
			names = append(names, string(kind))
		}
		return names
	}
	return []mutant{
		{"", []Kind{Kill, BlindKill, PauseLong, Leave}, nil},
		{"memory-numbers", []Kind{Kill, Leave}, of(wrongTimeline, checker.Mismatch, checker.Duplicate, checker.Misnumbered, checker.Reorder, checker.Regress)},
		{"commit-early", []Kind{BlindKill}, of(wrongTimeline, checker.Loss)},
		{"stale-writer", []Kind{PauseLong, Leave}, of(wrongTimeline, checker.Mismatch, checker.Invented)},
		{"drop-batch", []Kind{PauseShort}, of(lostMark, checker.Loss, checker.SilentGap)},
	}
}

// found returns the kinds of violation in a report that show the mutant; all kinds
// show a sound hub to be none.
func (m *mutant) found(r *report.Report) []string {
	var found []string
	for kind := range r.ViolationsByKind {
		if m.name == "" || slices.Contains(m.reveals, kind) {
			found = append(found, kind)
		}
	}
	slices.Sort(found)
	return found
}

// MutantResult is what became of one mutant.
type MutantResult struct {
	// Name is empty for the sound hub.
	Name string
	// Found are the kinds of violation that show the mutant, as there must be but in
	// a sound hub. Violations of other kinds are in the report alone.
	Found  []string
	Report *report.Report
}

// OK reports whether the bench told the mutant from a sound hub.
func (m *MutantResult) OK() bool { return (len(m.Found) > 0) == (m.Name != "") }

// Mutants runs a sound hub and every mutant, or only the one that is named, for
// config.Duration each, with the binary that was built with the tag "mutants".
func Mutants(ctx context.Context, config Config, only string) ([]MutantResult, error) {
	var results []MutantResult
	for _, m := range mutants() {
		if only != "" && m.name != only && m.name != "" {
			continue
		}
		name := m.name
		if name == "" {
			name = "sound"
		}
		run := config
		run.Title, run.Mutant, run.Kinds, run.Dir = "Mutant: "+name, m.name, m.kinds, filepath.Join(config.Dir, name)
		if err := makeDirs(run.Dir); err != nil {
			return results, err
		}
		start := time.Now()
		r, err := Run(ctx, run)
		if err != nil {
			return results, fmt.Errorf("%s: %w", name, err)
		}
		config.Log.Info("mutant", "name", name, "violations", r.ViolationsByKind, "took", time.Since(start).Round(time.Second))
		results = append(results, MutantResult{Name: m.name, Found: m.found(r), Report: r})
	}
	return results, nil
}
