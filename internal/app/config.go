package app

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"bongsu/cluster/view"
	"bongsu/gateway/auth"
	"bongsu/gateway/stomp/places"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/persistence/journal"
)

// Config is every setting of a node: a flag of `bongsu serve`, an environment
// variable and a key of the optional file. The struct tags are the one place
// where names, defaults and help stand.
type Config struct {
	HTTPAddr      string `name:"http-addr" env:"BONGSU_HTTP_ADDR" default:"127.0.0.1:8080" help:"Where sockets, HTTP API and console listen."`
	HTTPAdvertise string `name:"http-advertise" env:"BONGSU_HTTP_ADVERTISE" help:"URL under which clients reach this very node; they fall over to the other nodes' by themselves. Empty: they only know the URL they came by."`
	DataDir       string `name:"data-dir" env:"BONGSU_DATA_DIR" default:"data" help:"Directory of the embedded broker's log and of SQLite."`

	KafkaBrokers       []string     `name:"kafka-brokers" env:"BONGSU_KAFKA_BROKERS" help:"Kafka brokers, comma-separated. Empty: an embedded broker."`
	KafkaAccess        kafka.Access `embed:""`
	KafkaEmbeddedAddr  string       `name:"kafka-embedded-addr" env:"BONGSU_KAFKA_EMBEDDED_ADDR" default:"127.0.0.1:9092" help:"Where the embedded broker listens, for any Kafka client."`
	KafkaEmbeddedSync  bool         `name:"kafka-embedded-sync" env:"BONGSU_KAFKA_EMBEDDED_SYNC" help:"Let the embedded broker wait for the disk before it acknowledges: survives a power cut, costs milliseconds."`
	KafkaIngressTopics []string     `name:"kafka-ingress-topics" env:"BONGSU_KAFKA_INGRESS_TOPICS" default:"BACKOFFICE-NOTIFICATIONS" help:"Topics that domain services publish to."`
	KafkaShards        int32        `name:"kafka-shards" env:"BONGSU_KAFKA_SHARDS" default:"64" help:"Partitions of the journal when it is created."`

	ClickHouseDSN string        `name:"clickhouse-dsn" env:"BONGSU_CLICKHOUSE_DSN" help:"Timeline on ClickHouse, clickhouse://user:pass@host:9000/bongsu or http(s)://…. Empty: SQLite."`
	Retention     time.Duration `name:"timeline-retention" env:"BONGSU_TIMELINE_RETENTION" default:"2160h" help:"How long entries stay in the timeline; 0 keeps them for good."`
	MaxUnflushed  int64         `name:"timeline-max-unflushed" env:"BONGSU_TIMELINE_MAX_UNFLUSHED" default:"268435456" help:"Bytes of entries that may wait in memory for the timeline before consumption pauses."`

	AuthJWTSecret string `name:"auth-jwt-secret" env:"BONGSU_AUTH_JWT_SECRET" help:"HS256 secret, at least 32 bytes."`
	AuthJWKSURL   string `name:"auth-jwks-url" env:"BONGSU_AUTH_JWKS_URL" help:"Where the keys of RS, PS, ES and EdDSA tokens are."`
	AuthIssuer    string `name:"auth-issuer" env:"BONGSU_AUTH_ISSUER" help:"The iss that tokens must have."`
	AuthAudience  string `name:"auth-audience" env:"BONGSU_AUTH_AUDIENCE" help:"The aud that tokens must have."`

	AllowedOrigins []string `name:"allowed-origins" env:"BONGSU_ALLOWED_ORIGINS" help:"Origins of pages that may connect. Empty: the same origin only."`
	Dev            bool     `name:"dev" env:"BONGSU_DEV" help:"Console sign-in without a password. Only on a loopback address."`
	NodeName       string   `name:"node-name" env:"BONGSU_NODE_NAME" help:"This node's name; the host name if empty."`

	ClusterConfig `embed:""`
	CompatConfig  `embed:""`

	DrainWindow       time.Duration `name:"drain-window" env:"BONGSU_DRAIN_WINDOW" default:"5s" help:"Over how long clients are told to reconnect when the node stops."`
	SessionsPerPerson int           `name:"sessions-per-person" env:"BONGSU_SESSIONS_PER_PERSON" default:"32" help:"Open sessions that one person may have on this node."`
}

