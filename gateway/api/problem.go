package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"bongsu/internal/hub"
)

// TypeTokenExpired is the type of the problem that a new token solves.
const TypeTokenExpired = "urn:bongsu:token-expired"

// challenge says which kind of token is asked for.
const challenge = `Bearer realm="bongsu"`

// problem is an error as callers see it: RFC 9457 and headers to go with it.
type problem struct {
	huma.ErrorModel
	header http.Header
}

// newProblem returns a problem with the title of its status.
func newProblem(status int, detail string) *problem {
	return &problem{
		ErrorModel: huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail},
		header:     http.Header{},
	}
}

// GetHeaders is what the framework adds to the answer.
func (p *problem) GetHeaders() http.Header { return p.header }

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(&p.ErrorModel) // the caller may be gone
}

// problem turns an error into what the caller sees. The text of an error that
// is not one of the domain's stays in the log: it may tell too much.
func (s *service) problem(ctx context.Context, err error) *problem {
	switch {
	case errors.Is(err, hub.ErrUnauthenticated):
		return unauthenticated(err)
	case errors.Is(err, hub.ErrForbidden):
		return newProblem(http.StatusForbidden, err.Error())
	case errors.Is(err, hub.ErrInvalid):
		return newProblem(http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, hub.ErrNotFound):
		return newProblem(http.StatusNotFound, err.Error())
	case errors.Is(err, hub.ErrUnavailable):
		s.Log.WarnContext(ctx, "a call could not be served for now", "error", err)
		return unavailable("a part of the hub is away: the same call can succeed later")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable("the call took too long: it can succeed later")
	}
	s.Log.ErrorContext(ctx, "a call failed", "error", err)
	return newProblem(http.StatusInternalServerError, "the call failed; the server's log says why")
}

func unauthenticated(err error) *problem {
	p := newProblem(http.StatusUnauthorized, err.Error())
	p.header.Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
	if errors.Is(err, hub.ErrTokenExpired) {
		p.Type = TypeTokenExpired
	}
	return p
}

func unavailable(detail string) *problem {
	p := newProblem(http.StatusServiceUnavailable, detail)
	p.header.Set("Retry-After", retryAfter)
	return p
}

// explain puts what is wrong with a request that does not fit its description
// into the detail, and leaves out the values, which the caller knows.
func explain(_ huma.Context, _ string, answer any) (any, error) {
	model, ok := answer.(*huma.ErrorModel)
	if !ok || len(model.Errors) == 0 {
		return answer, nil
	}
	details := make([]string, len(model.Errors))
	for i, wrong := range model.Errors {
		wrong.Value = nil
		details[i] = wrong.Location + ": " + wrong.Message
	}
	model.Detail = strings.Join(details, "; ")
	return model, nil
}
