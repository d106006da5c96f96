package app

import (
	"encoding/base64"
	"encoding/hex"
	"net"

	"bongsu/cluster"
	"bongsu/internal/hub"
)

// ClusterConfig is how this node finds the others, and they it. The zero value of
// ClusterBind is a node alone.
type ClusterConfig struct {
	ClusterBind       string   `name:"cluster-bind" env:"BONGSU_CLUSTER_BIND" help:"Where the nodes find each other, host:port, TCP and UDP. Empty: a single node."`
	ClusterJoin       []string `name:"cluster-join" env:"BONGSU_CLUSTER_JOIN" help:"Nodes to join, host:port, or a DNS name that stands for all of them; comma-separated."`
	ClusterSecret     string   `name:"cluster-secret" env:"BONGSU_CLUSTER_SECRET" help:"Key that all nodes share, 32 bytes in hex or base64. Required off loopback."`
	ClusterRemoteAddr string   `name:"cluster-remote-addr" env:"BONGSU_CLUSTER_REMOTE_ADDR" default:"127.0.0.1:0" help:"Where the nodes' actors talk to each other, host:port."`
	ClusterAdvertise  string   `name:"cluster-advertise" env:"BONGSU_CLUSTER_ADVERTISE" help:"Host or IP address under which other nodes reach this one's two cluster ports; found out if empty."`
}

// secret returns the key that the nodes share, nil if none is set. The error says
// nothing of what was set.
func (c *ClusterConfig) secret() ([]byte, error) {
	if c.ClusterSecret == "" {
		return nil, nil
	}
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if key, err := decode(c.ClusterSecret); err == nil && len(key) == cluster.SecretLen {
			return key, nil
		}
	}
	return nil, hub.Invalidf("BONGSU_CLUSTER_SECRET is not %d bytes in hex or base64; `openssl rand -hex %d` makes one", cluster.SecretLen, cluster.SecretLen)
}

// checkCluster returns an error that says what to change, wrapping hub.ErrInvalid.
func (c *Config) checkCluster() error {
	secret, err := c.secret()
	if err != nil {
		return err
	}
	if c.ClusterBind == "" {
		switch {
		case len(c.ClusterJoin) > 0:
			return hub.Invalidf("BONGSU_CLUSTER_JOIN is set, and BONGSU_CLUSTER_BIND is not: say where this node can be found, such as 10.0.0.1:7946")
		case !isLoopback(c.ClusterRemoteAddr):
			return hub.Invalidf("BONGSU_CLUSTER_REMOTE_ADDR is %q; a single node needs a loopback address", c.ClusterRemoteAddr)
		}
		return nil
	}
	if _, _, err := net.SplitHostPort(c.ClusterBind); err != nil {
		return hub.Invalidf("BONGSU_CLUSTER_BIND is %q; want host:port", c.ClusterBind)
	}
	local := isLoopback(c.ClusterBind) && isLoopback(c.ClusterRemoteAddr)
	switch {
	case len(c.KafkaBrokers) == 0:
		return hub.Invalidf("several nodes share one Kafka: set BONGSU_KAFKA_BROKERS, or leave BONGSU_CLUSTER_BIND empty for a single node")
	case c.ClickHouseDSN == "":
		return hub.Invalidf("several nodes share one timeline: set BONGSU_CLICKHOUSE_DSN, or leave BONGSU_CLUSTER_BIND empty for a single node")
	case secret == nil && !local:
		return hub.Invalidf("nodes that others can reach share a key: set BONGSU_CLUSTER_SECRET to 32 bytes in hex or base64 (`openssl rand -hex %d`)", cluster.SecretLen)
	case !isLoopback(c.ClusterBind) && isLoopback(c.ClusterRemoteAddr):
		return hub.Invalidf("BONGSU_CLUSTER_BIND can be reached by others, and BONGSU_CLUSTER_REMOTE_ADDR, %q, cannot: set it to something like 0.0.0.0:7947", c.ClusterRemoteAddr)
	}
	return nil
}
