package actors

import "github.com/prometheus/client_golang/prometheus"

// metrics are the counts that the part keeps.
type metrics struct {
	duplicates, unknown, passivated, refused prometheus.Counter
	loads, stored, timelineErrors            prometheus.Counter
	commitErrors                             prometheus.Counter
	flushSeconds                             prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, h *Host) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "bongsu", Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "bongsu", Name: name, Help: help}, value))
	}
	gauge("stream_actors", "Stream actors that are alive.", func() float64 { return float64(h.alive()) })
	gauge("shards_owned", "Journal shards that this node answers for.", func() float64 { _, owned := h.Ownership(); return float64(len(owned)) })
	gauge("serving", "1 while this node answers for all journal shards that it was given, 0 before the group has told it which and while it catches up.", func() float64 {
		if h.Serving() {
			return 1
		}
		return 0
	})
	gauge("timeline_queue_items", "Journal records that wait for the timeline.", func() float64 { return float64(h.writer.waiting()) })
	gauge("timeline_flush_lag_seconds", "How long the oldest record has waited for the timeline.", func() float64 { return h.writer.lag().Seconds() })
	m := &metrics{
		duplicates:     counter("duplicates_total", "Journal records dropped because their id was seen."),
		unknown:        counter("actor_unknown_messages_total", "Messages that no stream actor understands."),
		passivated:     counter("stream_actors_passivated_total", "Stream actors stopped because nobody needed them."),
		refused:        counter("journal_records_refused_total", "Journal records that belong to no possible stream."),
		loads:          counter("timeline_loads_total", "Queries that woke streams."),
		stored:         counter("timeline_entries_total", "Entries stored in the timeline."),
		timelineErrors: counter("timeline_errors_total", "Timeline calls that failed and are tried again."),
		commitErrors:   counter("journal_commit_errors_total", "Offset commits that failed and are tried again."),
		flushSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "bongsu", Name: "timeline_flush_seconds", Help: "Time to store a batch, retries included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 10),
		}),
	}
	reg.MustRegister(m.flushSeconds)
	return m
}
