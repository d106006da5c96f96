package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/faults/report"
	"bongsu/internal/hub"
)

// StreamsConfig says how many streams to touch.
type StreamsConfig struct {
	Cluster ClusterConfig
	// Streams are touched in turn, Rate events a second, for Duration.
	Streams  int
	Rate     float64
	Duration time.Duration
	// Visitors is how many sessions at a time follow a stream that is about to be
	// touched, at a node that does not own it, and go when they have its event.
	Visitors int
}

const (
	// lookEvery is how often the nodes' metrics are read.
	lookEvery = 5 * time.Second
	// storedWithin is how long the last events may take into the timeline.
	storedWithin = time.Minute
)

// Streams publishes to very many streams, some of which are followed for a while,
// and watches what the nodes hold, which must become level and stay within its
// bounds.
func Streams(ctx context.Context, config StreamsConfig) (*Figures, []report.NodeSeries, error) {
	cluster, err := OpenCluster(ctx, config.Cluster)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = cluster.Close() }() // what it has to say was measured before
	view, err := settledView(ctx, cluster.Nodes[0])
	if err != nil {
		return nil, nil, err
	}
	f := &Figures{Title: fmt.Sprintf("%d streams touched in %s", config.Streams, config.Duration), Started: time.Now()}
	s := &sampler{nodes: cluster.Nodes, every: lookEvery, clock: func() time.Duration { return time.Since(f.Started) }, also: gaugeNames()}
	t := &touching{config: config, kafka: cluster.Kafka.Addr()}
	v := newVisits(cluster.Nodes, view, t)
	life, end := context.WithCancel(ctx)
	defer end()
	go s.run(life)
	visited := make(chan struct{})
	go func() {
		defer close(visited)
		v.run(life, config.Visitors)
	}()
	err = t.run(ctx)
	end()
	<-visited
	if err != nil {
		return nil, nil, err
	}
	if err := s.failure(); err != nil {
		return nil, nil, err
	}
	stored, err := awaitStored(ctx, cluster.Nodes, t.count())
	if err != nil {
		return nil, nil, err
	}
	series := s.result()
	f.count("streams touched", min(t.count(), config.Streams), config.Streams)
	f.count("events in the timeline, of all that were acknowledged", stored, t.count())
	v.judge(f, config)
	f.levels(cluster.Nodes, series, config)
	return f, series, nil
}

// touching publishes at the rate, to each stream in its turn.
type touching struct {
	config StreamsConfig
	kafka  string
	sent   atomic.Int64 // events that were acknowledged: the number of the next
}

// count returns how many events were acknowledged.
func (t *touching) count() int { return int(t.sent.Load()) }

// stream returns the stream of an event by its number.
func (t *touching) stream(number int) hub.Stream {
	return hub.AdminStream(fmt.Sprint("touched", number%t.config.Streams))
}

// run publishes until the time is over.
func (t *touching) run(ctx context.Context) error {
	producer, err := newProducer(t.kafka)
	if err != nil {
		return err
	}
	defer func() { _ = producer.Close() }()
	began, said := time.Now(), time.Now()
	for time.Since(began) < t.config.Duration {
		sent := t.count()
		due := int(time.Since(began).Seconds()*t.config.Rate) - sent
		if due < 1 {
			if err := pause(ctx, publishEvery); err != nil {
				return err
			}
			continue
		}
		batch, err := t.batch(sent, min(due, most))
		if err != nil {
			return err
		}
		if err := producer.SendMessages(batch); err != nil {
			return err
		}
		t.sent.Add(int64(len(batch)))
		if time.Since(said) > 30*time.Second {
			said = time.Now()
			t.config.Cluster.Log.Info("touched", "events", t.count(), "streams", min(t.count(), t.config.Streams))
		}
	}
	return nil
}

// batch returns n events from a number on.
func (t *touching) batch(from, n int) ([]*sarama.ProducerMessage, error) {
	var batch []*sarama.ProducerMessage
	for number := from; number < from+n; number++ {
		stream := string(t.stream(number))
		value, err := json.Marshal(notice(number, []string{stream}))
		if err != nil {
			return nil, err
		}
		batch = append(batch, &sarama.ProducerMessage{Topic: Topic, Key: sarama.StringEncoder(stream), Value: sarama.ByteEncoder(value)})
	}
	return batch, nil
}

// awaitStored waits until the timeline has so many entries, or that takes too long,
// and returns how many it has.
func awaitStored(ctx context.Context, nodes []*Node, want int) (int, error) {
	deadline := time.Now().Add(storedWithin)
	for {
		stored := 0.0
		for _, node := range nodes {
			m, err := scrape(ctx, node)
			if err != nil {
				return 0, err
			}
			count, err := m.sum("bongsu_timeline_entries_total")
			if err != nil {
				return 0, fmt.Errorf("%s: %w", node.Name, err)
			}
			stored += count
		}
		if int(stored) >= want || time.Now().After(deadline) {
			return int(stored), nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return 0, err
		}
	}
}
