package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/go-sockaddr"
	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// Options configures a Node.
type Options struct {
	// Name is the node's, unique among the living and the same at its next start.
	// Alone it may be empty.
	Name string
	// Bind is where the members find each other, host:port, TCP and UDP; port 0
	// takes a free one. Empty: this node is alone, and there is no memberlist.
	Bind string
	// Join are seeds: host:port, or DNS names that stand for all their addresses,
	// with Bind's port if they have none. They are joined again every few seconds.
	Join []string
	// Advertise is the host name or IP address under which others reach Bind's and
	// RemoteAddr's ports. Empty: Bind's host, or a private address of this machine if
	// Bind is for all of its addresses.
	Advertise string
	// RemoteAddr is where actors of other nodes reach this one's, host:port; port 0
	// takes a free one.
	RemoteAddr string
	// Secret is 32 bytes that all nodes share. It may be nil alone, and on loopback,
	// where it then keeps nobody out.
	Secret []byte
	// URL is where clients reach this node over HTTP, scheme, host and port only; empty
	// if they must not be told.
	URL string
	// Shards is how many the journal has, from 1 to view.MaxShards.
	Shards int32
	// Producer makes the actor of a stream, whatever its kind.
	Producer actor.Producer
	// Follower is given what the streams that this node follows get.
	Follower hub.Follower
	// Evict looks up what a node, by name, has in the consumer groups, and returns what
	// removes just that, and nothing that it gets later; what cannot be looked up it
	// looks up when it removes. To remove it again is harmless. It may be nil.
	Evict func(ctx context.Context, name string) (remove func(context.Context) error)
	// Withdraw has this node give its claims in the consumer group back and stay out
	// of it until Rejoin. It does not block. It may be nil.
	Withdraw func()
	// Rejoin has this node give its claims in the consumer groups back and join them
	// again. It does not block. It may be nil.
	Rejoin func()
	// Status says how this node fares. It does not block. It may be nil.
	Status func() Status
	// Log is where the node tells of members that come and go.
	Log *slog.Logger
	// Metrics is where the node's metrics go; nil leaves them out.
	Metrics prometheus.Registerer

	network network
}

// network is how a node reaches others; tests cut it.
type network struct {
	transport func(*memberlist.Config) (memberlist.Transport, error) // nil: UDP and TCP
	dial      dialer
	// carry has the messages of an actor system carried within the process, at the
	// address; nil: over TCP and TLS.
	carry func(system *actor.ActorSystem, addr string)
}

// place is where a node is, as far as its options say.
type place struct {
	remote hostPort
	bind   hostPort
}

// check fills what may be left out in and refuses what cannot be.
func (o *Options) check() (place, error) {
	var p place
	var err error
	if p.remote, err = parseAddr("remote address", o.RemoteAddr); err != nil {
		return p, err
	}
	o.URL = strings.TrimRight(o.URL, "/")
	if o.network.dial == nil {
		o.network.dial = dialTCP
	}
	if o.Shards < 1 || o.Shards > view.MaxShards {
		return p, hub.Invalidf("a journal has from 1 to %d shards, not %d", view.MaxShards, o.Shards)
	}
	if o.Bind == "" {
		if o.Name == "" {
			o.Name = "bongsu"
		}
		return p, nil
	}
	if p.bind, err = parseAddr("cluster address", o.Bind); err != nil {
		return p, err
	}
	switch {
	case o.Name == "":
		return p, hub.Invalidf("a node of a cluster needs a name")
	case o.Secret == nil && !(loopback(p.bind.host) && loopback(p.remote.host)):
		return p, hub.Invalidf("nodes that can be reached by others need a secret that they share")
	}
	if p.bind.host == "" {
		p.bind.host = "0.0.0.0"
	}
	// What is not known yet, the id and two addresses, has its usual length.
	sample := view.Announcement{ID: strings.Repeat("i", idLen), Name: o.Name, Addr: "255.255.255.255:65535", URL: o.URL}
	_, err = sample.Encode()
	return p, err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// advertised returns the IP address under which others reach the node.
func (o *Options) advertised(ctx context.Context, bind hostPort) (string, error) {
	host := o.Advertise
	if host == "" {
		host = bind.host
	}
	if ip := net.ParseIP(host); ip != nil {
		if !ip.IsUnspecified() {
			return ip.String(), nil
		}
		private, err := sockaddr.GetPrivateIP()
		if err == nil && private == "" {
			err = errors.New("this machine has no private address")
		}
		if err != nil {
			return "", fmt.Errorf("an address to advertise to other nodes: %w", err)
		}
		return private, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", fmt.Errorf("the address to advertise to other nodes: %w", err)
	}
	return ips[0].Unmap().String(), nil
}
