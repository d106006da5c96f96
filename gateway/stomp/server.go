package stomp

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/legacy"
	"bongsu/gateway/socket"
	"bongsu/internal/hub"
)

// MaxMessage is the longest message that a client may send, in bytes. A frame may
// come in several.
const MaxMessage = 64 << 10

// Options configure the transport. Zone is required; every other zero value
// stands for the default named beside it.
type Options struct {
	// Zone is that of the times in bodies.
	Zone *time.Location
	// Places lets a person's next session go on where the last has ended; nil
	// remembers nothing.
	Places Places
	// Origins are the origins of web pages that may connect besides the server's own.
	Origins gateway.Origins
	// Peers returns the URLs of the cluster's nodes, whose pages may connect too;
	// it does not block. nil names none.
	Peers func() []string
	// Log gets failures that are not the client's; nil logs nothing.
	Log *slog.Logger
	// ConnectTimeout is how long a CONNECT may take (10 s).
	ConnectTimeout time.Duration
	// Rate is how many frames and heart-beats a second a client may send (50),
	// Burst how many at once (100), and with CONNECT one more for each mall of the
	// token. One that sends more is closed.
	Rate, Burst int
}

// Server makes the STOMP sessions of one node.
type Server struct {
	gateway  *gateway.Gateway
	options  Options
	upgrader *socket.Upgrader
}

// NewServer returns a server of sessions of the gateway.
func NewServer(g *gateway.Gateway, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Places == nil {
		o.Places = nowhere{}
	}
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 10*time.Second)
	o.Rate = cmp.Or(o.Rate, 50)
	o.Burst = cmp.Or(o.Burst, 100)
	return &Server{gateway: g, options: o, upgrader: socket.NewUpgrader(socket.Options{
		Origins:      o.Origins,
		Peers:        o.Peers,
		Subprotocols: Subprotocols(),
		MaxMessage:   MaxMessage,
		Rate:         o.Rate,
		Burst:        o.Burst + MaxSubscriptions, // the session counts what they hold
	})}
}

// ServeHTTP makes a request a session over WebSocket, or says why not. Sessions
// outlive their requests: they belong to the gateway.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.gateway.Admit(); err != nil {
		gateway.Refuse(w, gateway.StatusOf(err), err.Error())
		return
	}
	conn, err := s.upgrader.Upgrade(w, r)
	if err != nil {
		s.gateway.Dismiss()
		return
	}
	session := s.Session(webSocket{})
	session.Bind(conn.Accept(s.gateway, session, session.OnClose))
	conn.Observe(session.Answered, session.Left)
	go conn.Read(session.Receive)
}

// Session returns a session that Carrier carries. It is the Protocol of the
// gateway's session that it is then bound to.
func (s *Server) Session(c Carrier) *Session {
	return &Session{server: s, carrier: c, rate: socket.NewBucket(s.options.Rate, s.options.Burst)}
}

// encode returns the shared part of an entry's body, nothing for an entry that
// older pages do not know.
func (s *Server) encode(e *hub.Entry) []byte {
	body, ok := legacy.Of(e, s.options.Zone)
	if !ok {
		return nil
	}
	return body.Pack()
}
