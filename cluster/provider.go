package cluster

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	pcluster "github.com/asynkron/protoactor-go/cluster"

	"bongsu/cluster/view"
)

// provider is protoactor's ClusterProvider. It says that this node is up; the
// members are given to protoactor by the membership loop.
type provider struct {
	started chan struct{} // closed once remote calls are served
}

// StartMember is called at the end of protoactor's start.
func (p *provider) StartMember(*pcluster.Cluster) error {
	close(p.started)
	return nil
}

// StartClient is never used: every node is a member.
func (p *provider) StartClient(*pcluster.Cluster) error { return nil }

// Shutdown has nothing to do: the incarnation leaves before it stops.
func (p *provider) Shutdown(bool) error { return nil }

// topology translates a view to what protoactor calls its members. Protoactor knows
// this node by the id of its actor system, whatever its life, and the others by names
// that hold for one life: an id that left once is blocked for good, and who was
// dropped by mistake is there again in the next life.
func topology(v *view.View, life, system string, kinds []string) (pcluster.Members, error) {
	members := make(pcluster.Members, 0, len(v.Members()))
	for _, a := range v.Members() {
		host, text, err := net.SplitHostPort(a.Addr)
		if err != nil {
			return nil, fmt.Errorf("remote address %q: %w", a.Addr, err)
		}
		port, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("remote address %q: %w", a.Addr, err)
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]" // protoactor joins the two with a colon
		}
		id := a.ID + "@" + life
		if a.ID == life {
			id = system
		}
		members = append(members, &pcluster.Member{Id: id, Host: host, Port: int32(port), Kinds: kinds})
	}
	return members, nil
}
