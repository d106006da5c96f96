package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bongsu/internal/faults/network"
	"bongsu/internal/kafka"
	"bongsu/internal/testenv"
)

const (
	// The secrets of a cluster that lives as long as a run.
	jwtSecret     = "a-secret-of-the-fault-bench-of-32-bytes-or-more"
	clusterSecret = "b1e55ed0b1e55ed0b1e55ed0b1e55ed0b1e55ed0b1e55ed0b1e55ed0b1e55ed0"

	// Topic is the ingress topic; its partitions are as many as there are ingest
	// claims to hand around.
	Topic           = "BACKOFFICE-NOTIFICATIONS"
	topicPartitions = 8

	httpPort, gossipPort, remotePort = 8080, 7946, 7947
	// drainWindow is the nodes' BONGSU_DRAIN_WINDOW, unless a run says otherwise.
	drainWindow = 2 * time.Second
	// drainPatience is what a node may take to end beyond its drain window.
	drainPatience = 12 * time.Second
)

// ClusterConfig says what a Cluster is made of.
type ClusterConfig struct {
	// Binary is the bongsu program.
	Binary string
	// Dir is for data and logs. It must exist.
	Dir string
	// Nodes are started at once, Spare can be started later.
	Nodes, Spare int
	// Namespaces gives each node a network of its own; needs root. Without it the
	// nodes share the loopback address and cannot be cut off.
	Namespaces bool
	// Dev makes nodes let anybody sign in; on the loopback address only.
	Dev bool
	// Drain is the nodes' drain window; 0 means 2 s.
	Drain time.Duration
	// Env is added to the nodes' settings, NAME=value.
	Env []string
	Log *slog.Logger
}

// Cluster is a Kafka, a ClickHouse and the nodes on them.
type Cluster struct {
	// Kafka and ClickHouse can be stopped and started again.
	Kafka      *testenv.KafkaServer
	ClickHouse *testenv.ClickHouseServer
	// Network is nil where the nodes share the loopback address.
	Network *network.Network
	// Nodes are those that run from the start, Spares those that do not.
	Nodes, Spares []*Node

	config ClusterConfig
}

