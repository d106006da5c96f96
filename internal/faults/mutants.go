package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"bongsu/internal/faults/report"
)

// mutant is a fault built into the hub, and the faults from outside that bring
// it to light.
type mutant struct {
	name  string
	kinds []Kind
}

// mutants are all that the build tag "mutants" knows. The first is none: what the
// others are judged by must let a sound hub pass.
func mutants() []mutant {
	return []mutant{
		{"", []Kind{Kill, BlindKill, PauseLong, Leave}},
		{"memory-numbers", []Kind{Kill, Leave}},
		{"commit-early", []Kind{BlindKill}},
		{"stale-writer", []Kind{PauseLong, Leave}},
		{"drop-batch", []Kind{PauseShort}},
	}
}

// MutantResult is what became of one mutant.
type MutantResult struct {
	// Name is empty for the sound hub.
	Name string
	// Found says that violations were found, as they must be but in a sound hub.
	Found  bool
	Report *report.Report
}

// OK reports whether the bench told the mutant from a sound hub.
func (m *MutantResult) OK() bool { return m.Found == (m.Name != "") }

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
		config.Log.Info("mutant", "name", name, "violations", r.ViolationsInAll, "took", time.Since(start).Round(time.Second))
		results = append(results, MutantResult{Name: m.name, Found: !r.OK, Report: r})
	}
	return results, nil
}
