package ws

import (
	"context"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// answer answers one message.
func (c *conn) answer(ctx context.Context, message []byte) {
	r, err := decodeRequest(message)
	if err != nil {
		c.session.Send(appendError(nil, r.id, err))
		return
	}
	if r.id == nil {
		return // clients have nothing to notify us of; what they say is no error
	}
	if r.method == "connect" || r.method == "refresh" {
		c.connect(ctx, r)
		return
	}
	if !c.session.IsOpen() {
		c.fail(r, &rpcError{Code: codeUnauthenticated, Message: "the first call is connect"})
		c.session.Close(gateway.CloseProtocol)
		return
	}
	result, err := c.call(ctx, r)
	if err != nil {
		c.fail(r, err)
		return
	}
	c.session.Send(appendResult(nil, r.id, result))
}

// call runs one of the calls of an open session.
func (c *conn) call(ctx context.Context, r request) (any, error) {
	p := c.session.Principal()
	if !p.Expires.IsZero() && !time.Now().Before(p.Expires) {
		return nil, hub.ErrTokenExpired
	}
	inbox := c.server.options.Inbox
	switch r.method {
	case "timeline.list":
		var params gateway.ListParams
		if err := r.decodeParams(&params); err != nil {
			return nil, err
		}
		return inbox.List(ctx, p, params)
	case "timeline.read":
		var params gateway.ReadParams
		if err := r.decodeParams(&params); err != nil {
			return nil, err
		}
		return inbox.Read(ctx, p, params)
	case "unread":
		return inbox.Unread(ctx, p)
	}
	return nil, &rpcError{Code: codeMethod, Message: "no such method"}
}

// connect opens the session, or gives an open one the rights of a new token.
func (c *conn) connect(ctx context.Context, r request) {
	var params struct {
		Token  string            `json:"token"`
		Cursor map[string]uint64 `json:"cursor"`
	}
	err := r.decodeParams(&params)
	if err != nil {
		c.fail(r, err)
		return
	}
	cursor, err := cursorOf(params.Cursor)
	if err != nil {
		c.fail(r, err)
		return
	}
	refresh := c.session.IsOpen()
	switch {
	case refresh && r.method == "connect":
		c.fail(r, &rpcError{Code: codeConflict, Message: "connected already; refresh takes a new token"})
		return
	case !refresh && r.method == "refresh":
		c.fail(r, &rpcError{Code: codeUnauthenticated, Message: "the first call is connect"})
		c.session.Close(gateway.CloseProtocol)
		return
	case params.Token == "" && !refresh:
		params.Token = c.bearer
	}
	err = c.session.Connect(ctx, params.Token, cursor, func(dst []byte, welcome gateway.Welcome, _ gateway.CursorText) []byte {
		return appendResult(dst, r.id, welcome)
	})
	if err == nil {
		c.bearer = ""
		return
	}
	c.fail(r, err)
	if why := gateway.CloseOf(err); why != 0 && !refresh {
		c.session.Close(why)
	}
}

// cursorOf checks the cursor that a client has sent. The error wraps hub.ErrInvalid.
func cursorOf(places map[string]uint64) (hub.Cursor, error) {
	if len(places) > hub.MaxCursorStreams {
		return nil, hub.Invalidf("cursor: more than %d streams", hub.MaxCursorStreams)
	}
	cursor := make(hub.Cursor, len(places))
	for name, seq := range places {
		stream, err := hub.ParseStream(name)
		if err != nil {
			return nil, err
		}
		if seq > 1<<63-1 {
			return nil, hub.Invalidf("cursor: %d is not a seq", seq)
		}
		cursor[stream] = seq
	}
	return cursor, nil
}

// fail answers a call with what went wrong.
func (c *conn) fail(r request, err error) {
	if failure := errorOf(err); failure.Code == codeInternal || failure.Code == codeUnavailable {
		c.server.options.Log.Warn("call failed", "method", r.method, "session", c.session.ID(), "error", err)
	}
	c.session.Send(appendError(nil, r.id, err))
}
