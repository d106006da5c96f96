package faults

import (
	"fmt"
	"math"
	"slices"
	"time"

	"bongsu/internal/faults/report"
)

const (
	// levelFactor is by how much something that is level may be more at the end of a
	// run than in its middle, besides a slack of its own.
	levelFactor = 1.15
	// fewestSamples are needed of every node to speak of the middle and the end.
	fewestSamples = 20
	// actorsStay is how long a stream's actor may live that nobody follows and
	// nothing reaches: it is gone at the second of the sweeps, which come each minute.
	actorsStay = 2 * time.Minute
	// feedsStay is how long a node follows a stream that its last session has left,
	// with the moments until it looks.
	feedsStay = 34 * time.Second
	// boundFactor is by how much a bound may be exceeded: rates are not exact.
	boundFactor = 1.1
)

// gauge is something that a node holds and that must become level.
type gauge struct {
	what   string
	metric string // of report.Sample.Other, or empty
	of     func(report.Sample) float64
	slack  float64
}

// gauges returns what is looked at.
func gauges() []gauge {
	other := func(what, metric string, slack float64) gauge {
		return gauge{what, metric, func(s report.Sample) float64 { return s.Other[metric] }, slack}
	}
	return []gauge{
		{"memory", "", func(s report.Sample) float64 { return s.RSS }, 0},
		{"goroutines", "", func(s report.Sample) float64 { return s.Goroutines }, 20},
		other("heap", "go_memstats_heap_inuse_bytes", 8<<20),
		other(actorsOf, "bongsu_stream_actors", 100),
		other(feedsOf, "bongsu_gateway_streams", 20),
		other(followedOf, `bongsu_link_streams{direction="in"}`, 20),
		other(followingOf, `bongsu_link_streams{direction="out"}`, 20),
	}
}

// Those of the gauges that have a bound.
const (
	actorsOf    = "stream actors"
	feedsOf     = "feeds"
	followedOf  = "streams followed at other nodes"
	followingOf = "streams that other nodes follow"
)

// gaugeNames returns the metrics that gauges need beyond those of every sample.
func gaugeNames() (names []string) {
	for _, g := range gauges() {
		if g.metric != "" {
			names = append(names, g.metric)
		}
	}
	return names
}

// bounds returns how much of something all nodes together may hold. What streams
// are touched and visited in the time that something stays is all that there can be.
func (config StreamsConfig) bounds() map[string]float64 {
	nodes := float64(config.Cluster.Nodes)
	visits := float64(config.Visitors) / visitStay.Seconds() // a second
	followed := visits*(visitStay+feedsStay).Seconds() + nodes
	return map[string]float64{
		actorsOf:    boundFactor*(config.Rate*actorsStay.Seconds()+visits*(visitStay+feedsStay+actorsStay).Seconds()) + nodes,
		feedsOf:     boundFactor * followed,
		followedOf:  boundFactor * followed,
		followingOf: boundFactor * followed,
	}
}

// levels judges whether everything has become level at every node, and is within its
// bounds at the end.
func (f *Figures) levels(nodes []*Node, series []report.NodeSeries, config StreamsConfig) {
	samples := map[string][]report.Sample{}
	for _, s := range series {
		samples[s.Name] = s.Samples
	}
	least := max(fewestSamples, int(config.Duration/lookEvery)/2)
	bounds := config.bounds()
	for _, g := range gauges() {
		held := 0.0
		for _, node := range nodes {
			held += f.level(g, node.Name, samples[node.Name], least)
		}
		if bound, bounded := bounds[g.what]; bounded {
			f.Rows = append(f.Rows, Figure{
				Name: g.what + " of all nodes at the end", Goal: fmt.Sprintf("at most %.0f", bound), Met: held <= bound,
				Spans: report.Spans{Count: len(nodes)},
			})
			f.Notes = append(f.Notes, fmt.Sprintf("  all nodes: %s %.0f at the end, at most %.0f expected", g.what, held, bound))
		}
	}
}

// level compares the last fifth of a series with the one in the middle: what has
// become level has not grown by more than the factor and the slack, and there was
// something of it. It returns the median of the last fifth, or infinity where there
// are fewer samples than are needed.
func (f *Figures) level(g gauge, node string, samples []report.Sample, least int) float64 {
	row := Figure{
		Name: g.what + " of " + node + " becomes level", Spans: report.Spans{Count: len(samples)},
		Goal: fmt.Sprintf("at the end ≤ %.2f × the middle + %.0f", levelFactor, g.slack),
	}
	if len(samples) < max(least, fewestSamples) {
		row.Goal = fmt.Sprintf("at least %d samples", max(least, fewestSamples))
		f.Rows = append(f.Rows, row)
		return math.Inf(1)
	}
	values := make([]float64, len(samples))
	for i, sample := range samples {
		values[i] = g.of(sample)
	}
	fifth := len(values) / 5
	middle, last := median(values[2*fifth:3*fifth]), median(values[4*fifth:])
	row.Met, row.Each = middle > 0 && last > 0 && last <= levelFactor*middle+g.slack, values
	f.Rows = append(f.Rows, row)
	f.Notes = append(f.Notes, fmt.Sprintf("  %s: %s %.0f at first, %.0f in the middle, %.0f at the end, %.0f at most",
		node, g.what, values[0], middle, last, slices.Max(values)))
	return last
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
