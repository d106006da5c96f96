package gateway

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what operators see of the gateway.
type metrics struct {
	connections *prometheus.GaugeVec
	closes      *prometheus.CounterVec
	deliveries  prometheus.Counter
	catchups    prometheus.Counter
	delay       prometheus.Histogram
}

// newMetrics registers the metrics of g with r, if there is one.
func newMetrics(g *Gateway, r prometheus.Registerer) (*metrics, error) {
	const space, part = "bongsu", "gateway"
	m := &metrics{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: space, Subsystem: part,
			Name: "connections", Help: "Client connections, by transport."}, []string{"transport"}),
		closes: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Subsystem: part,
			Name: "closes_total", Help: "Sessions ended, by transport and close code."}, []string{"transport", "code"}),
		deliveries: prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Subsystem: part,
			Name: "deliveries_total", Help: "Entries written to clients."}),
		catchups: prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Subsystem: part,
			Name: "catchups_total", Help: "Streams that sessions resumed behind the head."}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: space, Subsystem: part,
			Name: "delivery_seconds", Help: "From the journal taking an entry to writing it to a client, sampled.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: space, Subsystem: part, Name: name, Help: help}, value)
	}
	collectors := []prometheus.Collector{
		m.connections, m.closes, m.deliveries, m.catchups, m.delay,
		gauge("sessions", "Open sessions.",
			func() float64 { return float64(g.connections.Load() - g.waiting.Load()) }),
		gauge("streams", "Streams that this node follows.",
			func() float64 { return float64(g.feeds.count()) }),
		gauge("ready_sessions", "Sessions that wait for a writer.",
			func() float64 { return float64(g.queue.depth()) }),
		gauge("blocked_bytes", "Bytes kept for sockets that are blocked.",
			func() float64 { return float64(g.slowBytes.Load()) }),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("gateway metrics: %w", err)
		}
	}
	return m, nil
}
