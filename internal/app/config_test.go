package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

func TestIngressTopicsThatCannotBeAreRefusedAtTheStart(t *testing.T) {
	config := func(topics ...string) *Config {
		return &Config{
			HTTPAddr: "127.0.0.1:0", KafkaEmbeddedAddr: "127.0.0.1:0", ClusterConfig: ClusterConfig{ClusterRemoteAddr: "127.0.0.1:0"}, CompatConfig: CompatConfig{TimeZone: "Asia/Seoul"},
			AuthJWTSecret: strings.Repeat("s", 32), KafkaShards: 1, SessionsPerPerson: 1, KafkaIngressTopics: topics,
		}
	}
	if err := config("BACKOFFICE-NOTIFICATIONS", "shop.orders_v2").check(); err != nil {
		t.Errorf("usual names: %v", err)
	}
	open := config("usual")
	open.KafkaAccess.TLS = true
	if err := open.check(); !errors.Is(err, hub.ErrInvalid) || !strings.Contains(err.Error(), "BONGSU_KAFKA_BROKERS") {
		t.Errorf("TLS to the embedded broker: got %v", err)
	}
	for _, name := range []string{"", ".", "a b", "주문", strings.Repeat("x", 245), "bongsu.journal.v1"} {
		if err := config("usual", name).check(); !errors.Is(err, hub.ErrInvalid) || !strings.Contains(err.Error(), "BONGSU_KAFKA_INGRESS_TOPICS") {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestHowToGetIntoKafkaIsHeeded(t *testing.T) {
	cfg := Config{
		HTTPAddr: "127.0.0.1:0", KafkaEmbeddedAddr: "127.0.0.1:0", ClusterConfig: ClusterConfig{ClusterRemoteAddr: "127.0.0.1:0"}, CompatConfig: CompatConfig{TimeZone: "Asia/Seoul"},
		AuthJWTSecret: strings.Repeat("s", 32), KafkaShards: 1, SessionsPerPerson: 1, KafkaIngressTopics: []string{"t"}, NodeName: "n",
		KafkaBrokers: []string{"127.0.0.1:1"}, KafkaAccess: kafka.Access{TLS: true, CA: "nowhere.pem"},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := prepared(&cfg)
	if err := errors.Join(n.start(ctx), n.stop()); !errors.Is(err, hub.ErrInvalid) || !strings.Contains(err.Error(), "nowhere.pem") {
		t.Errorf("got %v", err)
	}
}
