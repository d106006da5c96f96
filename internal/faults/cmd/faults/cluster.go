package main

import (
	"context"
	"errors"

	"bongsu/internal/faults"
)

type clusterCmd struct {
	Nodes int `default:"3" help:"How many nodes."`
}

// Run starts the nodes, follows their logs and ends them cleanly on Ctrl-C.
func (c *clusterCmd) Run(ctx context.Context, e *environment) error {
	binary, _, err := e.binary(ctx, faults.BuildConfig{})
	if err != nil {
		return err
	}
	e.say("starting Kafka, ClickHouse and %d nodes …", c.Nodes)
	cluster, err := faults.OpenCluster(ctx, faults.ClusterConfig{
		Binary: binary, Dir: e.Dir, Nodes: c.Nodes, Dev: true, Log: e.log,
	})
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil
		}
		return err
	}
	e.say("\nThe cluster runs. Consoles, where anybody may sign in:\n")
	for _, node := range cluster.Nodes {
		e.say("  %s  %s  pid %d", node.Name, node.URL, node.PID())
	}
	first := cluster.Nodes[0]
	token, err := faults.OperatorToken()
	if err != nil {
		return errors.Join(err, cluster.Close())
	}
	e.say(`
Kafka listens at %s, the topic is %s.

What to try:
  open %s, sign in, and publish something; then
  kill -9 %d      the console goes on at another node, and misses nothing
  kill -STOP %d   the same, a moment later; kill -CONT brings the node back
  who owns what, from another terminal:
    BONGSU_TOKEN=%s \
      %s cluster --url %s --watch

Ctrl-C stops everything.
`, cluster.Kafka.Addr(), faults.Topic, first.URL, first.PID(), first.PID(), token, binary, first.URL)
	cluster.FollowLogs(ctx, e.out)
	e.say("\nstopping …")
	return cluster.Close()
}
