package cluster

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// nodeMetrics counts what happens to the membership.
type nodeMetrics struct {
	members, unowned prometheus.Gauge
	moves, rebirths  prometheus.Counter
	evictions        *prometheus.CounterVec
}

// newNodeMetrics registers the metrics, unless registry is nil.
func newNodeMetrics(registry prometheus.Registerer) (*nodeMetrics, error) {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "bongsu", Subsystem: "cluster", Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "bongsu", Subsystem: "cluster", Name: name, Help: help})
	}
	m := &nodeMetrics{
		members:  gauge("members", "Living members of the cluster that this node knows, itself included."),
		unowned:  gauge("unowned_shards", "Shards that no living member claims."),
		moves:    counter("moves_total", "Shards that got another owner, as this node saw it."),
		rebirths: counter("rebirths_total", "Times that this node was dropped by others and joined again under a new id."),
		evictions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "bongsu", Subsystem: "cluster", Name: "evictions_total",
			Help: "Removals of dead members from the consumer groups by this node, by result: done or failed.",
		}, []string{"result"}),
	}
	return m, register(registry, m.all())
}

func (m *nodeMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.members, m.unowned, m.moves, m.rebirths, m.evictions}
}

// register registers all of the metrics or none; registry may be nil.
func register(registry prometheus.Registerer, all []prometheus.Collector) error {
	if registry == nil {
		return nil
	}
	for i, c := range all {
		if err := registry.Register(c); err != nil {
			unregister(registry, all[:i])
			return fmt.Errorf("metrics of the cluster: %w", err)
		}
	}
	return nil
}

func unregister(registry prometheus.Registerer, all []prometheus.Collector) {
	if registry == nil {
		return
	}
	for _, c := range all {
		registry.Unregister(c)
	}
}
