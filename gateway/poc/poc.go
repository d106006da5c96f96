// Package poc gives the pages of the proof of concept before the hub what they
// know: texts as server-sent events at GET /notifications?id=, the same texts
// as frames at /ws?id=, where each frame that a page sends is published, and
// GET /produce?msg=, which publishes too.
//
// Whoever holds a token may read the texts of the id that the token is for, and
// publish: that server let its pages do both, so no scope is asked for. With
// Options.Open everybody may read everybody's texts and publish without a token.
// Such a page is anonymous: it takes no session from whose id it is, and leaves no
// read mark.
//
// Texts are shown as they were published; other entries as all:title body or
// <id>:title body. A person gets the texts that go to all and to the id, by the
// rules of ingress alone, on each of the id's connections. A stream's ids are
// cursors: a page that reconnects with Last-Event-ID gets what it missed. A
// socket has no cursor and begins with what comes next.
package poc

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/sse"
	"bongsu/internal/hub"
)

// MaxText is the longest text that may be published here, in bytes.
const MaxText = 64 << 10

// Publisher appends records to the first ingress topic. *ingest.Publisher is one.
type Publisher interface {
	// Publish returns the record's offset once it is durable. Errors wrap
	// hub.ErrUnavailable where a later try can succeed.
	Publish(ctx context.Context, value []byte) (offset int64, err error)
}

// Options configure the endpoints. Publisher is required by Socket and Produce;
// every other zero value stands for the default named beside it.
type Options struct {
	// Publisher takes what pages publish.
	Publisher Publisher
	// Open lets everybody in without a token, anonymously.
	Open bool
	// Origins are the origins of web pages that may connect besides the server's own.
	Origins gateway.Origins
	// Peers returns the URLs of the cluster's nodes, whose pages may connect too;
	// it does not block. nil names none.
	Peers func() []string
	// Log gets failures that are not the client's; nil logs nothing.
	Log *slog.Logger
	// Timeout is how long a request may take to be let in, and a text to be
	// published (10 s).
	Timeout time.Duration
	// Rate is how many frames a second a page may send (50), Burst how many at
	// once (100). One that sends more is closed.
	Rate, Burst int
	// Produces is how many requests to publish are served at once (64); more are
	// answered 503.
	Produces int
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Rate = cmp.Or(o.Rate, 50)
	o.Burst = cmp.Or(o.Burst, 100)
	o.Produces = cmp.Or(o.Produces, 64)
	return o
}

// Events returns the handler of GET /notifications?id=.
func Events(g *gateway.Gateway, o Options) http.Handler {
	o = o.withDefaults()
	options := sse.Options{Origins: o.Origins, Peers: o.Peers, Log: o.Log, OpenWithin: o.Timeout}
	return sse.Serve(g, options, func(ctx context.Context, r *http.Request) (sse.Stream, error) {
		p, err := o.person(ctx, g, r)
		return sse.Stream{Person: p, Protocol: events{}, Welcome: welcome}, err
	})
}

// person returns who the request's id is: a person with their own stream and
// that of all, anonymous without the person's token.
func (o *Options) person(ctx context.Context, g *gateway.Gateway, r *http.Request) (*hub.Principal, error) {
	id := r.URL.Query().Get("id")
	if err := hub.CheckKey(id); err != nil {
		return nil, hub.Invalidf("id: %v", err)
	}
	p, err := g.Authenticate(ctx, sse.Token(r))
	switch {
	case err == nil && p.Admin == id:
		return &hub.Principal{Admin: id, Name: p.Name, Expires: p.Expires}, nil
	case o.Open:
		return &hub.Principal{Admin: id, Anonymous: true}, nil
	case err != nil:
		return nil, err
	}
	return nil, hub.Forbiddenf("the token is another person's")
}

// refuse answers a request that is not served with a problem.
func (o *Options) refuse(w http.ResponseWriter, err error) {
	status := gateway.StatusOf(err)
	detail := err.Error()
	if status == http.StatusInternalServerError {
		o.Log.Warn("request failed", "error", err)
		detail = "the request cannot be served now"
	}
	gateway.Refuse(w, status, detail)
}
