package places

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/kafka"
)

// TopicName is the topic through which nodes tell each other places.
const TopicName = "bongsu.places.v1"

const (
	// readBack is how far back a node that starts reads.
	readBack = 2 * time.Minute
	// greeting is how long it waits for the broker's time before: sessions wait for it
	// to have read, until their patience ends.
	greeting = time.Second
)

// Ensure creates the topic if it does not exist. While Kafka is away the error
// wraps hub.ErrUnavailable.
func Ensure(ctx context.Context, config kafka.Config) error {
	_, err := kafka.EnsureTopics(ctx, config, []kafka.Topic{{
		Name: TopicName, Partitions: 1, Settings: map[string]string{
			"cleanup.policy":         "delete",
			"retention.ms":           "600000",
			"segment.ms":             "300000",
			"message.timestamp.type": "LogAppendTime",
		},
	}})
	return err
}

// writer appends to the topic. It connects when it is used.
type writer struct {
	config   kafka.Config
	producer sarama.SyncProducer
}

// write appends the values, and returns when the last was, by the broker's clock, or
// the zero time if the broker does not keep that. It blocks for some seconds at most.
// After an error some of them may be there.
func (w *writer) write(values [][]byte) (appended time.Time, err error) {
	if w.producer == nil {
		settings, err := w.config.Producer()
		if err != nil {
			return time.Time{}, err
		}
		settings.Producer.Partitioner = sarama.NewManualPartitioner
		settings.Producer.Compression = sarama.CompressionLZ4
		if w.producer, err = sarama.NewSyncProducer(w.config.Brokers, settings); err != nil {
			return time.Time{}, kafka.Classify(err)
		}
	}
	messages := make([]*sarama.ProducerMessage, len(values))
	for i, value := range values {
		messages[i] = &sarama.ProducerMessage{Topic: TopicName, Value: sarama.ByteEncoder(value)}
	}
	if err := w.producer.SendMessages(messages); err != nil {
		w.close() // which forgets what went wrong
		var failures sarama.ProducerErrors
		if errors.As(err, &failures) && len(failures) > 0 {
			err = failures[0].Err
		}
		return time.Time{}, kafka.Classify(err)
	}
	return messages[len(messages)-1].Timestamp, nil
}

// close ends the connection. A later write makes another.
func (w *writer) close() {
	if w.producer != nil {
		_ = w.producer.Close()
		w.producer = nil
	}
}

// read takes in what is written to the topic until ctx ends.
func (p *Places) read(ctx context.Context) {
	var pause kafka.Backoff
	next := int64(-1)
	greeter := p.newGreeter()
	defer greeter.work.Wait()
	for ctx.Err() == nil {
		err := p.readFrom(ctx, &next, greeter.greet, pause.Reset)
		if ctx.Err() != nil {
			return
		}
		p.log.Warn("places of other nodes are not read, trying again", "error", err)
		if errors.Is(err, sarama.ErrOffsetOutOfRange) {
			next = -1
		}
		pause.Wait(ctx)
	}
}

// greeter writes records that say nothing, one at a time: what the broker's time is has
// to be known before what was written earlier is judged.
type greeter struct {
	places *Places
	done   chan struct{} // closed when the record that was written last was, or could not be
	work   sync.WaitGroup
}

// greet has a record written, and waits for that, but not for long: what can be read
// must not wait for a broker that takes nothing. The record corrects the time when it
// is there.
func (g *greeter) greet(ctx context.Context) {
	select {
	case <-g.done:
		done := make(chan struct{})
		g.done = done
		g.work.Go(func() {
			defer close(done)
			g.places.greet()
		})
	default: // the last is still under way
	}
	timer := time.NewTimer(greeting)
	defer timer.Stop()
	select {
	case <-g.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (p *Places) newGreeter() *greeter {
	g := &greeter{places: p, done: make(chan struct{})}
	close(g.done)
	return g
}

// greet writes a record that says nothing.
func (p *Places) greet() {
	w := writer{config: p.config}
	defer w.close()
	if err := p.write(&w, record{}); err != nil {
		p.log.Warn("Kafka's time is not known yet, places are judged by what is read", "error", err)
	}
}

var errEnded = errors.New("the consumer has ended")

// readFrom reads from the offset next on, or with -1 from some time ago, until ctx
// ends or Kafka fails, and keeps next. greet is called before it is known how long ago
// that is, works when something was read.
func (p *Places) readFrom(ctx context.Context, next *int64, greet func(context.Context), works func()) error {
	settings, err := p.config.Consumer()
	if err != nil {
		return err
	}
	client, err := sarama.NewClient(p.config.Brokers, settings)
	if err != nil {
		return kafka.Classify(err)
	}
	defer func() { _ = client.Close() }()
	if *next < 0 {
		p.reread()
		greet(ctx)
	}
	end, err := client.GetOffset(TopicName, 0, sarama.OffsetNewest)
	if err != nil {
		return kafka.Classify(err)
	}
	if *next < 0 {
		if *next, err = client.GetOffset(TopicName, 0, p.present()-readBack.Milliseconds()); err != nil {
			return kafka.Classify(err)
		}
		if *next < 0 { // nothing is that young
			*next = end
		}
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return kafka.Classify(err)
	}
	defer func() { _ = consumer.Close() }()
	partition, err := consumer.ConsumePartition(TopicName, 0, *next)
	if err != nil {
		return kafka.Classify(err)
	}
	defer func() { _ = partition.Close() }()
	for {
		if *next >= end {
			p.heardAll()
		}
		select {
		case <-ctx.Done():
			return nil
		case failure, open := <-partition.Errors():
			if !open {
				return errEnded
			}
			return kafka.Classify(failure.Err)
		case message, open := <-partition.Messages():
			if !open {
				return errEnded
			}
			p.take(message.Value, message.Timestamp)
			*next = message.Offset + 1
			works()
		}
	}
}
