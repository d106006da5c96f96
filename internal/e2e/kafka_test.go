//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// producer publishes to the ingress topic as a domain service does.
type producer struct {
	sync   sarama.SyncProducer
	client sarama.Client
}

// kafkaConfig is that of a plain producer: acknowledged by all replicas, and no
// retries of its own, so that the tests know what was acknowledged.
func kafkaConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.ClientID = "e2e"
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.Retry.Max = 0
	c.Producer.Timeout = 5 * time.Second
	c.Producer.MaxMessageBytes = 2 << 20
	c.Net.DialTimeout = 2 * time.Second
	c.Net.ReadTimeout = 5 * time.Second
	c.Net.WriteTimeout = 5 * time.Second
	c.Metadata.Retry.Max = 5
	c.Metadata.Retry.Backoff = 200 * time.Millisecond
	return c
}

func newProducer(addr string) (*producer, error) {
	client, err := sarama.NewClient([]string{addr}, kafkaConfig())
	if err != nil {
		return nil, err
	}
	sync, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	return &producer{sync: sync, client: client}, nil
}

func (p *producer) close() {
	_ = p.sync.Close()
	_ = p.client.Close()
}

// publish sends an event as JSON.
func (p *producer) publish(t *testing.T, event any) {
	t.Helper()
	value, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	p.send(t, value)
}

// send sends a value as it is, with headers as alternating names and values.
func (p *producer) send(t *testing.T, value []byte, headers ...string) {
	t.Helper()
	if _, _, err := p.sync.SendMessage(message(value, headers...)); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

func message(value []byte, headers ...string) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder("e2e"), Value: sarama.ByteEncoder(value)}
	for i := 0; i+1 < len(headers); i += 2 {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(headers[i]), Value: []byte(headers[i+1])})
	}
	return m
}

// readTopic reads every record of a topic until it has n of them, or patience ends.
func (s *server) readTopic(t *testing.T, name string, n int, from map[int32]int64) []*sarama.ConsumerMessage {
	t.Helper()
	config := kafkaConfig()
	config.Metadata.AllowAutoTopicCreation = false
	consumer, err := sarama.NewConsumer([]string{s.kafka}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = consumer.Close() }()
	partitions, err := consumer.Partitions(name)
	if err != nil {
		t.Fatalf("topic %s: %v", name, err)
	}
	records := make(chan *sarama.ConsumerMessage, 256)
	done := make(chan struct{})
	defer close(done)
	for _, partition := range partitions {
		start, ok := from[partition]
		if !ok {
			start = sarama.OffsetOldest
		}
		part, err := consumer.ConsumePartition(name, partition, start)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = part.Close() }()
		go func() {
			for m := range part.Messages() {
				select {
				case records <- m:
				case <-done:
					return
				}
			}
		}()
	}
	var got []*sarama.ConsumerMessage
	deadline := time.After(60 * time.Second)
	for len(got) < n {
		select {
		case m := <-records:
			got = append(got, m)
		case <-deadline:
			t.Fatalf("%s has %d records, want %d", name, len(got), n)
		}
	}
	return got
}

// ends returns the end of each partition of a topic, which may not exist yet.
func (s *server) ends(t *testing.T, name string) map[int32]int64 {
	t.Helper()
	config := kafkaConfig()
	config.Metadata.AllowAutoTopicCreation = false
	client, err := sarama.NewClient([]string{s.kafka}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	ends := map[int32]int64{}
	partitions, err := client.Partitions(name)
	if err != nil {
		return ends
	}
	for _, partition := range partitions {
		end, err := client.GetOffset(name, partition, sarama.OffsetNewest)
		if err != nil {
			t.Fatal(err)
		}
		ends[partition] = end
	}
	return ends
}

func header(m *sarama.ConsumerMessage, name string) string {
	for _, h := range m.Headers {
		if string(h.Key) == name {
			return string(h.Value)
		}
	}
	return ""
}

// publishAll sends a notice with each id, in order and in one batch.
func (p *producer) publishAll(t *testing.T, ids []string, targets ...string) {
	t.Helper()
	messages := make([]*sarama.ProducerMessage, len(ids))
	for i, id := range ids {
		value, err := json.Marshal(notice(id, targets...))
		if err != nil {
			t.Fatal(err)
		}
		messages[i] = message(value)
	}
	if err := p.sync.SendMessages(messages); err != nil {
		t.Fatalf("publish: %v", err)
	}
}
