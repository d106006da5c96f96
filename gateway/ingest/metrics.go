package ingest

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bongsu/internal/hub"
)

type metrics struct {
	events, records, retries prometheus.Counter
	dead                     *prometheus.CounterVec
	lag                      *prometheus.GaugeVec
}

// newMetrics registers the metrics; a nil registerer keeps them to the ingester.
func newMetrics(to prometheus.Registerer) *metrics {
	with := promauto.With(to)
	return &metrics{
		events: with.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_ingest_events_total", Help: "Events taken from the ingress topics.",
		}),
		records: with.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_ingest_records_total", Help: "Journal records made of them, one a target.",
		}),
		retries: with.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_ingest_retries_total", Help: "Batches that the journal did not take at once.",
		}),
		dead: with.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_ingest_dead_letters_total", Help: "Records that went to the dead-letter topic, by what they look like.",
		}, []string{"form"}),
		lag: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bongsu_ingest_lag_records", Help: "Records of a claimed ingress partition that are not in the journal yet.",
		}, []string{"topic", "partition"}),
	}
}

func claimName(partition int32) string { return strconv.FormatInt(int64(partition), 10) }

// class says what the record looks like, for the metrics.
func (d deadLetter) class() string {
	m := message(d.message)
	switch {
	case !errors.Is(d.reason, hub.ErrInvalid):
		return "other"
	case len(m.Value) > hub.MaxEvent:
		return "size"
	case isCloudEvent(&m):
		return "cloudevent"
	case isObject(m.Value):
		return "json"
	}
	return "text"
}
