package cluster

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"

	"bongsu/internal/hub"
)

// lookup is protoactor's IdentityLookup: it resolves an identity to the actor of
// a stream that this node owns, and to nothing otherwise. Actors of other nodes are
// reached through their owner's gate, never by a PID kept here.
type lookup struct {
	owner Owner
	log   *slog.Logger
}

// Get returns the PID of the actor, or nil if it cannot be had now.
func (l *lookup) Get(identity *pcluster.ClusterIdentity) *actor.PID {
	pid, err := l.owner.Activate(streamOf(identity))
	if err != nil {
		l.log.Debug("no activation", "kind", identity.Kind, "identity", identity.Identity, "err", err)
		return nil
	}
	return pid
}

// RemovePid does nothing: the owner alone knows which actors live, and checks.
func (l *lookup) RemovePid(*pcluster.ClusterIdentity, *actor.PID) {}

// Setup does nothing: the owner is ready before the cluster starts.
func (l *lookup) Setup(*pcluster.Cluster, []string, bool) {}

// Shutdown does nothing: the owner stops its own actors.
func (l *lookup) Shutdown() {}

// streamOf translates the kind and name by which protoactor knows a virtual actor.
func streamOf(identity *pcluster.ClusterIdentity) hub.Stream {
	if identity.Kind == string(hub.KindAll) {
		return hub.All
	}
	return hub.Stream(identity.Kind + ":" + identity.Identity)
}
