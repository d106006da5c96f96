package ws

import (
	"bytes"
	"encoding/json"
	"errors"

	"bongsu/gateway"
	"bongsu/gateway/socket"
	"bongsu/internal/hub"
)

// JSON-RPC's own error codes.
const (
	codeParse    = -32700
	codeRequest  = -32600
	codeMethod   = -32601
	codeParams   = -32602
	codeInternal = -32603
)

// Our error codes, named like the HTTP statuses that say the same.
const (
	codeUnauthenticated = 401
	codeForbidden       = 403
	codeNotFound        = 404
	codeConflict        = 409
	codeTooMany         = 429
	codeUnavailable     = 503
)

// request is a JSON-RPC call, or a notification when it has no id.
type request struct {
	id     json.RawMessage // nil for a notification
	method string
	params json.RawMessage // an object or an array; nil when there are none
}

// rpcError is the error member of a response.
type rpcError struct {
	Code    int       `json:"code"`
	Message string    `json:"message"`
	Data    errorData `json:"data"`
}

type errorData struct {
	// Temporary says that the same call can succeed later.
	Temporary bool `json:"temporary"`
}

func (e *rpcError) Error() string { return e.Message }

// decodeRequest reads one message. On an error, the id of the request is what
// the response has to carry, null when it could not be told.
func decodeRequest(message []byte) (request, error) {
	var call struct {
		Version json.RawMessage `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  json.RawMessage `json:"method"`
		Params  json.RawMessage `json:"params"`
	}
	unknown := request{id: json.RawMessage("null")}
	if !json.Valid(message) {
		return unknown, &rpcError{Code: codeParse, Message: "not JSON"}
	}
	switch bytes.TrimLeft(message, " \t\r\n")[0] {
	case '{':
	case '[':
		return unknown, &rpcError{Code: codeRequest, Message: "batches are not served: one message a frame"}
	default:
		return unknown, &rpcError{Code: codeRequest, Message: "a request is an object"}
	}
	if err := json.Unmarshal(message, &call); err != nil {
		return unknown, &rpcError{Code: codeRequest, Message: "a request is an object"}
	}
	if !isID(call.ID) {
		return unknown, &rpcError{Code: codeRequest, Message: `"id" is a string, a number or null`}
	}
	r := request{id: call.ID}
	refuse := func(message string) (request, error) {
		if r.id == nil { // not a well-formed notification either
			r.id = unknown.id
		}
		return r, &rpcError{Code: codeRequest, Message: message}
	}
	if string(call.Version) != `"2.0"` {
		return refuse(`"jsonrpc" is "2.0"`)
	}
	if len(call.Method) == 0 || call.Method[0] != '"' || json.Unmarshal(call.Method, &r.method) != nil {
		return refuse(`"method" is a string`)
	}
	if len(call.Params) == 0 || string(call.Params) == "null" {
		return r, nil
	}
	if call.Params[0] != '{' && call.Params[0] != '[' {
		return refuse(`"params" is an object`)
	}
	r.params = call.Params
	return r, nil
}

// isID reports whether raw, a JSON value or nothing, may be an id.
func isID(raw json.RawMessage) bool {
	if len(raw) == 0 {
		return true
	}
	switch raw[0] {
	case '"', '-', 'n':
		return true
	}
	return raw[0] >= '0' && raw[0] <= '9'
}

// decodeParams reads the request's params into v. Without params v stays as it is.
func (r *request) decodeParams(v any) error {
	if r.params == nil {
		return nil
	}
	if r.params[0] != '{' {
		return &rpcError{Code: codeParams, Message: "params are given by name, in an object"}
	}
	if err := json.Unmarshal(r.params, v); err != nil {
		return &rpcError{Code: codeParams, Message: "params: " + plain(err)}
	}
	return nil
}

// plain says what is wrong with a JSON value without naming types of this program.
func plain(err error) string {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		return "cannot be read: " + t.Field + " is a " + t.Value
	}
	return err.Error()
}

// errorOf returns how a client is told of err.
func errorOf(err error) *rpcError {
	var own *rpcError
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, hub.ErrInvalid):
		return &rpcError{Code: codeParams, Message: err.Error()}
	case errors.Is(err, hub.ErrUnauthenticated):
		return &rpcError{Code: codeUnauthenticated, Message: err.Error()}
	case errors.Is(err, hub.ErrForbidden):
		return &rpcError{Code: codeForbidden, Message: err.Error()}
	case errors.Is(err, hub.ErrNotFound):
		return &rpcError{Code: codeNotFound, Message: err.Error()}
	case errors.Is(err, gateway.ErrTooManySessions):
		return &rpcError{Code: codeTooMany, Message: err.Error()}
	case gateway.Temporary(err):
		return &rpcError{Code: codeUnavailable, Message: "temporarily unavailable", Data: errorData{Temporary: true}}
	}
	return &rpcError{Code: codeInternal, Message: "internal error"}
}

// appendResult appends the frame that answers a call.
func appendResult(dst []byte, id json.RawMessage, result any) []byte {
	body, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  any             `json:"result"`
	}{"2.0", id, result})
	if err != nil {
		return appendError(dst, id, err)
	}
	return socket.AppendFrame(dst, socket.TextFrame, body)
}

// appendError appends the frame that says why a call has failed.
func appendError(dst []byte, id json.RawMessage, failure error) []byte {
	body, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   *rpcError       `json:"error"`
	}{"2.0", id, errorOf(failure)})
	if err != nil { // numbers and strings always have a JSON form
		return dst
	}
	return socket.AppendFrame(dst, socket.TextFrame, body)
}