// check returns an error that says what to change, wrapping hub.ErrInvalid.
func (c *Config) check() error {
	if err := c.checkAddrs(); err != nil {
		return err
	}
	switch {
	case !c.Dev && c.AuthJWTSecret == "" && c.AuthJWKSURL == "":
		return hub.Invalidf("nobody could sign in: set BONGSU_AUTH_JWT_SECRET (at least 32 bytes) or BONGSU_AUTH_JWKS_URL, or try the hub out with BONGSU_DEV=true")
	case c.AuthJWTSecret != "" && len(c.AuthJWTSecret) < auth.MinSecret:
		return hub.Invalidf("BONGSU_AUTH_JWT_SECRET has %d bytes; want at least %d", len(c.AuthJWTSecret), auth.MinSecret)
	case c.KafkaShards < 1 || c.KafkaShards > view.MaxShards:
		return hub.Invalidf("BONGSU_KAFKA_SHARDS is %d; want 1 to %d", c.KafkaShards, view.MaxShards)
	case c.KafkaAccess.Any() && len(c.KafkaBrokers) == 0:
		return hub.Invalidf("how to get into Kafka is set, and BONGSU_KAFKA_BROKERS is not: the embedded broker knows neither TLS nor passwords")
	case len(c.KafkaIngressTopics) == 0:
		return hub.Invalidf("BONGSU_KAFKA_INGRESS_TOPICS names no topic")
	case slices.ContainsFunc(c.KafkaIngressTopics, func(name string) bool { return !isTopic(name) }):
		return hub.Invalidf("BONGSU_KAFKA_INGRESS_TOPICS is %q; want topic names of A-Z a-z 0-9 . _ -, none of them the hub's own", c.KafkaIngressTopics)
	case c.Retention < 0:
		return hub.Invalidf("BONGSU_TIMELINE_RETENTION is %s; want 0 or more", c.Retention)
	case c.MaxUnflushed < 0:
		return hub.Invalidf("BONGSU_TIMELINE_MAX_UNFLUSHED is %d; want 0 for the default, or more", c.MaxUnflushed)
	case c.DrainWindow < 0:
		return hub.Invalidf("BONGSU_DRAIN_WINDOW is %s; want 0 or more", c.DrainWindow)
	case c.SessionsPerPerson < 1:
		return hub.Invalidf("BONGSU_SESSIONS_PER_PERSON is %d; want 1 or more", c.SessionsPerPerson)
	}
	if err := c.KafkaAccess.Check(); err != nil {
		return err
	}
	return c.checkOrigins()
}

// isTopic reports whether a name can be an ingress topic's. The dead-letter
// topic's name, which is five characters longer, must be possible too.
func isTopic(name string) bool {
	const most = 249 - 5
	foreign := strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	})
	return name != "" && len(name) <= most && !foreign && strings.Trim(name, ".") != "" && name != journal.TopicName && name != places.TopicName
}

func (c *Config) checkAddrs() error {
	for _, addr := range []struct{ variable, value string }{
		{"BONGSU_HTTP_ADDR", c.HTTPAddr},
		{"BONGSU_KAFKA_EMBEDDED_ADDR", c.KafkaEmbeddedAddr},
		{"BONGSU_CLUSTER_REMOTE_ADDR", c.ClusterRemoteAddr},
	} {
		if _, _, err := net.SplitHostPort(addr.value); err != nil {
			return hub.Invalidf("%s is %q; want host:port", addr.variable, addr.value)
		}
	}
	if c.Dev && !isLoopback(c.HTTPAddr) {
		return hub.Invalidf("BONGSU_DEV lets anybody in, so BONGSU_HTTP_ADDR must be a loopback address such as 127.0.0.1:8080, not %q", c.HTTPAddr)
	}
	if err := c.CompatConfig.check(); err != nil {
		return err
	}
	return c.checkCluster()
}

func (c *Config) checkOrigins() error {
	for _, origin := range c.AllowedOrigins {
		if !isOrigin(origin) {
			return hub.Invalidf("BONGSU_ALLOWED_ORIGINS: %q is no origin; want something like https://admin.example.com", origin)
		}
	}
	if c.HTTPAdvertise != "" && !isOrigin(c.HTTPAdvertise) {
		return hub.Invalidf("BONGSU_HTTP_ADVERTISE is %q; want a URL without a path, such as https://node-1.example.com", c.HTTPAdvertise)
	}
	return nil
}

// isOrigin reports whether text is a URL of scheme and host only.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.User == nil
}

// isLoopback reports whether addr, host:port, can be reached from this machine
// only. A name other than localhost cannot be told, and counts as reachable.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// String shows the settings without secrets.
func (c *Config) String() string {
	broker, timeline := "embedded at "+c.KafkaEmbeddedAddr, "SQLite in "+c.DataDir
	if len(c.KafkaBrokers) > 0 {
		broker = strings.Join(c.KafkaBrokers, ",")
	}
	if c.ClickHouseDSN != "" {
		timeline = "ClickHouse"
	}
	return fmt.Sprintf("http %s, kafka %s, timeline %s, dev %t", c.HTTPAddr, broker, timeline, c.Dev)
}
