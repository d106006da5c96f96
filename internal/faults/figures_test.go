package faults

import (
	"strings"
	"testing"

	"bongsu/internal/faults/report"
)

func TestFiguresWithoutAMeasurementAreNotMet(t *testing.T) {
	yes, no := func(report.Spans) bool { return true }, func(report.Spans) bool { return false }
	for _, c := range []struct {
		name string
		add  func(*Figures)
		met  bool
	}{
		{"no row", func(*Figures) {}, false},
		{"a row as it must be", func(f *Figures) { f.add("x", "y", []float64{1}, yes) }, true},
		{"a row that wants nothing", func(f *Figures) { f.add("x", "", []float64{1}, nil) }, true},
		{"a row as it must not be", func(f *Figures) { f.add("x", "y", []float64{1}, no) }, false},
		{"one of two as it must not be", func(f *Figures) { f.add("x", "y", []float64{1}, no); f.none("z", 0, 1) }, false},
		{"a row without a try", func(f *Figures) { f.add("x", "y", nil, yes) }, false},
		{"a row without a try that wants nothing", func(f *Figures) { f.add("x", "", nil, nil) }, false},
		{"none of some", func(f *Figures) { f.none("x", 0, 5) }, true},
		{"one of some", func(f *Figures) { f.none("x", 1, 5) }, false},
		{"none of none", func(f *Figures) { f.none("x", 0, 0) }, false},
		{"enough", func(f *Figures) { f.count("x", 5, 5) }, true},
		{"too few", func(f *Figures) { f.count("x", 4, 5) }, false},
		{"none at all", func(f *Figures) { f.count("x", 0, 0) }, false},
	} {
		f := &Figures{}
		c.add(f)
		if f.Met() != c.met {
			t.Errorf("%s: met is %v", c.name, f.Met())
		}
		if missed := strings.Contains(strings.Join(f.Lines(), "\n"), "MISSED"); missed == c.met && len(f.Rows) > 0 {
			t.Errorf("%s: the lines say otherwise: %q", c.name, f.Lines())
		}
	}
}
