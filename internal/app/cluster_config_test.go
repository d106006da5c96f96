package app

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"bongsu/cluster"
	"bongsu/internal/hub"
)

// clustered returns the settings of a node that others can reach.
func clustered() Config {
	return Config{
		HTTPAddr: "127.0.0.1:0", KafkaEmbeddedAddr: "127.0.0.1:0", AuthJWTSecret: strings.Repeat("s", 32),
		KafkaIngressTopics: []string{"t"}, KafkaShards: 64, SessionsPerPerson: 1,
		KafkaBrokers: []string{"kafka:9092"}, ClickHouseDSN: "clickhouse://clickhouse:9000/bongsu",
		HTTPAdvertise: "https://node-1.example.com",
		CompatConfig:  CompatConfig{TimeZone: "Asia/Seoul"},
		ClusterConfig: ClusterConfig{
			ClusterBind: "10.0.0.1:7946", ClusterRemoteAddr: "10.0.0.1:7947",
			ClusterJoin: []string{"bongsu.default.svc"}, ClusterSecret: strings.Repeat("ab", cluster.SecretLen),
		},
	}
}

func TestAClusterNeedsWhatItsNodesShare(t *testing.T) {
	good := clustered()
	if err := good.check(); err != nil {
		t.Fatalf("good settings: %v", err)
	}
	for name, one := range map[string]struct {
		spoil func(*Config)
		says  string
	}{
		"no Kafka":              {func(c *Config) { c.KafkaBrokers = nil }, "BONGSU_KAFKA_BROKERS"},
		"no ClickHouse":         {func(c *Config) { c.ClickHouseDSN = "" }, "BONGSU_CLICKHOUSE_DSN"},
		"no secret":             {func(c *Config) { c.ClusterSecret = "" }, "BONGSU_CLUSTER_SECRET"},
		"a short secret":        {func(c *Config) { c.ClusterSecret = "abcd" }, "BONGSU_CLUSTER_SECRET"},
		"no address to bind":    {func(c *Config) { c.ClusterBind = "" }, "BONGSU_CLUSTER_BIND"},
		"a bind without a port": {func(c *Config) { c.ClusterBind = "10.0.0.1" }, "BONGSU_CLUSTER_BIND"},
		"actors nobody reaches": {func(c *Config) { c.ClusterRemoteAddr = "127.0.0.1:0" }, "BONGSU_CLUSTER_REMOTE_ADDR"},
		"a URL with a path":     {func(c *Config) { c.HTTPAdvertise = "https://a.example/x" }, "BONGSU_HTTP_ADVERTISE"},
		"a URL with a password": {func(c *Config) { c.HTTPAdvertise = "https://a:b@a.example" }, "BONGSU_HTTP_ADVERTISE"},
	} {
		bad := good
		one.spoil(&bad)
		err := bad.check()
		if !errors.Is(err, hub.ErrInvalid) || !strings.Contains(err.Error(), one.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && bad.ClusterSecret != "" && strings.Contains(err.Error(), bad.ClusterSecret) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}

func TestOnLoopbackAClusterNeedsNoSecret(t *testing.T) {
	c := clustered()
	c.ClusterBind, c.ClusterRemoteAddr, c.ClusterSecret = "127.0.0.1:0", "127.0.0.1:0", ""
	if err := c.check(); err != nil {
		t.Error(err)
	}
}

func TestTheSecretIsHexOrBase64(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	for _, text := range []string{
		hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key),
	} {
		got, err := (&ClusterConfig{ClusterSecret: text}).secret()
		if err != nil || string(got) != string(key) {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
}
