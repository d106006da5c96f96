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
// from one of the server's own, an allowed origin or a peer. Peers returns the
// URLs of the cluster's nodes, each of which serves the same pages; it may be nil.
func (o Origins) Allow(r *http.Request, peers func() []string) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(o, "*") {
		return true
	}
	if slices.ContainsFunc(o, func(one string) bool { return strings.EqualFold(one, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(u.Host, r.Host) {
		return true
	}
	return peers != nil && slices.ContainsFunc(peers(), func(peer string) bool { return sameOrigin(u, peer) })
}

// sameOrigin reports whether pages at the URL address have the origin.
func sameOrigin(origin *url.URL, address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == origin.Scheme && strings.EqualFold(u.Hostname(), origin.Hostname()) &&
		port(u) == port(origin)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
