package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"bongsu/internal/faults/report"
)

const maxMetrics = 32 << 20

// metrics are a node's metrics by name and labels, as Prometheus writes them.
type metrics map[string]float64

// errNoMetric means that a node does not have a metric, which is not the same as 0.
var errNoMetric = errors.New("there is no such metric")

// sum adds up what is called name and holds every one of the parts; what has the
// name and none of the parts adds nothing. There must be something of that name:
// the error wraps errNoMetric.
func (m metrics) sum(name string, parts ...string) (float64, error) {
	total, found := 0.0, false
next:
	for key, value := range m {
		if key != name && !strings.HasPrefix(key, name+"{") {
			continue
		}
		found = true
		for _, part := range parts {
			if !strings.Contains(key, part) {
				continue next
			}
		}
		total += value
	}
	if !found {
		return 0, fmt.Errorf("%w: %s", errNoMetric, name)
	}
	return total, nil
}

// scrape reads a node's counters and gauges.
func scrape(ctx context.Context, node *Node) (metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	response, err := get(ctx, node.URL+"/metrics", "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the metrics of %s: %s", node.Name, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(response.Body, maxMetrics))
	if err != nil {
		return nil, err
	}
	out := metrics{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				out[key(name, m)] = m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				out[key(name, m)] = m.GetGauge().GetValue()
			}
		}
	}
	return out, nil
}

func key(name string, m *dto.Metric) string {
	var labels []string
	for _, pair := range m.GetLabel() {
		labels = append(labels, pair.GetName()+`="`+pair.GetValue()+`"`)
	}
	if len(labels) == 0 {
		return name
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

// sampler reads the nodes' metrics now and then.
type sampler struct {
	nodes []*Node
	clock func() time.Duration
	every time.Duration
	// also names further metrics, whose sums go into the samples.
	also []string

	mu     sync.Mutex
	series map[string][]report.Sample
	failed error // the first metric that was not there
}

// run samples until ctx ends. A node that does not answer has no sample then.
func (s *sampler) run(ctx context.Context) {
	for pause(ctx, s.every) == nil {
		for _, node := range s.nodes {
			if !node.Running() {
				continue
			}
			limited, cancel := context.WithTimeout(ctx, time.Second)
			m, err := scrape(limited, node)
			cancel()
			if err == nil {
				s.add(node.Name, m)
			}
		}
	}
}

// add takes a sample. A metric that is not there is a failure, not 0.
func (s *sampler) add(name string, m metrics) {
	sample := report.Sample{At: s.clock().Seconds()}
	var missing []error
	read := func(metric string) float64 {
		value, err := m.sum(metric)
		missing = append(missing, err)
		return value
	}
	sample.RSS, sample.Goroutines = read("process_resident_memory_bytes"), read("go_goroutines")
	for _, also := range s.also {
		if sample.Other == nil {
			sample.Other = map[string]float64{}
		}
		sample.Other[also] = read(also)
	}
	err := errors.Join(missing...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failed = cmp.Or(s.failed, fmt.Errorf("%s: %w", name, err))
		return
	}
	if s.series == nil {
		s.series = map[string][]report.Sample{}
	}
	s.series[name] = append(s.series[name], sample)
}

// failure returns why a sample could not be taken of what a node answered.
func (s *sampler) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// result returns the series in the order of the nodes.
func (s *sampler) result() []report.NodeSeries {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []report.NodeSeries
	for _, node := range s.nodes {
		if samples := s.series[node.Name]; len(samples) > 0 {
			out = append(out, report.NodeSeries{Name: node.Name, Samples: samples})
		}
	}
	return out
}

const (
	// beat is how often the bench looks whether it gets a processor, late how much
	// later than that it may.
	beat, late = 50 * time.Millisecond, 300 * time.Millisecond
)

// stalls notes when this process stood still, and with it most likely everything
// on the machine.
type stalls struct {
	mu    sync.Mutex
	found []report.Wait
}

// run watches until ctx ends.
func (s *stalls) run(ctx context.Context, clock func() time.Duration) {
	for last := clock(); pause(ctx, beat) == nil; {
		now := clock()
		if now-last > beat+late {
			s.mu.Lock()
			s.found = append(s.found, report.Wait{At: last.Seconds(), Until: now.Seconds()})
			s.mu.Unlock()
		}
		last = now
	}
}

func (s *stalls) result() []report.Wait {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]report.Wait{}, s.found...)
}
