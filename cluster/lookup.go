package cluster

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	pcluster "github.com/asynkron/protoactor-go/cluster"

	"bongsu/internal/hub"
)

// Host activates the actors of the streams whose shards this node owns.
type Host interface {
	// Activate returns the PID of the stream's actor, having started it if need
	// be. It returns an error that wraps hub.ErrUnavailable when this node does
	// not own the stream's shard. It does not block on other parts.
	Activate(stream hub.Stream) (*actor.PID, error)
}

// lookup is protoactor's IdentityLookup: it resolves an identity to the actor on
// the owner of the stream's shard, and to nothing when there is no owner.
type lookup struct {
	host Host
	log  *slog.Logger
}

// Get returns the PID of the actor, or nil if it cannot be had now.
func (l *lookup) Get(identity *pcluster.ClusterIdentity) *actor.PID {
	pid, err := l.host.Activate(streamOf(identity))
	if err != nil {
		l.log.Debug("no activation", "kind", identity.Kind, "identity", identity.Identity, "err", err)
		return nil
	}
	return pid
}

// RemovePid does nothing: the host alone knows which actors live, and checks.
func (l *lookup) RemovePid(*pcluster.ClusterIdentity, *actor.PID) {}

// Setup does nothing: the host is ready before the cluster starts.
func (l *lookup) Setup(*pcluster.Cluster, []string, bool) {}

// Shutdown does nothing: the host stops its own actors.
func (l *lookup) Shutdown() {}

// identityOf and streamOf translate between stream keys and the kind and name
// by which protoactor knows a virtual actor.
func identityOf(stream hub.Stream) *pcluster.ClusterIdentity {
	if stream == hub.All {
		return pcluster.NewClusterIdentity(string(hub.All), string(hub.KindAll))
	}
	return pcluster.NewClusterIdentity(stream.Key(), string(stream.Kind()))
}

func streamOf(identity *pcluster.ClusterIdentity) hub.Stream {
	if identity.Kind == string(hub.KindAll) {
		return hub.All
	}
	return hub.Stream(identity.Kind + ":" + identity.Identity)
}
