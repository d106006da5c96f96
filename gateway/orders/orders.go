// Package orders is the order alarm of a mall's page, as the hand-made server
// before the hub gave it: GET /notifications/orders?mart=1, a stream of
// server-sent events with one sentence for each order. Beside what that server
// did, it wants a token whose malls name the mart, and a page that reconnects
// gets the orders it missed.
package orders

import (
	"context"
	"net/http"
	"strings"

	"bongsu/gateway"
	"bongsu/gateway/legacy"
	"bongsu/gateway/sse"
	"bongsu/internal/hub"
)

// orderPlaced is the type of the events that are orders.
const orderPlaced = "ORDER_PLACED"

// Handler returns the handler of GET /notifications/orders, which names its
// events after channel. A stream begins with retry and the event "connect"; its
// ids are cursors, so that Last-Event-ID resumes it. Without a mart a request is
// answered 400; without a token 401, with one that does not name the mart 403.
// The error wraps hub.ErrInvalid: channel cannot be an event's name.
func Handler(g *gateway.Gateway, o sse.Options, channel string) (http.Handler, error) {
	if channel == "" || strings.ContainsAny(channel, "\r\n") {
		return nil, hub.Invalidf("the order channel %q cannot name an event", channel)
	}
	alarm := protocol{event: "event: " + channel + "\n"}
	return sse.Serve(g, o, func(ctx context.Context, r *http.Request) (sse.Stream, error) {
		p, err := person(ctx, g, r)
		return sse.Stream{Person: p, Protocol: alarm, Welcome: welcome}, err
	}), nil
}

// person returns the holder of the request's token with no other mall than the
// one that the page shows.
func person(ctx context.Context, g *gateway.Gateway, r *http.Request) (*hub.Principal, error) {
	mall, err := hub.ParseStream("mall:" + r.URL.Query().Get("mart"))
	if err != nil {
		return nil, hub.Invalidf("mart: %v", err)
	}
	p, err := g.Authenticate(ctx, sse.Token(r))
	if err != nil {
		return nil, err
	}
	if !p.CanRead(mall) {
		return nil, hub.Forbiddenf("the token does not name the mart")
	}
	return &hub.Principal{Admin: p.Admin, Name: p.Name, Malls: []string{mall.Key()}, Expires: p.Expires}, nil
}

func welcome(dst []byte, _ gateway.Welcome, at gateway.CursorText) []byte {
	dst = append(dst, "event: connect\n"...)
	return sse.AppendText(sse.AppendID(dst, at), []byte("connected"))
}

// protocol writes orders and keeps everything else from the page. All streams
// share it.
type protocol struct {
	sse.Plain
	event string // the line that names an event
}

var _ gateway.Protocol = protocol{}

func (protocol) Name() string { return "orders" }

func (p protocol) AppendEntry(dst []byte, frame *gateway.Frame, at gateway.CursorText) []byte {
	if frame.Entry.Type != orderPlaced || frame.Entry.Stream.Kind() != hub.KindMall {
		return dst
	}
	dst = append(dst, p.event...)
	dst = sse.AppendID(dst, at)
	return append(dst, frame.Encoded(gateway.FormAlarm, sentence)...)
}

// sentence returns the data lines of an order.
func sentence(e *hub.Entry) []byte {
	return sse.AppendText(nil, []byte(legacy.OrderID(e)+" 주문 발생"))
}
