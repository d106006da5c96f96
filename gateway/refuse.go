package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"bongsu/internal/hub"
)

// Refuse answers a request that gets no connection, as application/problem+json.
// Where a later try can succeed it says after how long.
func Refuse(w http.ResponseWriter, status int, detail string) {
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		header.Set("Retry-After", "1")
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="bongsu"`)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // a client that has left gets no answer
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
}

// StatusOf returns the HTTP status that says what err says.
func StatusOf(err error) int {
	switch {
	case errors.Is(err, hub.ErrUnauthenticated):
		return http.StatusUnauthorized
	case errors.Is(err, hub.ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, hub.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, hub.ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, ErrTooManySessions):
		return http.StatusTooManyRequests
	case Temporary(err):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Temporary reports whether the call that gave err can succeed when it is made
// again later: a part is away, or did not answer in time.
func Temporary(err error) bool {
	return hub.Temporary(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// CloseOf returns the code with which a session that could not open for err is
// closed, or 0 where it may try again.
func CloseOf(err error) Close {
	switch {
	case errors.Is(err, hub.ErrTokenExpired):
		return CloseExpired
	case errors.Is(err, hub.ErrUnauthenticated):
		return CloseBadToken
	case errors.Is(err, hub.ErrForbidden):
		return CloseForbidden
	case errors.Is(err, ErrTooManySessions):
		return CloseTooMany
	}
	return 0
}

// BearerToken returns the token of the request's Authorization header, "" when
// there is none.
func BearerToken(r *http.Request) string {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
