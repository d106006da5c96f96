//go:build servers

package testenv

import (
	"context"
	"log/slog"
	"testing"
)

// NewBroker starts a Kafka for a test, at whose end it is stopped.
func NewBroker(t testing.TB) Broker {
	t.Helper()
	server, err := Kafka(context.Background(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b := &apacheKafka{t: t, server: server}
	t.Cleanup(b.Stop)
	return b
}

// apacheKafka is a Broker.
type apacheKafka struct {
	t      testing.TB
	server *KafkaServer
}

func (b *apacheKafka) Addr() string { return b.server.Addr() }

func (b *apacheKafka) Start() {
	b.t.Helper()
	if err := b.server.Start(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *apacheKafka) Stop() {
	b.t.Helper()
	if err := b.server.Stop(); err != nil {
		b.t.Error(err)
	}
}
