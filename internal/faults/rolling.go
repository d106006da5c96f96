package faults

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bongsu/internal/client"
	"bongsu/internal/faults/report"
)

// RollingConfig says how to restart a cluster under load.
type RollingConfig struct {
	// Config is the run's; Kinds and Duration are not used.
	Config
	// Rounds is how often every node is restarted.
	Rounds int
}

// Rolling restarts all nodes, one after the other, under load, and returns the
// run's report and how the clients' reconnects were spread.
func Rolling(ctx context.Context, config RollingConfig) (*report.Report, *Figures, error) {
	for i := range config.Rounds * config.Nodes {
		config.script = append(config.script, fault{
			kind: Leave, pick: uint64(i % config.Nodes), rest: 2 * time.Second, lasts: 500 * time.Millisecond,
		})
	}
	config.Kinds, config.Duration = []Kind{Leave}, time.Hour
	if config.Drain == 0 {
		config.Drain = 5 * time.Second
	}
	f := &Figures{Title: "Rolling restart", Started: time.Now()}
	config.balanced = true
	config.watch = func(b *bench) {
		f.reconnects(b.crowd, config.Drain, config.Rounds*config.Nodes)
		for _, err := range b.ledger.refused {
			f.Notes = append(f.Notes, fmt.Sprintf("  refused at %v", err))
		}
	}
	r, err := Run(ctx, config.Config)
	if err != nil {
		return nil, nil, err
	}
	f.count("restarts", len(r.Faults), config.Rounds*config.Nodes)
	f.spans("longest time without service, by person", "", r.Service.Longest, nil)
	f.spans("acknowledged to received, by entry", "", r.Load.Latency, nil)
	f.none("publishes over HTTP that a node refused", r.Load.Refused, r.Load.Posted)
	return r, f, nil
}

// reconnects adds how the ends of connections are spread, restart by restart, of
// which there were so many.
func (f *Figures) reconnects(c *crowd, window time.Duration, wanted int) {
	byNode := map[string][]time.Duration{}
	codes := map[int]int{}
	for _, p := range c.people {
		p.mu.Lock()
		for _, end := range p.closings {
			codes[end.code]++
			if end.code == client.CloseRestarting {
				byNode[end.node] = append(byNode[end.node], end.at)
			}
		}
		p.mu.Unlock()
	}
	var spread []float64
	told := 0
	for _, node := range c.nodes {
		for _, ends := range restarts(byNode[node.Name], 2*window) {
			told++
			for _, end := range ends {
				spread = append(spread, (end - ends[0]).Seconds())
			}
			f.Notes = append(f.Notes, fmt.Sprintf("  %s told %d clients to come back, over %.1f s, at most %d of them within a tenth of the window",
				node.Name, len(ends), (ends[len(ends)-1]-ends[0]).Seconds(), densest(ends, window/10)))
		}
	}
	f.Notes = append(f.Notes, fmt.Sprintf("  ends of connections by close code, 0 is a broken one: %v", codes))
	f.count("restarts that told clients to come back", told, wanted)
	f.add("moment at which a client is told to come back", fmt.Sprintf("spread over %s", window), spread, func(s report.Spans) bool {
		w := window.Seconds()
		return s.Max <= 1.2*w && s.P50 > 0.3*w && s.P50 < 0.7*w
	})
}

// restarts splits the ends of a node's connections into those of each restart,
// which are further than apart from each other.
func restarts(ends []time.Duration, apart time.Duration) [][]time.Duration {
	slices.Sort(ends)
	var out [][]time.Duration
	for i, end := range ends {
		if i == 0 || end-ends[i-1] > apart {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], end)
	}
	return out
}

// densest returns the most of the sorted moments that lie within a span.
func densest(at []time.Duration, span time.Duration) int {
	most, first := 0, 0
	for i := range at {
		for at[i]-at[first] > span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
