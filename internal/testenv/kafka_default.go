//go:build !servers

package testenv

import "testing"

// NewBroker starts a Kafka for a test, at whose end it is stopped.
func NewBroker(t testing.TB) Broker {
	t.Helper()
	return EmbeddedKafka(t)
}
