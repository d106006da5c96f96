package ingest

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// producer writes records. It connects on first use and anew after a failure.
// It is safe for use by several goroutines at once.
type producer struct {
	cfg kafka.Config
	// partitioner chooses the partitions; nil goes by the keys.
	partitioner sarama.PartitionerConstructor

	// mu is held for reading while sender sends: a closed one must not be sent to.
	mu     sync.RWMutex
	sender sarama.SyncProducer
}

// send appends the messages, and returns when all in-sync replicas have them.
// The error is as the client gives it.
func (p *producer) send(messages []*sarama.ProducerMessage) error {
	p.mu.RLock()
	if p.sender == nil {
		p.mu.RUnlock()
		if err := p.connect(); err != nil {
			return err
		}
		p.mu.RLock()
	}
	sender := p.sender
	if sender == nil { // it has just failed for somebody else
		p.mu.RUnlock()
		return sarama.ErrNotConnected
	}
	err := sender.SendMessages(messages)
	p.mu.RUnlock()
	if err != nil && !tooLargeOnly(err) {
		p.reset(sender)
	}
	return err
}

// tooLargeOnly reports whether err says nothing but that records are too large.
func tooLargeOnly(err error) bool {
	var failures sarama.ProducerErrors
	if !errors.As(err, &failures) {
		return false
	}
	for _, failure := range failures {
		if !errors.Is(failure.Err, sarama.ErrMessageSizeTooLarge) {
			return false
		}
	}
	return true
}

// cause returns the first of the failures that err stands for.
func cause(err error) error {
	var failures sarama.ProducerErrors
	if errors.As(err, &failures) && len(failures) > 0 {
		return cmp.Or(failures[0].Err, err)
	}
	return err
}

// connect makes a sender if there is none.
func (p *producer) connect() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sender != nil {
		return nil
	}
	settings, err := p.cfg.Producer()
	if err != nil {
		return err
	}
	if p.partitioner != nil {
		settings.Producer.Partitioner = p.partitioner
	}
	p.sender, err = sarama.NewSyncProducer(p.cfg.Brokers, settings)
	return err
}

// reset closes a sender that has failed, once nobody sends with it.
func (p *producer) reset(failed sarama.SyncProducer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sender == failed && failed != nil {
		p.sender = nil
		_ = failed.Close()
	}
}

// close ends the connection, once nobody sends.
func (p *producer) close() {
	p.mu.RLock()
	sender := p.sender
	p.mu.RUnlock()
	p.reset(sender)
}

// Publisher appends records to an ingress topic as they are. It is safe for use
// by several goroutines at once.
type Publisher struct {
	topic    string
	producer producer
}

// NewPublisher returns a Publisher that has not connected yet.
func NewPublisher(cfg kafka.Config, topic string) *Publisher {
	return &Publisher{topic: topic, producer: producer{cfg: cfg, partitioner: sarama.NewManualPartitioner}}
}

// Publish appends a record without a key to the first partition of the topic, so
// that all that is published keeps its order, and returns its offset once all
// in-sync replicas have it. It blocks for some seconds at most. The error wraps
// hub.ErrUnavailable while Kafka is away, when the record may be there all the
// same, and hub.ErrInvalid for a record that is too large.
func (p *Publisher) Publish(ctx context.Context, value []byte) (offset int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if len(value) > hub.MaxEvent {
		return 0, hub.Invalidf("an event has at most %d bytes, this one %d", hub.MaxEvent, len(value))
	}
	message := &sarama.ProducerMessage{Topic: p.topic, Partition: 0, Value: sarama.ByteEncoder(value)}
	if err := p.producer.send([]*sarama.ProducerMessage{message}); err != nil {
		return 0, kafka.Classify(cause(err))
	}
	return message.Offset, nil
}

// Close ends the connection. A later Publish makes another.
func (p *Publisher) Close() { p.producer.close() }
