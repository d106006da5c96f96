package cluster

import (
	"fmt"
	"net"
	"strconv"

	pcluster "github.com/asynkron/protoactor-go/cluster"
)

// solo is the ClusterProvider of a cluster of one: its only member is this node.
type solo struct {
	started chan struct{} // closed once the member list is complete
}

// StartMember tells protoactor that this node is the whole cluster.
func (s *solo) StartMember(c *pcluster.Cluster) error {
	host, port, err := net.SplitHostPort(c.ActorSystem.Address())
	if err != nil {
		return fmt.Errorf("remote address %q: %w", c.ActorSystem.Address(), err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return fmt.Errorf("remote address %q: %w", c.ActorSystem.Address(), err)
	}
	c.MemberList.UpdateClusterTopology(pcluster.Members{{
		Id:    c.ActorSystem.ID, // protoactor recognises itself by this id
		Host:  host,
		Port:  int32(number),
		Kinds: c.GetClusterKinds(),
	}})
	close(s.started)
	return nil
}

// StartClient is never used: every node is a member.
func (s *solo) StartClient(*pcluster.Cluster) error { return nil }

// Shutdown has nobody to tell.
func (s *solo) Shutdown(bool) error { return nil }
