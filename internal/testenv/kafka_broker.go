package testenv

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"bongsu/persistence/embedded"
)

// Broker is a Kafka that a test can take away and bring back. With the build
// tag "servers" it is Apache Kafka, else the embedded broker. Its methods fail
// the test on an error.
type Broker interface {
	// Addr is where clients reach it; it stays the same.
	Addr() string
	// Stop ends it in an orderly way; clients lose their connections.
	Stop()
	// Start starts it again on the same address and data.
	Start()
}

// EmbeddedKafka starts the embedded broker for a test, at whose end it is stopped.
func EmbeddedKafka(t testing.TB) Broker {
	t.Helper()
	b := &embeddedKafka{t: t, addr: "127.0.0.1:0", dir: t.TempDir()}
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

type embeddedKafka struct {
	t      testing.TB
	addr   string
	dir    string
	broker *embedded.Broker
}

func (b *embeddedKafka) Addr() string { return b.addr }

func (b *embeddedKafka) Start() {
	b.t.Helper()
	broker, err := embedded.Start(context.Background(), embedded.Options{Addr: b.addr, Dir: b.dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	b.broker, b.addr = broker, broker.Addr()
}

func (b *embeddedKafka) Stop() {
	b.t.Helper()
	if b.broker == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.broker.Close(ctx); err != nil {
		b.t.Error(err)
	}
	b.broker = nil
}
