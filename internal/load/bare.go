package load

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/IBM/sarama"

	"bongsu/internal/kafka"
)

// bare consumes the run's own events from Kafka, as the yardstick of what Kafka
// alone takes on this machine at this time.
type bare struct {
	consumer sarama.Consumer
	claims   []sarama.PartitionConsumer
	running  sync.WaitGroup

	mu      sync.Mutex
	latency *hdrhistogram.Histogram
}

// startBare begins to consume at the end of the topic.
func startBare(c *Config, mark []byte, clock func() time.Duration) (*bare, error) {
	access, err := c.kafka()
	if err != nil {
		return nil, err
	}
	settings, err := access.Consumer()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	consumer, err := sarama.NewConsumer(c.Brokers, settings)
	if err != nil {
		return nil, fmt.Errorf("load: %w", kafka.Classify(err))
	}
	b := &bare{consumer: consumer, latency: newHistogram()}
	partitions, err := consumer.Partitions(c.Topic)
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("load: topic %s: %w", c.Topic, kafka.Classify(err))
	}
	for _, partition := range partitions {
		claim, err := consumer.ConsumePartition(c.Topic, partition, sarama.OffsetNewest)
		if err != nil {
			b.stop()
			return nil, fmt.Errorf("load: topic %s: %w", c.Topic, kafka.Classify(err))
		}
		b.claims = append(b.claims, claim)
		b.running.Go(func() { b.consume(claim, mark, clock) })
	}
	return b, nil
}

func (b *bare) consume(claim sarama.PartitionConsumer, mark []byte, clock func() time.Duration) {
	go func() {
		for range claim.Errors() { // sarama goes on by itself; what is missed is not measured
		}
	}()
	for message := range claim.Messages() {
		now := clock()
		if at, ours := stamp(mark, message.Value); ours {
			b.mu.Lock()
			record(b.latency, now-at)
			b.mu.Unlock()
		}
	}
}

// stop ends consuming; nil has nothing to stop.
func (b *bare) stop() {
	if b == nil {
		return
	}
	for _, claim := range b.claims {
		claim.AsyncClose()
	}
	b.running.Wait()
	_ = b.consumer.Close() // nothing was committed that could be lost
}

// result returns what was measured; nil for nil.
func (b *bare) result() *Latency {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l := latencyOf(b.latency)
	return &l
}
