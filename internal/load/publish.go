package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/IBM/sarama"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// clientID is what the brokers know this tool by.
const clientID = "bongsu-load"

// sent travels with a record and says what its acknowledgement is worth.
type sent struct {
	at      time.Duration
	readers int
}

// publisher sends the events of a run and counts what Kafka has acknowledged.
type publisher struct {
	config   *Config
	clock    func() time.Duration
	producer sarama.AsyncProducer
	answers  sync.WaitGroup

	mu       sync.Mutex
	acked    uint64
	failed   uint64
	expected uint64 // deliveries of the acknowledged
	ack      *hdrhistogram.Histogram
	err      error // the first failure
	behind   time.Duration
}

// kafka returns how to reach Kafka.
func (c *Config) kafka() (kafka.Config, error) {
	config := kafka.Config{Brokers: c.Brokers, ClientID: clientID}
	if err := c.Access.Apply(&config); err != nil {
		return config, fmt.Errorf("load: %w", err)
	}
	return config, nil
}

func newPublisher(c *Config, clock func() time.Duration) (*publisher, error) {
	access, err := c.kafka()
	if err != nil {
		return nil, err
	}
	settings, err := access.Producer()
	if err != nil {
		return nil, hub.Invalidf("load: %v", err)
	}
	settings.ChannelBufferSize = 4096
	producer, err := sarama.NewAsyncProducer(c.Brokers, settings)
	if err != nil {
		return nil, fmt.Errorf("load: %w", kafka.Classify(err))
	}
	p := &publisher{config: c, clock: clock, producer: producer, ack: newHistogram()}
	p.answers.Go(p.succeed)
	p.answers.Go(p.fail)
	return p, nil
}

// publish sends events at the rate until the run's time or number is over. The
// error is that of ctx, if that ended it.
func (p *publisher) publish(ctx context.Context, events *events) error {
	limit := ctx
	if p.config.Duration > 0 {
		var cancel context.CancelFunc
		limit, cancel = context.WithTimeout(ctx, p.config.Duration)
		defer cancel()
	}
	pace := newPace(p.config.Rate)
	for n := 0; p.config.Events == 0 || n < p.config.Events; n++ {
		if pace.wait(limit) != nil {
			break
		}
		to := events.next()
		at := p.clock()
		message := &sarama.ProducerMessage{
			Topic: p.config.Topic, Key: sarama.StringEncoder(to.stream),
			Value: sarama.ByteEncoder(events.encode(to, at)), Metadata: sent{at, to.readers},
		}
		select {
		case p.producer.Input() <- message:
		case <-limit.Done():
		}
	}
	p.mu.Lock()
	p.behind = pace.behind
	p.mu.Unlock()
	return ctx.Err()
}

// finish waits for every acknowledgement that is still to come.
func (p *publisher) finish() {
	p.producer.AsyncClose()
	p.answers.Wait()
}

func (p *publisher) succeed() {
	for message := range p.producer.Successes() {
		s, _ := message.Metadata.(sent)
		now := p.clock()
		p.mu.Lock()
		p.acked++
		p.expected += uint64(s.readers)
		record(p.ack, now-s.at)
		p.mu.Unlock()
	}
}

func (p *publisher) fail() {
	for failure := range p.producer.Errors() {
		p.mu.Lock()
		p.failed++
		if p.err == nil {
			p.err = kafka.Classify(failure.Err)
		}
		p.mu.Unlock()
	}
}

// progress returns how many events are acknowledged and how many deliveries they
// should make.
func (p *publisher) progress() (acked, expected uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked, p.expected
}
