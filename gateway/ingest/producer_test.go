package ingest

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
)

func TestWhatIsPublishedIsInTheFirstPartitionUnchanged(t *testing.T) {
	b := newBench(t)
	p := NewPublisher(b.options.Kafka, topic)
	defer p.Close()
	for want, value := range []string{"7:me:안녕", "", "a\nb"} {
		offset, err := p.Publish(t.Context(), []byte(value))
		if err != nil || offset != int64(want) {
			t.Fatalf("%q: offset %d, %v", value, offset, err)
		}
	}
	settings, err := b.options.Kafka.Consumer()
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := sarama.NewConsumer(b.options.Kafka.Brokers, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = consumer.Close() }()
	partition, err := consumer.ConsumePartition(topic, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = partition.Close() }()
	for _, want := range []string{"7:me:안녕", "", "a\nb"} {
		if m := <-partition.Messages(); string(m.Value) != want || m.Key != nil || len(m.Headers) != 0 {
			t.Errorf("%q %q %v, want %q", m.Key, m.Value, m.Headers, want)
		}
	}
}

func TestPublishingGoesOnAfterAnOutage(t *testing.T) {
	b := newBench(t)
	p := NewPublisher(b.options.Kafka, topic)
	defer p.Close()
	if _, err := p.Publish(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	b.broker.Stop()
	var work sync.WaitGroup
	for range 4 { // a producer that fails for one is not closed under another
		work.Go(func() {
			if _, err := p.Publish(t.Context(), []byte("lost")); !errors.Is(err, hub.ErrUnavailable) {
				t.Errorf("without Kafka: %v", err)
			}
		})
	}
	work.Wait()
	b.broker.Start()
	if _, err := p.Publish(t.Context(), []byte("two")); err != nil {
		t.Error(err)
	}
}

func TestARecordThatIsTooLargeIsInvalid(t *testing.T) {
	b := newBench(t)
	p := NewPublisher(b.options.Kafka, topic)
	defer p.Close()
	if _, err := p.Publish(t.Context(), []byte(strings.Repeat("x", hub.MaxEvent+1))); !errors.Is(err, hub.ErrInvalid) {
		t.Errorf("%v", err)
	}
}
