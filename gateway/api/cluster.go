package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"bongsu/internal/hub"
)

// Cluster is what one node knows of the cluster.
type Cluster struct {
	// Node is the id of the node that answers.
	Node string `json:"node" doc:"The id of the node that answers."`
	// Shards is how many shards the journal has.
	Shards int `json:"shards" doc:"How many shards the journal has."`
	// Members are the nodes, the one that answers among them. Never nil.
	Members []Member `json:"members" nullable:"false" doc:"The nodes, in the order of their ids."`
	// Unowned are the shards that no member owns at the moment. Never nil.
	Unowned []int32 `json:"unowned" nullable:"false" doc:"The shards that nobody owns at the moment."`
}

// Member is one node of the cluster.
type Member struct {
	// ID is new at every start of the node, Name is not.
	ID   string `json:"id" doc:"The node's id, new at every start."`
	Name string `json:"name" doc:"The node's name."`
	// Address is where the other nodes reach it.
	Address string `json:"address" doc:"Where the other nodes reach it."`
	// Generation is that of the journal's group at which it got its shards: where
	// two members claim a shard, the higher is right.
	Generation int32 `json:"generation" doc:"The group generation of its shards: where two members claim a shard, the higher is right."`
	// Shards are those it owns, ascending. Never nil.
	Shards []int32 `json:"shards" nullable:"false" doc:"The shards it owns, ascending."`
}

type clusterOutput struct{ Body Cluster }

// registerCluster registers the operators' view.
func (s *service) registerCluster() {
	op := get("/cluster", "cluster", "Members, shards and owners")
	op.Description = "Needs the scope ops."
	op.Metadata = map[string]any{scope: hub.ScopeOps}
	huma.Register(s.api, op, func(context.Context, *struct{}) (*clusterOutput, error) {
		return &clusterOutput{Body: s.Cluster()}, nil
	})
}
