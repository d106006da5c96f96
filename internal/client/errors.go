package client

import (
	"encoding/json"
	"errors"
	"fmt"

	"bongsu/internal/hub"
)

// The close codes that a client acts on. Codes from 4000 to 4499 mean "connect
// again", those from 4500 to 4999 "do not".
const (
	CloseRestarting = 4000
	CloseSlow       = 4001
	CloseSilent     = 4002
	CloseExpired    = 4003
	CloseTooFast    = 4004
	CloseBadToken   = 4500
	CloseForbidden  = 4501
	CloseProtocol   = 4502
	CloseReplaced   = 4503
	CloseTooMany    = 4504
)

// ErrClosed is what Run and calls return after Close.
var ErrClosed = errors.New("client closed")

// Closed is the hub's own end of a connection: a close frame, or over SSE an event
// that says the same.
type Closed struct {
	// Code is the WebSocket close code, or the HTTP status of a refused handshake.
	Code int `json:"code"`
	// Reason is the hub's text for it.
	Reason string `json:"reason"`
}

// Error says with which code and why.
func (c *Closed) Error() string {
	if c.Reason == "" {
		return fmt.Sprintf("closed by the hub with %d", c.Code)
	}
	return fmt.Sprintf("closed by the hub with %d: %s", c.Code, c.Reason)
}

// Permanent reports whether connecting again is pointless until something else
// has changed: a code from 4500 to 4999, or an HTTP status that refuses the client.
func (c *Closed) Permanent() bool {
	switch c.Code {
	case 400, 401, 403:
		return true
	}
	return c.Code >= 4500 && c.Code <= 4999
}

// Error is the hub's answer to a call that failed. It wraps hub.ErrUnavailable
// where the same call can succeed later.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	// Data is what the hub adds; Temporary is read from it.
	Data json.RawMessage `json:"data,omitempty"`
}

// Error says what the hub said.
func (e *Error) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// Temporary reports whether the same call can succeed later.
func (e *Error) Temporary() bool {
	var data struct{ Temporary bool }
	return json.Unmarshal(e.Data, &data) == nil && data.Temporary
}

// Unwrap gives hub.ErrUnavailable for a temporary error.
func (e *Error) Unwrap() error {
	if e.Temporary() {
		return hub.ErrUnavailable
	}
	return nil
}

// permanent reports whether err ends a client for good. A refused connect call is
// judged by the close code that followed it, where there was one.
func permanent(err error) bool {
	var closed *Closed
	if errors.As(err, &closed) {
		return closed.Permanent()
	}
	var refused *Error
	if errors.As(err, &refused) {
		return !refused.Temporary()
	}
	return errors.Is(err, hub.ErrInvalid)
}
