package journal

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type producerMetrics struct {
	appended, failed prometheus.Counter
	seconds          prometheus.Histogram
}

// newProducerMetrics registers the producer's metrics; a nil registerer keeps
// them to itself.
func newProducerMetrics(to prometheus.Registerer, p *Producer) *producerMetrics {
	with := promauto.With(to)
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bongsu_journal_shards_down", Help: "Shards whose appends fail at once because Kafka is away.",
	}, func() float64 { return float64(len(p.down())) })
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bongsu_journal_queued_bytes", Help: "Bytes of records that wait to be appended.",
	}, func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return float64(p.queued)
	})
	return &producerMetrics{
		appended: with.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_journal_appended_total", Help: "Records appended to the journal.",
		}),
		failed: with.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_journal_append_failures_total", Help: "Records whose append failed.",
		}),
		seconds: with.NewHistogram(prometheus.HistogramOpts{
			Name: "bongsu_journal_append_seconds", Help: "How long an append takes until it is acknowledged.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
		}),
	}
}
