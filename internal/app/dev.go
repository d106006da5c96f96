package app

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"bongsu/gateway/api"
	"bongsu/gateway/auth"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// devTokenFor is how long a token lasts that dev mode hands out; the console
// asks for the next one by itself.
const devTokenFor = time.Hour

// startDev starts what dev mode publishes to Kafka with.
func (n *node) startDev() error {
	if !n.cfg.Dev {
		return nil
	}
	config, err := n.parts.kafka.Producer()
	if err != nil {
		return err
	}
	producer, err := sarama.NewSyncProducer(n.parts.kafka.Brokers, config)
	if err != nil {
		return kafka.Classify(fmt.Errorf("dev mode's producer: %w", err))
	}
	n.parts.dev = producer
	n.onStop("dev mode's producer", func(context.Context) error { return producer.Close() })
	return nil
}

// dev returns what dev mode adds to the API: sign-in as anyone, and publishing
// to Kafka as a domain service does.
func (n *node) dev() *api.Dev {
	return &api.Dev{
		Token: func(p *hub.Principal) (string, error) {
			return auth.Mint(p, auth.MintOptions{
				Secret: n.parts.secret, Issuer: n.cfg.AuthIssuer, Audience: n.cfg.AuthAudience, TTL: devTokenFor,
			})
		},
		Publish: func(_ context.Context, value []byte) error {
			message := &sarama.ProducerMessage{Topic: n.cfg.KafkaIngressTopics[0], Value: sarama.ByteEncoder(value)}
			if _, _, err := n.parts.dev.SendMessage(message); err != nil {
				return kafka.Classify(fmt.Errorf("publish to %s: %w", message.Topic, err))
			}
			return nil
		},
	}
}
