package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bongsu/internal/hub"
)

// MaxMoves is the most moves that a Cluster names.
const MaxMoves = 50

// Cluster is what one node knows of the cluster.
type Cluster struct {
	// Node is the id of the node that answers.
	Node string `json:"node" doc:"The id of the node that answers."`
	// Generation is the newest of the journal's group that the node knows of.
	Generation int32 `json:"generation" doc:"The newest generation of the journal's group: it grows whenever shards are shared out anew."`
	// Shards is how many shards the journal has.
	Shards int `json:"shards" doc:"How many shards the journal has."`
	// Members are the nodes, the one that answers among them, in the order of
	// their ids. Never nil.
	Members []Member `json:"members" nullable:"false" doc:"The nodes, in the order of their ids."`
	// Unowned are the shards that no member owns at the moment. Never nil.
	Unowned []int32 `json:"unowned" nullable:"false" doc:"The shards that nobody owns at the moment."`
	// Moves are the last changes of owners that the node has seen, the newest
	// first. Never nil.
	Moves []Move `json:"moves" nullable:"false" maxItems:"50" doc:"The last changes of owners that this node has seen, the newest first."`
}

// Member is one node of the cluster.
type Member struct {
	// ID is new at every start of the node, Name is not.
	ID   string `json:"id" doc:"The node's id, new at every start."`
	Name string `json:"name" doc:"The node's name."`
	// Address is where the other nodes reach it, URL where clients do, "" if they
	// are not told.
	Address string `json:"address" doc:"Where the other nodes reach it."`
	URL     string `json:"url,omitempty" format:"uri" doc:"Where clients reach it; absent if they are not told."`
	// Generation is that of the journal's group at which it got its shards: where
	// two members claim a shard, the higher is right.
	Generation int32 `json:"generation" doc:"The group generation of its shards: where two members claim a shard, the higher is right."`
	// Shards are those it owns, ascending. Never nil.
	Shards []int32 `json:"shards" nullable:"false" doc:"The shards it owns, ascending."`
	// Lag is how many records of its shards it has not applied yet.
	Lag int64 `json:"lag" doc:"How many records of its shards it has not applied yet; 0 if it is out of reach."`
	// Sessions is how many clients are connected to it, with a session or without yet.
	Sessions int64 `json:"sessions" doc:"How many client connections it has; 0 if it is out of reach."`
	// Since is when it took its id, by its own clock.
	Since time.Time `json:"since" doc:"When it started, or joined again, by its own clock."`
	// Reachable says that it has answered just now.
	Reachable bool `json:"reachable" doc:"Whether it has answered just now."`
}

// Move is a shard's change of owner.
type Move struct {
	// At is when the node that answers saw it.
	At    time.Time `json:"at" doc:"When the node that answers saw it."`
	Shard int32     `json:"shard" doc:"The shard."`
	// From and To are the nodes' names. From is "" for the first owner that the node
	// knows of.
	From string `json:"from" doc:"The name of the last owner before it, empty if this node knows of none."`
	To   string `json:"to" doc:"The name of the owner after it."`
}

type clusterOutput struct{ Body Cluster }

// registerCluster registers the operators' view.
func (s *service) registerCluster() {
	op := get("/cluster", "cluster", "Members, shards, owners and moves")
	op.Description = "Needs the scope ops."
	op.Metadata = map[string]any{scope: hub.ScopeOps}
	huma.Register(s.api, op, func(ctx context.Context, _ *struct{}) (*clusterOutput, error) {
		cluster := s.Cluster(ctx)
		cluster.tidy()
		return &clusterOutput{Body: cluster}, nil
	})
}

// tidy makes the answer what it promises: no nulls, and times as clients see them.
func (c *Cluster) tidy() {
	c.Members = append([]Member{}, c.Members...)
	for i := range c.Members {
		m := &c.Members[i]
		m.Shards = append([]int32{}, m.Shards...)
		m.Since = m.Since.UTC().Truncate(time.Millisecond)
	}
	c.Unowned = append([]int32{}, c.Unowned...)
	c.Moves = append([]Move{}, c.Moves[:min(len(c.Moves), MaxMoves)]...)
	for i := range c.Moves {
		c.Moves[i].At = c.Moves[i].At.UTC().Truncate(time.Millisecond)
	}
}
