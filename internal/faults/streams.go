package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/faults/report"
)

// StreamsConfig says how many streams to touch.
type StreamsConfig struct {
	Cluster ClusterConfig
	// Streams are touched in turn, Rate events a second, for Duration.
	Streams  int
	Rate     float64
	Duration time.Duration
}

// Streams publishes to very many streams and watches the nodes' memory and
// goroutines, which must become level.
func Streams(ctx context.Context, config StreamsConfig) (*Figures, []report.NodeSeries, error) {
	cluster, err := OpenCluster(ctx, config.Cluster)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = cluster.Close() }() // what it has to say was measured before
	f := &Figures{Title: fmt.Sprintf("%d streams touched in %s", config.Streams, config.Duration), Started: time.Now()}
	s := &sampler{
		nodes: cluster.Nodes, every: 5 * time.Second, clock: func() time.Duration { return time.Since(f.Started) },
		also: []string{"go_memstats_heap_inuse_bytes", "bongsu_actors_live", "bongsu_actors"},
	}
	life, end := context.WithCancel(ctx)
	defer end()
	go s.run(life)
	sent, err := touch(ctx, cluster, config)
	if err != nil {
		return nil, nil, err
	}
	series := s.result()
	f.Notes = append(f.Notes, fmt.Sprintf("  %d events to %d streams", sent, min(sent, config.Streams)))
	for _, node := range series {
		f.level(node, "memory", func(s report.Sample) float64 { return s.RSS }, 1.15)
		f.level(node, "goroutines", func(s report.Sample) float64 { return s.Goroutines }, 1.15)
	}
	return f, series, nil
}

// touch publishes at the rate, each stream in its turn, and returns how many events
// were acknowledged.
func touch(ctx context.Context, cluster *Cluster, config StreamsConfig) (int, error) {
	producer, err := newProducer(cluster.Kafka.Addr())
	if err != nil {
		return 0, err
	}
	defer func() { _ = producer.Close() }()
	began, sent, said := time.Now(), 0, time.Now()
	for time.Since(began) < config.Duration {
		due := int(time.Since(began).Seconds()*config.Rate) - sent
		if due < 1 {
			if err := pause(ctx, publishEvery); err != nil {
				return sent, err
			}
			continue
		}
		var batch []*sarama.ProducerMessage
		for range min(due, most) {
			stream := fmt.Sprint("admin:touched", sent%config.Streams)
			value, err := json.Marshal(notice(sent, []string{stream}))
			if err != nil {
				return sent, err
			}
			batch = append(batch, &sarama.ProducerMessage{Topic: Topic, Key: sarama.StringEncoder(stream), Value: sarama.ByteEncoder(value)})
			sent++
		}
		if err := producer.SendMessages(batch); err != nil {
			return sent, err
		}
		if time.Since(said) > 30*time.Second {
			said = time.Now()
			logTouched(config.Cluster.Log, sent, config.Streams)
		}
	}
	return sent, nil
}

func logTouched(log *slog.Logger, sent, streams int) {
	log.Info("touched", "events", sent, "streams", min(sent, streams))
}

// level compares the last fifth of a series with the fifth before the middle: what
// has become level has not grown by more than the factor.
func (f *Figures) level(node report.NodeSeries, what string, of func(report.Sample) float64, factor float64) {
	values := make([]float64, len(node.Samples))
	for i, sample := range node.Samples {
		values[i] = of(sample)
	}
	fifth := len(values) / 5
	if fifth == 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("  %s: too few samples of %s", node.Name, what))
		return
	}
	middle, last := median(values[2*fifth:3*fifth]), median(values[4*fifth:])
	f.Rows = append(f.Rows, Figure{
		Name: what + " of " + node.Name + " becomes level", Goal: fmt.Sprintf("at the end ≤ %.2f × the middle", factor),
		Met: last <= factor*middle, Spans: report.Spans{Count: len(values)}, Each: values,
	})
	f.Notes = append(f.Notes, fmt.Sprintf("  %s: %s %.0f at first, %.0f in the middle, %.0f at the end, %.0f at most",
		node.Name, what, values[0], middle, last, slices.Max(values)))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
