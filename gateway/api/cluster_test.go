package api_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"bongsu/gateway/api"
)

// threeShards is a cluster of two nodes, one of which does not answer.
func threeShards() api.Cluster {
	at := time.Date(2026, 11, 20, 10, 30, 0, 123_456_789, time.FixedZone("KST", 9*3600))
	return api.Cluster{
		Node: "n1", Generation: 4, Shards: 3, Unowned: []int32{1},
		Members: []api.Member{
			{ID: "n1", Name: "one", Address: "10.0.0.1:1", URL: "http://one:8080", Generation: 4, Shards: []int32{0, 2},
				Lag: 5, Sessions: 7, Since: at, Reachable: true},
			{ID: "n2", Name: "two", Address: "10.0.0.2:1", Generation: 3, Since: at},
		},
		Moves: []api.Move{{At: at, Shard: 2, From: "two", To: "one"}, {At: at, Shard: 1, From: "two"}},
	}
}

func TestOperatorsSeeTheCluster(t *testing.T) {
	w := newWorld(t, nil)
	w.call(t, "GET", "/api/v1/cluster", token(t), "").problem(t, 403, "the token lacks the scope ops")
	w.call(t, "GET", "/api/v1/cluster", token(t, "ops"), "").is(t, 200,
		`{"node":"n1","generation":4,"shards":3,"members":[`+
			`{"id":"n1","name":"one","address":"10.0.0.1:1","url":"http://one:8080","generation":4,"shards":[0,2],`+
			`"lag":5,"sessions":7,"since":"2026-11-20T01:30:00.123Z","reachable":true},`+
			`{"id":"n2","name":"two","address":"10.0.0.2:1","generation":3,"shards":[],`+
			`"lag":0,"sessions":0,"since":"2026-11-20T01:30:00.123Z","reachable":false}],"unowned":[1],"moves":[`+
			`{"at":"2026-11-20T01:30:00.123Z","shard":2,"from":"two","to":"one"},`+
			`{"at":"2026-11-20T01:30:00.123Z","shard":1,"from":"two","to":""}]}`)
}

func TestTheClusterIsAskedForAsLongAsACallMayTake(t *testing.T) {
	var patience time.Duration
	w := newWorld(t, func(o *api.Options) {
		o.Cluster = func(ctx context.Context) api.Cluster {
			if deadline, ok := ctx.Deadline(); ok {
				patience = time.Until(deadline)
			}
			return api.Cluster{Moves: make([]api.Move, 2*api.MaxMoves)}
		}
	})
	got := w.call(t, "GET", "/api/v1/cluster", token(t, "ops"), "")
	if patience <= 0 || patience > time.Minute {
		t.Errorf("it may take %v", patience)
	}
	var cluster struct {
		Members, Unowned, Moves []json.RawMessage
	}
	if err := json.Unmarshal([]byte(got.body), &cluster); err != nil || cluster.Members == nil || cluster.Unowned == nil || len(cluster.Moves) != api.MaxMoves {
		t.Errorf("%v: got %.300s", err, got.body)
	}
}
