package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/hub"
)

// Authenticator tells who holds a token. It may block until ctx ends. Errors
// wrap hub.ErrUnauthenticated (hub.ErrTokenExpired for a token whose time is
// over), hub.ErrForbidden or hub.ErrUnavailable. The principal is only read.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (*hub.Principal, error)
}

// Options configure a Gateway. Auth is required; every other zero value stands
// for the default named beside it.
type Options struct {
	// Auth tells who holds a token.
	Auth Authenticator
	// Node is this node's name, told to clients.
	Node string
	// Nodes returns the URLs at which clients reach the cluster's nodes, this
	// node's first, told to clients too. It is called often and does not block;
	// its answer is only read. nil tells none.
	Nodes func() []string
	// Log gets what operators need to know; nil logs nothing.
	Log *slog.Logger
	// Metrics is where the gateway's metrics are registered; nil registers none.
	Metrics prometheus.Registerer

	// Heartbeat is how long a session may be quiet before it gets a heartbeat
	// (25 s). A client of which nothing is heard for 2.5 of them is closed.
	Heartbeat time.Duration
	// ConnectWithin is how long a new connection may go without a session (10 s).
	ConnectWithin time.Duration
	// WriteTimeout is how long a blocked socket may stay blocked before its
	// session counts as slow (5 s).
	WriteTimeout time.Duration
	// UnreadEvery is the least time between two unread pushes to a session (1 s).
	UnreadEvery time.Duration
	// Linger is how long a stream without sessions stays followed (30 s).
	Linger time.Duration
	// ResetAfter is how long a client's place beyond the head of its stream is
	// believed (2 s): a new owner of the stream may still be catching up.
	ResetAfter time.Duration

	// CatchUp is the most entries of one stream that a resume sends (1000).
	CatchUp int
	// PersonSessions is the most sessions of one person on this node (32). There
	// may be as many anonymous ones besides.
	PersonSessions int
	// AnonymousSessions is the most anonymous sessions of this node (half of Sessions).
	AnonymousSessions int
	// Sessions is the most connections of this node (100,000).
	Sessions int
	// Pending is the most connections without a session yet (20,000).
	Pending int
	// OutboxBytes is how much may wait for one client besides entries, which
	// wait in the stream's window (256 KiB).
	OutboxBytes int
	// SlowBytes is how much the node keeps for blocked sockets, all together
	// (64 MiB). Beyond it a socket that blocks is closed at once.
	SlowBytes int64
}

// withDefaults returns the options with every default filled in.
func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Nodes == nil {
		o.Nodes = func() []string { return nil }
	}
	o.Heartbeat = cmp.Or(o.Heartbeat, 25*time.Second)
	o.ConnectWithin = cmp.Or(o.ConnectWithin, 10*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 5*time.Second)
	o.UnreadEvery = cmp.Or(o.UnreadEvery, time.Second)
	o.Linger = cmp.Or(o.Linger, 30*time.Second)
	o.ResetAfter = cmp.Or(o.ResetAfter, 2*time.Second)
	o.CatchUp = cmp.Or(o.CatchUp, 1000)
	o.PersonSessions = cmp.Or(o.PersonSessions, 32)
	o.Sessions = cmp.Or(o.Sessions, 100_000)
	o.AnonymousSessions = cmp.Or(o.AnonymousSessions, (o.Sessions+1)/2)
	o.Pending = cmp.Or(o.Pending, 20_000)
	o.OutboxBytes = cmp.Or(o.OutboxBytes, 256<<10)
	o.SlowBytes = cmp.Or(o.SlowBytes, 64<<20)
	return o
}
