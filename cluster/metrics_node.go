package cluster

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// nodeMetrics counts what happens to the membership.
type nodeMetrics struct {
	registry prometheus.Registerer // nil: not exposed
	members  prometheus.Gauge
	unowned  prometheus.Gauge
	moves    prometheus.Counter
	rebirths prometheus.Counter

	evictions *prometheus.CounterVec
}

func newNodeMetrics(registry prometheus.Registerer) (*nodeMetrics, error) {
	m := &nodeMetrics{
		registry: registry,
		members: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bongsu_cluster_members", Help: "Living members of the cluster that this node knows, itself included."}),
		unowned: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bongsu_cluster_unowned_shards", Help: "Shards that no living member claims."}),
		moves: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_cluster_moves_total", Help: "Shards that got another owner, as this node saw it."}),
		rebirths: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_cluster_rebirths_total", Help: "Times that this node was dropped by others and joined again under a new id."}),
		evictions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_cluster_evictions_total", Help: "Removals of dead members from the consumer groups by this node, by result: done or failed."},
			[]string{"result"}),
	}
	if registry == nil {
		return m, nil
	}
	for i, c := range m.all() {
		if err := registry.Register(c); err != nil {
			for _, done := range m.all()[:i] {
				registry.Unregister(done)
			}
			return nil, fmt.Errorf("metrics of the cluster: %w", err)
		}
	}
	return m, nil
}

func (m *nodeMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.members, m.unowned, m.moves, m.rebirths, m.evictions}
}

func (m *nodeMetrics) unregister() {
	if m.registry == nil {
		return
	}
	for _, c := range m.all() {
		m.registry.Unregister(c)
	}
}
