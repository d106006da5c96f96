package api

import (
	"context"
	"net"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"bongsu/internal/hub"
)

// Dev is what the development mode adds: whoever reaches the server may sign in
// as anybody. The calls answer only where the request names a loopback host, so
// that a web page which points its own name at this machine gets nothing.
type Dev struct {
	// Token returns a token that names p.
	Token func(p *hub.Principal) (string, error)
	// Publish sends a record of this value to the first ingress topic and returns
	// when Kafka has it. It blocks until ctx ends and does not keep value.
	Publish func(ctx context.Context, value []byte) error
}

type signInInput struct {
	Body struct {
		Admin    string   `json:"admin" doc:"Who to be." example:"7"`
		Name     string   `json:"name,omitempty"`
		Malls    []string `json:"malls,omitempty"`
		Partners []string `json:"partners,omitempty"`
	}
}

type signInOutput struct {
	Body struct {
		Token string `json:"token" doc:"A token with the scopes publish and ops."`
	}
}

type recordInput struct {
	RawBody []byte `contentType:"application/octet-stream"`
}

// registerDev registers the calls of the development mode.
func (s *service) registerDev() {
	signIn := post("/dev/sign-in", "devSignIn", "Sign in without a password", maxSmallBody)
	signIn.Description = "In the development mode only."
	signIn.Metadata = map[string]any{public: true}
	signIn.Security = []map[string][]string{{}}
	signIn.Middlewares = huma.Middlewares{s.loopbackOnly}
	huma.Register(s.api, signIn, s.signIn)

	record := post("/dev/publish", "devPublish", "Publish a raw record to the ingress topic", hub.MaxEvent)
	record.Description = "In the development mode only. The body is the record's value, as a domain service would send it."
	record.SkipValidateBody = true
	record.DefaultStatus = http.StatusNoContent
	record.Middlewares = huma.Middlewares{s.loopbackOnly}
	huma.Register(s.api, record, func(ctx context.Context, in *recordInput) (*struct{}, error) {
		if err := s.Dev.Publish(ctx, slices.Clone(in.RawBody)); err != nil {
			return nil, s.problem(ctx, err)
		}
		return nil, nil
	})
}

func (s *service) signIn(ctx context.Context, in *signInInput) (*signInOutput, error) {
	token, err := s.Dev.Token(&hub.Principal{
		Admin:    in.Body.Admin,
		Name:     in.Body.Name,
		Malls:    in.Body.Malls,
		Partners: in.Body.Partners,
		Scopes:   []string{hub.ScopePublish, hub.ScopeOps},
	})
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	out := &signInOutput{}
	out.Body.Token = token
	return out, nil
}

// loopbackOnly refuses a request that names another host than this machine.
func (s *service) loopbackOnly(ctx huma.Context, next func(huma.Context)) {
	host := ctx.Host()
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		next(ctx)
		return
	}
	_, w := humago.Unwrap(ctx)
	newProblem(http.StatusForbidden, "the development mode answers on a loopback host only").write(w)
}
