package poc

import (
	"context"
	"net/http"

	"bongsu/gateway"
	"bongsu/gateway/socket"
)

// sockets serves /ws?id=.
type sockets struct {
	gateway  *gateway.Gateway
	options  Options
	upgrader *socket.Upgrader
}

// Socket returns the handler of WebSocket requests to /ws?id=. Frames have at
// most MaxText bytes. Those of one page are published in their order; while one
// is on its way no other is read. A page whose frame could not be published is
// closed with gateway.CloseRestarting.
func Socket(g *gateway.Gateway, o Options) http.Handler {
	o = o.withDefaults()
	return &sockets{gateway: g, options: o, upgrader: socket.NewUpgrader(socket.Options{
		Origins: o.Origins, Peers: o.Peers, MaxMessage: MaxText, Rate: o.Rate, Burst: o.Burst,
	})}
}

// ServeHTTP upgrades the request, or says why not.
func (s *sockets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.options.Origins.Allow(r, s.options.Peers) {
		gateway.Refuse(w, http.StatusForbidden, "pages of this origin may not connect")
		return
	}
	if err := s.gateway.Admit(); err != nil {
		s.options.refuse(w, err)
		return
	}
	ticket, err := s.ticket(r)
	if err != nil {
		s.gateway.Dismiss()
		s.options.refuse(w, err)
		return
	}
	defer ticket.Release()
	conn, err := s.upgrader.Upgrade(w, r)
	if err != nil {
		s.gateway.Dismiss()
		return
	}
	s.start(conn, ticket)
}

// ticket admits whose id the request names.
func (s *sockets) ticket(r *http.Request) (*gateway.Ticket, error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.options.Timeout)
	defer cancel()
	p, err := s.options.person(ctx, s.gateway, r)
	if err != nil {
		return nil, err
	}
	ticket, err := s.gateway.Prepare(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	if ticket.Full() {
		ticket.Release()
		return nil, gateway.ErrTooManySessions
	}
	return ticket, nil
}

// start makes the connection a session and begins to read.
func (s *sockets) start(conn *socket.Conn, ticket *gateway.Ticket) {
	ctx, cancel := context.WithCancel(context.Background()) // the connection outlives its request
	p := &page{sockets: s, ctx: ctx}
	p.session = conn.Accept(s.gateway, frames{}, cancel)
	err := p.session.Open(ticket, nil, func(dst []byte, _ gateway.Welcome, _ gateway.CursorText) []byte { return dst })
	if why := gateway.CloseOf(err); why != 0 {
		p.session.Close(why)
	}
	go conn.Read(p.publish)
}

// page is one connection.
type page struct {
	*sockets
	session *gateway.Session
	ctx     context.Context // ends with the session
}

// publish publishes a frame as it is.
func (p *page) publish(frame []byte) gateway.Close {
	ctx, cancel := context.WithTimeout(p.ctx, p.options.Timeout)
	defer cancel()
	if _, err := p.options.Publisher.Publish(ctx, frame); err != nil {
		p.options.Log.Warn("a page's text was not published", "session", p.session.ID(), "error", err)
		return gateway.CloseRestarting
	}
	p.session.Heard() // it was us who kept the page from being heard
	return 0
}
