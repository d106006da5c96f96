package ws

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/socket"
	"bongsu/internal/hub"
)

// Subprotocol is what a client offers, or gets when it offers none.
const Subprotocol = "bongsu.v1.json"

// MaxMessage is the longest message that a client may send, in bytes.
const MaxMessage = 64 << 10

// Inbox answers what a person may ask of their timeline. *gateway.Inbox is one.
type Inbox interface {
	List(ctx context.Context, p *hub.Principal, params gateway.ListParams) (gateway.Page, error)
	Read(ctx context.Context, p *hub.Principal, params gateway.ReadParams) (gateway.Unread, error)
	Unread(ctx context.Context, p *hub.Principal) (gateway.Unread, error)
}

// Options configure the transport. Inbox is required; every other zero value
// stands for the default named beside it.
type Options struct {
	// Inbox answers the timeline calls.
	Inbox Inbox
	// Origins are the origins of web pages that may connect besides the server's own.
	Origins gateway.Origins
	// Peers returns the URLs of the cluster's nodes, whose pages may connect too;
	// it does not block. nil names none.
	Peers func() []string
	// Log gets failures that are not the client's; nil logs nothing.
	Log *slog.Logger
	// CallTimeout is how long a call may take (10 s).
	CallTimeout time.Duration
	// Rate is how many messages a second a client may send (50), Burst how many
	// at once (100). One that sends more is closed.
	Rate, Burst int
}

// server is what all connections share.
type server struct {
	gateway  *gateway.Gateway
	options  Options
	upgrader *socket.Upgrader
}

// Handler returns the handler of WebSocket requests. Connections outlive their
// requests: they belong to the gateway.
func Handler(g *gateway.Gateway, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.CallTimeout = cmp.Or(o.CallTimeout, 10*time.Second)
	o.Rate = cmp.Or(o.Rate, 50)
	o.Burst = cmp.Or(o.Burst, 100)
	return &server{
		gateway: g,
		options: o,
		upgrader: socket.NewUpgrader(socket.Options{
			Origins:      o.Origins,
			Peers:        o.Peers,
			Subprotocols: []string{Subprotocol},
			MaxMessage:   MaxMessage,
			Rate:         o.Rate,
			Burst:        o.Burst,
		}),
	}
}

// ServeHTTP upgrades the request and starts to read, or says why not.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if offered := socket.Offered(r); len(offered) > 0 && !slices.Contains(offered, Subprotocol) {
		gateway.Refuse(w, http.StatusBadRequest, "the subprotocol is "+Subprotocol)
		return
	}
	if err := s.gateway.Admit(); err != nil {
		gateway.Refuse(w, gateway.StatusOf(err), err.Error())
		return
	}
	upgraded, err := s.upgrader.Upgrade(w, r)
	if err != nil {
		s.gateway.Dismiss()
		return
	}
	c := &conn{server: s, bearer: strings.Clone(gateway.BearerToken(r))}
	c.room.L = &c.mu
	c.session = upgraded.Accept(s.gateway, protocol{}, c.abandon)
	go upgraded.Read(c.received)
}
