package poc

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

	"bongsu/gateway"
	"bongsu/gateway/sse"
	"bongsu/internal/hub"
)

// producer serves GET /produce.
type producer struct {
	gateway *gateway.Gateway
	options Options
	places  chan struct{} // one for each request that is served
}

// Produce returns the handler of GET /produce?msg=, which publishes msg, of at
// most MaxText bytes, and answers the offset of its record as plain text. Unless
// the endpoints are open it wants a token; an id, which it does not need, must be
// the token's. Pages of allowed origins may read the answer; what pages of other
// sites embed or link to publishes nothing.
func Produce(g *gateway.Gateway, o Options) http.Handler {
	o = o.withDefaults()
	return &producer{gateway: g, options: o, places: make(chan struct{}, o.Produces)}
}

// ServeHTTP publishes, or says why not.
func (s *producer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.options.Origins.Allow(r, s.options.Peers) || isEmbedded(r) {
		gateway.Refuse(w, http.StatusForbidden, "pages of this origin may not publish")
		return
	}
	sse.AllowPage(w.Header(), r)
	switch r.Method {
	case http.MethodGet:
		s.answer(w, r)
	case http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Methods", http.MethodGet)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Cache-Control")
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, OPTIONS")
		gateway.Refuse(w, http.StatusMethodNotAllowed, "texts are published with GET")
	}
}

// isEmbedded reports whether a page of another site has its browser make the
// request without saying whose page it is, as for an image or a link.
func isEmbedded(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Origin") == ""
}

// answer publishes and answers with the offset, if there is a place for one more.
func (s *producer) answer(w http.ResponseWriter, r *http.Request) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		s.options.refuse(w, hub.Unavailablef("too many texts at once"))
		return
	}
	offset, err := s.produce(r)
	if err != nil {
		s.options.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, strconv.FormatInt(offset, 10)) // a client that has left gets no answer
}

func (s *producer) produce(r *http.Request) (offset int64, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.options.Timeout)
	defer cancel()
	if err := s.authorize(ctx, r); err != nil {
		return 0, err
	}
	switch msg := r.URL.Query().Get("msg"); {
	case msg == "":
		return 0, hub.Invalidf("msg: missing")
	case len(msg) > MaxText:
		return 0, hub.Invalidf("msg: at most %d bytes, this one %d", MaxText, len(msg))
	case !utf8.ValidString(msg):
		return 0, hub.Invalidf("msg: not UTF-8")
	default:
		return s.options.Publisher.Publish(ctx, []byte(msg))
	}
}

// authorize reports whether the request may publish.
func (s *producer) authorize(ctx context.Context, r *http.Request) error {
	if r.URL.Query().Has("id") {
		_, err := s.options.person(ctx, s.gateway, r)
		return err
	}
	if s.options.Open {
		return nil
	}
	_, err := s.gateway.Authenticate(ctx, sse.Token(r))
	return err
}
