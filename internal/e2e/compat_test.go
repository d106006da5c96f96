//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bongsu/internal/testenv"
)

// TestCompat is the contract with the producers that exist today, on two nodes
// with Apache Kafka, ClickHouse and Redis. What older pages see of one node is
// driven in a browser.
func TestCompat(t *testing.T) {
	redis, err := testenv.Redis(context.Background(), t.TempDir(), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Kill() })
	s := &compatSuite{redis: redis, nodes: newPair(t, startParts(t, "classic"),
		"BONGSU_COMPAT=stomp,redis,order-sse", "BONGSU_REDIS_URL="+redis.URL())}
	s.awaitListeners(t)

	t.Run("messages of Redis", s.testRedis)
	t.Run("bad messages of Redis", s.testBadMessages)
	t.Run("a restart of Redis", s.testRedisRestart)
	t.Run("other people's Kafka producers", s.testProducers)
	t.Run("a page comes back before its old connection is found dead", s.testDeadUnnoticed)
	t.Run("a page goes on at another node", s.testOtherNode)
}

// compatSuite is two nodes beside a Redis.
type compatSuite struct {
	redis *testenv.RedisServer
	nodes []*server
}

// newPair starts two nodes of one cluster.
func newPair(t *testing.T, p *parts, extra ...string) []*server {
	t.Helper()
	ports := freePorts(t, 4)
	gossip, remote := ports[:2], ports[2:]
	nodes := make([]*server, 2)
	for i := range nodes {
		s := newServer(t, p)
		nodes[i] = s
		s.env = slices.Concat(s.env, []string{
			fmt.Sprint("BONGSU_NODE_NAME=e2e-", i),
			"BONGSU_HTTP_ADVERTISE=http://" + s.addr,
			"BONGSU_CLUSTER_BIND=" + gossip[i],
			"BONGSU_CLUSTER_REMOTE_ADDR=" + remote[i],
			"BONGSU_CLUSTER_JOIN=" + strings.Join(gossip, ","),
		}, extra)
		s.start(t)
	}
	for _, s := range nodes {
		s.waitReady(t)
	}
	return nodes
}

// publish publishes a message to Redis as a service does.
func (s *compatSuite) publish(t *testing.T, channel, message string) {
	t.Helper()
	if _, err := s.redis.Publish(context.Background(), channel, message); err != nil {
		t.Fatal(err)
	}
}

// awaitListeners waits until every node listens to every channel. What it
// publishes for that is for nobody.
func (s *compatSuite) awaitListeners(t *testing.T) {
	t.Helper()
	for channel, message := range map[string]string{
		"/notification/user":         "[" + body(1, "1", "", "누구 없소") + "]",
		"/notification/complex/user": "[" + body(2, "1", "1", "누구 없소") + "]",
		"order":                      `{"martId":1,"orderId":1}`,
	} {
		awaitThat(t, "two listeners of "+channel, func() bool {
			listeners, err := s.redis.Publish(context.Background(), channel, message)
			return err == nil && listeners == int64(len(s.nodes))
		})
	}
}
