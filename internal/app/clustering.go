package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bongsu/actors"
	"bongsu/cluster"
	"bongsu/gateway"
	"bongsu/gateway/api"
	"bongsu/gateway/ingest"
	"bongsu/internal/kafka"
	"bongsu/persistence/journal"
)

// outlived is longer than a node that was cut off from Kafka believes in its claims.
const outlived = 10 * time.Second

// resetAfter is how long a client's place beyond the head of its stream is believed,
// 0 for the gateway's own measure: in a cluster another node may have shown more
// than one does that does not know yet that it has been replaced.
func (c *ClusterConfig) resetAfter() time.Duration {
	if c.ClusterBind == "" {
		return 0
	}
	return outlived
}

// newMember prepares this node's membership in the cluster. The host it works for
// and the consumer whose claims it moves are the parts'.
func (n *node) newMember(gw *gateway.Gateway, host *actors.Host, consumer *journal.Consumer) (*cluster.Node, error) {
	secret, err := n.cfg.secret()
	if err != nil {
		return nil, err
	}
	return cluster.New(cluster.Options{
		Name:       n.cfg.NodeName,
		Bind:       n.cfg.ClusterBind,
		Join:       n.cfg.ClusterJoin,
		Advertise:  n.cfg.ClusterAdvertise,
		RemoteAddr: n.cfg.ClusterRemoteAddr,
		Secret:     secret,
		URL:        n.cfg.HTTPAdvertise,
		Shards:     n.parts.shards,
		Producer:   host.Producer,
		Follower:   gw,
		Evict:      n.evict,
		Withdraw:   consumer.Withdraw,
		Rejoin:     consumer.Rejoin,
		Status: func() cluster.Status {
			return cluster.Status{Sessions: gw.Connections(), Lag: consumer.Lag()}
		},
		Log:     n.log,
		Metrics: n.registry,
	})
}

// fingerprint tells this node's cluster from others that share its Kafka: who
// cannot be reached as a member must not take shards.
func (n *node) fingerprint() (string, error) {
	secret, err := n.cfg.secret()
	switch {
	case err != nil:
		return "", err
	case n.cfg.ClusterBind == "":
		return cluster.Fingerprint(nil) + "-" + n.cfg.NodeName, nil // two nodes alone are no cluster
	case secret == nil:
		return "loopback", nil
	}
	return cluster.Fingerprint(secret), nil
}

// clientID is how Kafka knows the node of the name.
func clientID(name string) string { return "bongsu-" + name }

// evict looks up what a dead node has in the consumer groups, and returns what removes
// that, so that its shards need not wait for its session to time out.
func (n *node) evict(ctx context.Context, name string) (remove func(context.Context) error) {
	left := kafka.Find(ctx, n.parts.kafka, []string{journal.Group, ingest.Group}, clientID(name))
	return func(ctx context.Context) error {
		removed, err := left.Remove(ctx)
		if removed > 0 {
			n.log.Info("removed a dead node from the consumer groups", "dead", name, "memberships", removed)
		}
		return err
	}
}

// handOver gives this node's shards, and its share of the ingress topics, to the
// others while its clients are still here: the others deliver to them until they
// have gone. A node without others keeps what it has until its clients have left.
func (n *node) handOver(ctx context.Context) error {
	if n.parts.cluster.Peers() == 0 {
		return nil
	}
	return n.leaveGroups(ctx)
}

// leaveGroups leaves the consumer groups. One that is not left in time goes on leaving
// beside, and holds up none of the others.
func (n *node) leaveGroups(ctx context.Context) error {
	// Whatever becomes of the leaving: nothing must be announced, and nobody served,
	// that others own by now.
	defer n.parts.host.LetGo()
	var failures []error
	for _, leave := range n.parts.leave {
		if err := leave(ctx); err != nil {
			failures = append(failures, fmt.Errorf("hand the shards over: %w", err))
		}
	}
	return errors.Join(failures...)
}

// cluster returns what this node knows of the cluster.
func (n *node) cluster(ctx context.Context) api.Cluster {
	view := n.parts.cluster.View()
	answer := api.Cluster{Node: n.parts.cluster.ID(), Shards: int(n.parts.shards)}
	for _, m := range n.parts.cluster.Members(ctx) {
		member := api.Member{
			ID: m.ID, Name: m.Name, Address: m.Addr, URL: m.URL, Generation: m.Generation,
			Sessions: m.Sessions, Lag: m.Lag, Since: m.Since, Reachable: m.Reachable,
		}
		for shard := range n.parts.shards {
			if owner, ok := view.Owner(shard); ok && owner == m.ID {
				member.Shards = append(member.Shards, shard)
			}
		}
		answer.Generation = max(answer.Generation, m.Generation)
		answer.Members = append(answer.Members, member)
	}
	for shard := range n.parts.shards {
		if _, ok := view.Owner(shard); !ok {
			answer.Unowned = append(answer.Unowned, shard)
		}
	}
	for _, m := range n.parts.cluster.Moves() {
		answer.Moves = append(answer.Moves, api.Move{At: m.At, Shard: m.Shard, From: m.From, To: m.To})
	}
	return answer
}
