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

// topology translates a view to what protoactor calls its members.
func topology(v *view.View, kinds []string) (pcluster.Members, error) {
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
		members = append(members, &pcluster.Member{Id: a.ID, Host: host, Port: int32(port), Kinds: kinds})
	}
	return members, nil
}
