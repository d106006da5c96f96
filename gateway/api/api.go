package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// Prefix is the path that all calls begin with.
const Prefix = "/api/v1"

const (
	// requestTimeout is how long a call may take, its body included.
	requestTimeout = 10 * time.Second
	// retryAfter is what a caller is told to wait when a part is away.
	retryAfter = "1"
	// maxSmallBody is the longest body of a call that is not an event, in bytes.
	maxSmallBody = 16 << 10
)

// Options are what the API stands on. Inbox, Journal, Auth and Cluster are
// required.
type Options struct {
	// Inbox answers what concerns a person's timeline.
	Inbox *gateway.Inbox
	// Journal takes published events.
	Journal gateway.Journal
	// Auth tells who holds a token.
	Auth gateway.Authenticator
	// Cluster returns what this node knows of the cluster. It asks the other
	// nodes for what only they know, and does not wait long for those that are
	// out of reach. Its answer belongs to the caller.
	Cluster func(ctx context.Context) Cluster

	// Origins are the web origins, besides the server's own, whose pages may call.
	Origins gateway.Origins
	// Peers returns the URLs of the cluster's nodes, whose pages may call too;
	// it does not block. nil names none.
	Peers func() []string
	// Log gets failures that are not the caller's; nil logs nothing. Tokens,
	// bodies and query strings are never logged.
	Log *slog.Logger
	// Registerer takes the metrics; nil registers none.
	Registerer prometheus.Registerer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Dev adds the calls of the development mode; nil leaves them out.
	Dev *Dev
}

func (o *Options) check() error {
	if o.Inbox == nil || o.Journal == nil || o.Auth == nil || o.Cluster == nil {
		return hub.Invalidf("api: Inbox, Journal, Auth and Cluster are required")
	}
	if o.Dev != nil && (o.Dev.Token == nil || o.Dev.Publish == nil) {
		return hub.Invalidf("api: the development mode needs Token and Publish")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// service holds what the calls work with.
type service struct {
	Options
	api huma.API
}

// New returns the handler of everything under Prefix. It answers every
// request, those that match no call too, and a request whose call panics. The
// error names an option that is missing, or a metric that is registered already.
func New(o Options) (http.Handler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	s := newService(o, mux)
	description, err := s.api.OpenAPI().MarshalJSON()
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(description) // the caller may be gone
	})
	return newEdge(mux, o)
}

// newService registers all calls with the mux.
func newService(o Options, mux *http.ServeMux) *service {
	s := &service{Options: o}
	s.api = humago.NewWithPrefix(mux, Prefix, description())
	s.api.UseMiddleware(s.authenticate)
	s.registerTimeline()
	s.registerEvents()
	s.registerCluster()
	if o.Dev != nil {
		s.registerDev()
	}
	return s
}

type principalKey struct{}

// principal returns who is calling. Every call but the public ones has one.
func principal(ctx context.Context) *hub.Principal {
	p, _ := ctx.Value(principalKey{}).(*hub.Principal)
	return p
}

// The metadata of an operation that authenticate looks at. An operation
// without either needs a token and no scope.
const (
	public = "public" // true: no token is asked for
	scope  = "scope"  // the scope that the token must carry
)

// authenticate lets a request through to its call if its token is good and
// carries the scope of the call.
func (s *service) authenticate(ctx huma.Context, next func(huma.Context)) {
	operation := ctx.Operation()
	if operation.Metadata[public] == true {
		next(ctx)
		return
	}
	r, w := humago.Unwrap(ctx)
	token := gateway.BearerToken(r)
	p, err := s.Auth.Authenticate(r.Context(), token)
	if err != nil {
		refusal := s.problem(ctx.Context(), err)
		if token == "" { // nothing was invalid, something was missing
			refusal.header.Set("WWW-Authenticate", challenge)
		}
		refusal.write(w)
		return
	}
	if want, ok := operation.Metadata[scope].(string); ok && !p.HasScope(want) {
		s.problem(ctx.Context(), hub.Forbiddenf("the token lacks the scope %s", want)).write(w)
		return
	}
	next(huma.WithValue(ctx, principalKey{}, p))
}
