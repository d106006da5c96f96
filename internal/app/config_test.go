package app

import (
	"errors"
	"strings"
	"testing"

	"bongsu/internal/hub"
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
