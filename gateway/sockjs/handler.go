package sockjs

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/socket"
	"bongsu/gateway/stomp"
)

const (
	// MaxMessage is the most bytes that a client may send in one WebSocket message.
	MaxMessage = 64 << 10
	// MaxSend is the most bytes that a client may send in one request: sockjs-client
	// gathers what a page says while it sends, which is a subscription to each of its
	// malls.
	MaxSend = 128 << 10
)

// Options configure the transport; every zero value stands for the default named
// beside it.
type Options struct {
	// Prefix is the path below which requests come ("/ws").
	Prefix string
	// Origins are the origins of web pages that may connect besides the server's own.
	Origins gateway.Origins
	// Peers returns the URLs of the cluster's nodes, whose pages may connect too;
	// it does not block. nil names none.
	Peers func() []string
	// Log gets failures that are not the client's; nil logs nothing.
	Log *slog.Logger
	// ClientURL is where a page in an iframe gets sockjs-client from. Without one
	// there is no such page: only browsers without CORS need it.
	ClientURL string
	// Alone is how long a session lasts without an open request (5 s).
	Alone time.Duration
	// AnswerTime is how long one streaming answer lasts for a client that has sent no
	// heart-beat before the client has to ask again (60 s): one that is gone does not.
	AnswerTime time.Duration
	// AnswerBytes is how much one streaming answer carries before the client has to
	// ask again (128 KiB): browsers keep all of it.
	AnswerBytes int
	// WriteTimeout is how long a blocked answer may stay blocked (5 s).
	WriteTimeout time.Duration
	// PipeBytes is how much may wait in all sessions over HTTP, all together (64 MiB).
	// A session that would go beyond is closed with gateway.CloseSlow, and what
	// waits in it is let go.
	PipeBytes int64
	// Sessions is the most sessions over HTTP of this node (100,000).
	Sessions int
	// Rate is how many messages a second a client may send over WebSocket (50),
	// Burst how many at once (100), besides what a page subscribes to. One that sends
	// more is closed.
	Rate, Burst int
}

// server is what all sessions share.
type server struct {
	gateway  *gateway.Gateway
	stomp    *stomp.Server
	options  Options
	upgrader *socket.Upgrader
	registry registry
	budget   budget
}

// Handler returns the handler of all SockJS requests, whose sessions speak STOMP.
// Sessions outlive their requests: they belong to the gateway.
func Handler(g *gateway.Gateway, s *stomp.Server, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Prefix = cmp.Or(o.Prefix, "/ws")
	o.Alone = cmp.Or(o.Alone, 5*time.Second)
	o.AnswerTime = cmp.Or(o.AnswerTime, time.Minute)
	o.AnswerBytes = cmp.Or(o.AnswerBytes, 128<<10)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 5*time.Second)
	o.PipeBytes = cmp.Or(o.PipeBytes, 64<<20)
	o.Sessions = cmp.Or(o.Sessions, 100_000)
	o.Rate = cmp.Or(o.Rate, 50)
	o.Burst = cmp.Or(o.Burst, 100)
	return &server{
		gateway: g,
		stomp:   s,
		options: o,
		upgrader: socket.NewUpgrader(socket.Options{
			Origins: o.Origins, Peers: o.Peers, MaxMessage: MaxMessage,
			Rate: o.Rate, Burst: o.Burst + stomp.MaxSubscriptions, // STOMP counts what they hold
		}),
		registry: registry{sessions: map[string]*session{}},
		budget:   budget{most: o.PipeBytes},
	}
}

// transport serves the requests of one kind in a session.
type transport struct {
	method string
	serve  func(s *server, w http.ResponseWriter, r *http.Request, id string)
}

// transportOf returns the transport of a path's last part.
func transportOf(name string) (transport, bool) {
	switch name {
	case "websocket":
		return transport{http.MethodGet, (*server).serveWebSocket}, true
	case "xhr":
		return transport{http.MethodPost, (*server).servePoll}, true
	case "xhr_streaming":
		return transport{http.MethodPost, (*server).serveStream}, true
	case "eventsource":
		return transport{http.MethodGet, (*server).serveEvents}, true
	case "xhr_send":
		return transport{http.MethodPost, (*server).serveSend}, true
	}
	return transport{}, false
}

// ServeHTTP serves a request below the prefix.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.options.Origins.Allow(r, s.options.Peers) {
		gateway.Refuse(w, http.StatusForbidden, "pages of this origin may not connect")
		return
	}
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, s.options.Prefix), "/"), "/")
	switch {
	case len(parts) == 1 && parts[0] == "":
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		_, _ = w.Write([]byte("Welcome to SockJS!\n"))
	case len(parts) == 1 && parts[0] == "info":
		s.allow(w, r, http.MethodGet, func() { s.serveInfo(w) })
	case len(parts) == 1 && parts[0] == "websocket":
		s.stomp.ServeHTTP(w, r)
	case len(parts) == 1 && strings.HasPrefix(parts[0], "iframe") && strings.HasSuffix(parts[0], ".html"):
		s.serveIframe(w, r)
	case len(parts) == 3 && isName(parts[0]) && isName(parts[1]):
		if t, ok := transportOf(parts[2]); ok {
			s.allow(w, r, t.method, func() { t.serve(s, w, r, parts[1]) })
			return
		}
		fallthrough
	default:
		gateway.Refuse(w, http.StatusNotFound, "there is no such SockJS transport")
	}
}

// isName reports whether a part of the path names a server or a session.
func isName(part string) bool {
	return part != "" && len(part) <= 128 && !strings.Contains(part, ".")
}

// allow answers preflights, refuses other methods, and lets pages that may
// connect read what serve answers.
func (s *server) allow(w http.ResponseWriter, r *http.Request, method string, serve func()) {
	header := w.Header()
	header.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Allow-Credentials", "true") // sockjs-client always sends them
	}
	switch r.Method {
	case method:
		header.Set("Cache-Control", "no-store, no-cache, no-transform, must-revalidate, max-age=0")
		serve()
	case http.MethodOptions:
		header.Set("Access-Control-Allow-Methods", "OPTIONS, "+method)
		header.Set("Access-Control-Max-Age", "31536000")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			header.Set("Access-Control-Allow-Headers", asked)
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		header.Set("Allow", "OPTIONS, "+method)
		gateway.Refuse(w, http.StatusMethodNotAllowed, "the method is "+method)
	}
}

// serveWebSocket makes the request a session over WebSocket.
func (s *server) serveWebSocket(w http.ResponseWriter, r *http.Request, _ string) {
	if err := s.gateway.Admit(); err != nil {
		gateway.Refuse(w, gateway.StatusOf(err), err.Error())
		return
	}
	conn, err := s.upgrader.Upgrade(w, r)
	if err != nil {
		s.gateway.Dismiss()
		return
	}
	speaker := s.stomp.Session(framed{})
	session := conn.Accept(s.gateway, speaker, speaker.OnClose)
	speaker.Bind(session)
	conn.Observe(speaker.Answered, speaker.Left)
	session.Send(socket.AppendFrame(nil, socket.TextFrame, []byte("o")))
	go conn.Read(func(message []byte) gateway.Close { return receive(speaker, message) })
}

// receive gives the session what one WebSocket message says.
func receive(speaker *stomp.Session, message []byte) gateway.Close {
	if len(message) == 0 {
		return 0
	}
	said, err := decode(message, true)
	if err != nil {
		return gateway.CloseProtocol
	}
	for _, one := range said {
		if why := speaker.Receive([]byte(one)); why != 0 {
			return why
		}
	}
	return 0
}