// OpenCluster starts Kafka, ClickHouse and the nodes and returns when all are
// ready. Everything ends with this process, or Close.
func OpenCluster(ctx context.Context, config ClusterConfig) (*Cluster, error) {
	if config.Drain == 0 {
		config.Drain = drainWindow
	}
	c := &Cluster{config: config}
	for _, step := range []func(context.Context) error{c.openNetwork, c.openServers, c.openNodes} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

func (c *Cluster) openNetwork(ctx context.Context) (err error) {
	if c.config.Namespaces {
		c.Network, err = network.Open(ctx, c.config.Nodes+c.config.Spare)
	}
	return err
}

func (c *Cluster) openServers(ctx context.Context) (err error) {
	host := "127.0.0.1"
	if c.Network != nil {
		host = network.Gateway
	}
	dirs := []string{filepath.Join(c.config.Dir, "kafka"), filepath.Join(c.config.Dir, "clickhouse")}
	if err := makeDirs(dirs...); err != nil {
		return err
	}
	if c.ClickHouse, err = testenv.ClickHouse18On(ctx, host, dirs[1], c.config.Log); err != nil {
		return err
	}
	if c.Kafka, err = testenv.KafkaOn(ctx, host, dirs[0], c.config.Log); err != nil {
		return err
	}
	_, err = kafka.EnsureTopics(ctx, kafka.Config{Brokers: []string{c.Kafka.Addr()}},
		[]kafka.Topic{{Name: Topic, Partitions: topicPartitions}})
	return err
}

func (c *Cluster) openNodes(ctx context.Context) error {
	for i := range c.config.Nodes + c.config.Spare {
		node, err := c.newNode(i)
		if err != nil {
			return err
		}
		if i < c.config.Nodes {
			c.Nodes = append(c.Nodes, node)
		} else {
			c.Spares = append(c.Spares, node)
		}
	}
	for _, node := range c.Nodes {
		if err := node.Start(); err != nil {
			return err
		}
	}
	for _, node := range c.Nodes {
		if err := node.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// address is where node i is, and the ports that it has there.
type address struct {
	host                 string
	http, gossip, remote int
}

// at returns where node i is: an address of its own, or ports of its own.
func (c *Cluster) at(i int) address {
	if c.Network != nil {
		return address{c.Network.Hosts()[i].Addr(), httpPort, gossipPort, remotePort}
	}
	return address{"127.0.0.1", httpPort + 1 + i, gossipPort + 100 + i, gossipPort + 200 + i}
}

func (c *Cluster) newNode(i int) (*Node, error) {
	at := c.at(i)
	name := fmt.Sprint("n", i+1)
	dir := filepath.Join(c.config.Dir, name)
	if err := makeDirs(dir); err != nil {
		return nil, err
	}
	var join []string
	for k := range c.config.Nodes + c.config.Spare {
		join = append(join, fmt.Sprintf("%s:%d", c.at(k).host, c.at(k).gossip))
	}
	node := &Node{
		Name: name, Addr: at.host, URL: fmt.Sprintf("http://%s:%d", at.host, at.http), log: filepath.Join(dir, "bongsu.log"),
		command: func() *exec.Cmd { return exec.Command(c.config.Binary, "serve") },
		env: slices.Concat([]string{
			"BONGSU_NODE_NAME=" + name,
			fmt.Sprintf("BONGSU_HTTP_ADDR=%s:%d", at.host, at.http),
			fmt.Sprintf("BONGSU_HTTP_ADVERTISE=http://%s:%d", at.host, at.http),
			"BONGSU_DATA_DIR=" + filepath.Join(dir, "data"),
			"BONGSU_KAFKA_BROKERS=" + c.Kafka.Addr(),
			"BONGSU_KAFKA_INGRESS_TOPICS=" + Topic,
			"BONGSU_CLICKHOUSE_DSN=" + c.ClickHouse.DSN(),
			"BONGSU_AUTH_JWT_SECRET=" + jwtSecret,
			fmt.Sprintf("BONGSU_CLUSTER_BIND=%s:%d", at.host, at.gossip),
			fmt.Sprintf("BONGSU_CLUSTER_REMOTE_ADDR=%s:%d", at.host, at.remote),
			"BONGSU_CLUSTER_ADVERTISE=" + at.host,
			"BONGSU_CLUSTER_JOIN=" + strings.Join(join, ","),
			"BONGSU_CLUSTER_SECRET=" + clusterSecret,
			"BONGSU_DRAIN_WINDOW=" + c.config.Drain.String(),
			fmt.Sprintf("BONGSU_DEV=%t", c.config.Dev),
		}, c.config.Env),
	}
	if c.Network != nil {
		host := c.Network.Hosts()[i]
		node.command = func() *exec.Cmd { return host.Command(c.config.Binary, "serve") }
	}
	return node, nil
}

// All returns all nodes, the spare ones behind.
func (c *Cluster) All() []*Node { return slices.Concat(c.Nodes, c.Spares) }

// Close ends everything: the nodes in an orderly way if they can, then the
// servers. It returns what did not end well.
func (c *Cluster) Close() error {
	ended := make(chan error)
	for _, node := range c.All() {
		go func() {
			_ = node.Resume() // a paused process cannot end
			if !node.Running() {
				ended <- nil // it was killed
				return
			}
			ended <- node.Terminate(c.config.Drain + drainPatience)
		}()
	}
	var failures []error
	for range c.All() {
		failures = append(failures, <-ended)
	}
	if c.Kafka != nil {
		failures = append(failures, c.Kafka.Kill())
	}
	if c.ClickHouse != nil {
		failures = append(failures, c.ClickHouse.Kill())
	}
	if c.Network != nil {
		failures = append(failures, c.Network.Close())
	}
	return errors.Join(failures...)
}
