package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins are the origins, besides the server's own, of which web pages may
// connect: "https://host" or "https://host:port", or "*" for all.
type Origins []string

// Allow reports whether the request may be served: it comes from no web page, or
// from one of the server's own or an allowed origin.
func (o Origins) Allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(o, "*") {
		return true
	}
	if slices.ContainsFunc(o, func(one string) bool { return strings.EqualFold(one, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
