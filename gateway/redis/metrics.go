package redis

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	connected, waiting     prometheus.Gauge
	messages               *prometheus.CounterVec
	records, dropped, dead prometheus.Counter
}

// newMetrics registers the metrics; a nil registerer keeps them to the source.
func newMetrics(to prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bongsu_redis_connected", Help: "1 while the node listens to Redis.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bongsu_redis_waiting_bytes", Help: "What has come from Redis and is not in the journal yet.",
		}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_redis_messages_total", Help: "Messages that came from Redis.",
		}, []string{"channel"}),
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_redis_records_total", Help: "Journal records made of them, those that other nodes made too included.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_redis_dropped_total", Help: "Messages that did not reach the journal for want of room, or of time at the end.",
		}),
		dead: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_redis_dead_letters_total", Help: "Messages that went to the dead-letter topic.",
		}),
	}
	if to == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.connected, m.waiting, m.messages, m.records, m.dropped, m.dead} {
		errs = append(errs, to.Register(c))
	}
	return m, errors.Join(errs...)
}
