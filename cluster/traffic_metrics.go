package cluster

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/cluster/view"
)

// linkMetrics count what goes between nodes. A peer is told by its name, which
// outlives its restarts; the series of a peer that has gone are deleted.
type linkMetrics struct {
	messages, entries, bytes, repairs, overflows *prometheus.CounterVec
	retries, refused                             prometheus.Counter

	mu    sync.Mutex
	names map[string]struct{} // that have series
}

// received and sent are directions.
const (
	received = "in"
	sent     = "out"
)

// newLinkMetrics registers the metrics; registry may be nil.
func newLinkMetrics(registry prometheus.Registerer) (*linkMetrics, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bongsu", Name: name, Help: help}, labels)
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "bongsu", Name: name, Help: help})
	}
	m := &linkMetrics{
		messages:  vec("link_messages_total", "Messages between this node and another.", "peer", "type", "direction"),
		entries:   vec("link_entries_total", "Entries of followed streams that a link carried.", "peer", "direction"),
		bytes:     vec("link_bytes_total", "Bytes of followed streams that a link carried, about.", "peer", "direction"),
		repairs:   vec("link_repairs_total", "Links that broke, so that their streams were followed again, by reason.", "peer", "reason"),
		overflows: vec("link_overflows_total", "Links that closed because the other node took too little.", "peer"),
		retries:   counter("call_retries_total", "Calls to the owner of a stream that were made again."),
		refused:   counter("calls_refused_total", "Calls of other nodes that were refused because too many were under way."),
		names:     map[string]struct{}{},
	}
	return m, register(registry, m.all())
}

func (m *linkMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.messages, m.entries, m.bytes, m.repairs, m.overflows, m.retries, m.refused}
}

// streamGauges say how many streams the links of the present traffic carry.
func streamGauges(present func() (*traffic, error)) []prometheus.Collector {
	gauge := func(direction string, count func(*traffic) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "bongsu", Name: "link_streams", ConstLabels: prometheus.Labels{"direction": direction},
			Help: "Streams that are followed between nodes: in are those of others that this node follows, out those of its own, once for each other node.",
		}, func() float64 {
			t, err := present()
			if err != nil {
				return 0 // the node has not started
			}
			return float64(count(t))
		})
	}
	return []prometheus.Collector{
		gauge(received, func(t *traffic) int { return t.in.streams() }),
		gauge(sent, func(t *traffic) int { return t.out.streams() }),
	}
}

func (m *linkMetrics) know(peer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names[peer] = struct{}{}
}

func (m *linkMetrics) count(peer, kind, direction string) {
	m.know(peer)
	m.messages.WithLabelValues(peer, kind, direction).Inc()
}

// keepOnly deletes the series of peers that are not in the view.
func (m *linkMetrics) keepOnly(v *view.View) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.names {
		if !named(v, name) {
			delete(m.names, name)
			for _, vec := range []*prometheus.CounterVec{m.messages, m.entries, m.bytes, m.repairs, m.overflows} {
				vec.DeletePartialMatch(prometheus.Labels{"peer": name})
			}
		}
	}
}

func named(v *view.View, name string) bool {
	for _, member := range v.Members() {
		if member.Name == name {
			return true
		}
	}
	return false
}

// linkCounts are the counters of one direction of one link, looked up once.
type linkCounts struct {
	batches, signals, acks, entries, bytes prometheus.Counter
}

// link returns the counters of a link whose batches go in a direction.
func (m *linkMetrics) link(peer, direction string) linkCounts {
	m.know(peer)
	back := sent
	if direction == sent {
		back = received
	}
	return linkCounts{
		batches: m.messages.WithLabelValues(peer, "batch", direction),
		signals: m.messages.WithLabelValues(peer, "signal", direction),
		acks:    m.messages.WithLabelValues(peer, "ack", back),
		entries: m.entries.WithLabelValues(peer, direction),
		bytes:   m.bytes.WithLabelValues(peer, direction),
	}
}
