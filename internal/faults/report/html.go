package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

//go:embed page.html.tmpl
var pageText string

// Sizes of the drawing, in its own units.
const (
	leastWidth = 1100.0
	perSecond  = 2.0
	labelWidth = 110.0
	rowHeight  = 26.0
	areaHeight = 120.0

	// machine is the row of what befell the bench itself, in grey.
	machine = "the bench"
	grey    = 11
)

// page is what the template shows.
type page struct {
	*Report
	Width, Height float64
	Rows          []row
	Bars          []bar
	Ticks         []tick
	Area          string
	AreaTop       float64
	AreaBottom    float64
	Most          int
	Legend        []legend
	ByKind        []kindCount
}

type (
	row struct {
		Name string
		Y    float64
	}
	bar struct {
		X, Y, Width, Heal float64
		Colour            int
		Title             string
	}
	tick struct {
		X     float64
		Label string
	}
	legend struct {
		Kind          string
		Colour, Count int
	}
	kindCount struct {
		Kind  string
		Count int
	}
)

// HTML returns the report as a page that needs nothing beside itself.
func (r *Report) HTML() ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"seconds": func(s float64) string { return fmt.Sprintf("%.2f s", s) },
		"millis":  func(s float64) string { return fmt.Sprintf("%.0f ms", 1000*s) },
		"clock":   clock,
		"minus":   func(a, b float64) float64 { return a - b },
		"plus":    func(a, b float64) float64 { return a + b },
		"mb":      func(bytes float64) string { return fmt.Sprintf("%.0f MB", bytes/1e6) },
		"last":    func(s []Sample) Sample { return s[len(s)-1] },
	}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, r.draw()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// clock writes a moment as minutes and seconds.
func clock(s float64) string { return fmt.Sprintf("%d:%04.1f", int(s)/60, s-float64(int(s)/60*60)) }

// draw lays the drawing out.
func (r *Report) draw() *page {
	p := &page{Report: r, Width: labelWidth + max(leastWidth, perSecond*r.Seconds) + 20}
	scale := (p.Width - labelWidth - 20) / max(1, r.Seconds)
	x := func(at float64) float64 { return labelWidth + scale*max(0, min(at, r.Seconds)) }
	rows := p.rows()
	colours := p.colours()
	for _, f := range r.Faults {
		p.Bars = append(p.Bars, bar{
			X: x(f.At), Y: rows[f.Where] + 4, Width: max(3, x(f.Until)-x(f.At)), Heal: max(0, x(f.Healed)-x(f.Until)),
			Colour: colours[f.Kind], Title: fmt.Sprintf("#%d %s of %s at %s, for %.1f s, healed %.1f s later; %d people hit, the longest for %.1f s %s",
				f.Number, f.Kind, f.Where, clock(f.At), f.Until-f.At, f.Healed-f.Until, f.Hit, f.Longest, f.Note),
		})
	}
	for _, stall := range r.Stalls {
		p.Bars = append(p.Bars, bar{
			X: x(stall.At), Y: rows[machine] + 4, Width: max(2, x(stall.Until)-x(stall.At)), Colour: grey,
			Title: fmt.Sprintf("the bench itself stood still at %s for %.1f s", clock(stall.At), stall.Until-stall.At),
		})
	}
	p.area(x)
	for at := 0.0; at <= r.Seconds; at += tickEvery(r.Seconds) {
		p.Ticks = append(p.Ticks, tick{x(at), fmt.Sprintf("%d:%02d", int(at)/60, int(at)%60)})
	}
	p.violationKinds()
	return p
}

// rows places what faults befall, and returns each one's top.
func (p *page) rows() map[string]float64 {
	tops := map[string]float64{}
	for _, f := range p.Faults {
		tops[f.Where] = 0
	}
	for _, n := range p.Nodes {
		tops[n.Name] = 0
	}
	if len(p.Stalls) > 0 {
		tops[machine] = 0
	}
	for i, name := range slices.Sorted(maps.Keys(tops)) {
		tops[name] = 24 + rowHeight*float64(i)
		p.Rows = append(p.Rows, row{name, tops[name]})
	}
	p.AreaTop = 24 + rowHeight*float64(len(tops)) + 16
	p.AreaBottom = p.AreaTop + areaHeight
	p.Height = p.AreaBottom + 24
	return tops
}

// colours numbers the kinds that occurred.
func (p *page) colours() map[string]int {
	counts := map[string]int{}
	for _, f := range p.Faults {
		counts[f.Kind]++
	}
	colours := map[string]int{}
	for i, kind := range slices.Sorted(maps.Keys(counts)) {
		colours[kind] = i
		p.Legend = append(p.Legend, legend{kind, i, counts[kind]})
	}
	return colours
}

// area draws how many people were without service.
func (p *page) area(x func(float64) float64) {
	p.Most = 1
	for _, n := range p.Service.Without {
		p.Most = max(p.Most, n)
	}
	var path strings.Builder
	fmt.Fprintf(&path, "M%.1f %.1f", x(0), p.AreaBottom)
	for second, n := range p.Service.Without {
		y := p.AreaBottom - areaHeight*float64(n)/float64(p.Most)
		fmt.Fprintf(&path, "L%.1f %.1fL%.1f %.1f", x(float64(second)), y, x(float64(second+1)), y)
	}
	fmt.Fprintf(&path, "L%.1f %.1fZ", x(p.Seconds), p.AreaBottom)
	p.Area = path.String()
}

// violationKinds counts what was broken.
func (p *page) violationKinds() {
	counts := map[string]int{}
	for _, v := range p.Violations {
		counts[v.Kind]++
	}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		p.ByKind = append(p.ByKind, kindCount{kind, counts[kind]})
	}
}

// tickEvery returns how far apart the marks of the time axis are.
func tickEvery(seconds float64) float64 {
	for _, step := range []float64{5, 10, 30} {
		if seconds/step <= 25 {
			return step
		}
	}
	return 60
}
