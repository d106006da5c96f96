package sse

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// Options configure the transport; every zero value stands for the default
// named beside it.
type Options struct {
	// Origins are the origins of web pages that may connect besides the server's own.
	Origins gateway.Origins
	// Peers returns the URLs of the cluster's nodes, whose pages may connect too;
	// it does not block. nil names none.
	Peers func() []string
	// Log gets failures that are not the client's; nil logs nothing.
	Log *slog.Logger
	// Retry is how long a browser waits before it reconnects (2 s).
	Retry time.Duration
	// OpenWithin is how long a request may take to become a stream (10 s).
	OpenWithin time.Duration
}

type server struct {
	gateway *gateway.Gateway
	options Options
	opener  Opener
}

// Handler returns the handler of GET /notifications. Streams outlive their
// requests: they belong to the gateway.
func Handler(g *gateway.Gateway, o Options) http.Handler {
	o = o.withDefaults()
	return Serve(g, o, own(g, o.Log))
}

// Serve is Handler for streams that open decides about.
func Serve(g *gateway.Gateway, o Options, open Opener) http.Handler {
	return &server{gateway: g, options: o.withDefaults(), opener: open}
}

// withDefaults returns the options with every default filled in.
func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Retry = cmp.Or(o.Retry, 2*time.Second)
	o.OpenWithin = cmp.Or(o.OpenWithin, 10*time.Second)
	return o
}

// ServeHTTP answers with a stream, or with a problem that says why not.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.options.Origins.Allow(r, s.options.Peers) {
		gateway.Refuse(w, http.StatusForbidden, "pages of this origin may not connect")
		return
	}
	AllowPage(w.Header(), r)
	switch r.Method {
	case http.MethodGet:
		s.open(w, r)
	case http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Methods", http.MethodGet)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Cache-Control, Last-Event-ID")
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, OPTIONS")
		gateway.Refuse(w, http.StatusMethodNotAllowed, "streams are opened with GET")
	}
}

// AllowPage lets the page that makes the request, whose origin is allowed, read
// the answer of which header is.
func AllowPage(header http.Header, r *http.Request) {
	header.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		header.Set("Access-Control-Allow-Origin", origin)
	}
}

// open turns the request into a stream.
func (s *server) open(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), s.options.OpenWithin)
	defer cancel()
	cursor, err := hub.ParseCursor(cursorText(r))
	if err != nil {
		s.refuse(w, err)
		return
	}
	if err := s.gateway.Admit(); err != nil {
		s.refuse(w, err)
		return
	}
	stream, ticket, err := s.prepare(ctx, r, cursor)
	if err != nil {
		s.gateway.Dismiss()
		s.refuse(w, err)
		return
	}
	defer ticket.Release()
	header := s.header(w.Header())
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.gateway.Dismiss()
		s.options.Log.Error("cannot take over the connection", "error", err)
		gateway.Refuse(w, http.StatusHTTPVersionNotSupported, "streams are served over HTTP/1.1")
		return
	}
	s.start(conn, stream, ticket, cursor, header)
}

// cursorText returns the cursor that the request carries: the header, which a
// browser sets when it reconnects, is newer than the address.
func cursorText(r *http.Request) string {
	return cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("lastEventId"))
}

// prepare admits whose stream the request opens.
func (s *server) prepare(ctx context.Context, r *http.Request, cursor hub.Cursor) (Stream, *gateway.Ticket, error) {
	stream, err := s.opener(ctx, r)
	if err != nil {
		return Stream{}, nil, err
	}
	ticket, err := s.gateway.Prepare(ctx, stream.Person, cursor)
	if err != nil {
		return Stream{}, nil, err
	}
	if ticket.Full() {
		ticket.Release()
		return Stream{}, nil, gateway.ErrTooManySessions
	}
	return stream, ticket, nil
}

// header returns the head of the answer and the first event-stream line. Without
// a length the body ends with the connection.
func (s *server) header(extra http.Header) []byte {
	head := []byte("HTTP/1.1 200 OK\r\n" +
		"Content-Type: text/event-stream\r\n" +
		"Cache-Control: no-cache, no-transform\r\n" +
		"Connection: close\r\n" +
		"X-Accel-Buffering: no\r\n")
	for name, values := range extra {
		for _, value := range values {
			head = append(head, name+": "+value+"\r\n"...)
		}
	}
	head = append(head, "\r\nretry: "...)
	head = strconv.AppendInt(head, s.options.Retry.Milliseconds(), 10)
	return append(head, "\n\n"...)
}

// start gives the connection to the gateway.
func (s *server) start(conn net.Conn, stream Stream, ticket *gateway.Ticket, cursor hub.Cursor, header []byte) {
	_ = conn.SetDeadline(time.Time{}) // those were the request's
	session := s.gateway.Accept(gateway.Accepted{Conn: conn, Protocol: stream.Protocol})
	session.Send(header)
	err := session.Open(ticket, cursor, stream.Welcome)
	if why := gateway.CloseOf(err); why != 0 {
		session.Close(why)
	}
	go watch(conn, session)
}

// watch waits for the client to leave. It has nothing to say to us.
func watch(conn net.Conn, session *gateway.Session) {
	defer session.Gone()
	var buf [64]byte
	for {
		if _, err := conn.Read(buf[:]); err != nil {
			return
		}
	}
}

// refuse answers with a problem.
func (s *server) refuse(w http.ResponseWriter, err error) {
	status := gateway.StatusOf(err)
	detail := err.Error()
	if status >= http.StatusInternalServerError {
		s.options.Log.Warn("stream not opened", "error", err)
		detail = "the stream cannot be opened now"
	}
	gateway.Refuse(w, status, detail)
}
