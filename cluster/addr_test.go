package cluster

// Addr returns the address at which other nodes reach this one's actors; empty
// before Start.
func (n *Node) Addr() string {
	if inc := n.present.Load(); inc != nil {
		return inc.base.system.Address()
	}
	return ""
}

// Joinable returns the address at which other nodes can join this one, host:port;
// empty alone or before Start.
func (n *Node) Joinable() string {
	if inc := n.present.Load(); inc != nil && inc.gossip != nil {
		return inc.gossip.addr()
	}
	return ""
}
