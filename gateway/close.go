package gateway

import "strconv"

// Close is why a session ends: a code that every transport passes on in its own
// way. Codes 4000–4499 tell the client to reconnect with its cursor and lose
// nothing; 4500–4999 tell it not to, because the same attempt would fail again.
type Close uint16

// The reasons for which sessions end. The numbers are part of the contract with
// clients; those below 4000 are WebSocket's own.
const (
	// CloseNormal answers a client that leaves, or has left.
	CloseNormal Close = 1000
	// CloseMalformed answers a frame that is not a WebSocket frame.
	CloseMalformed Close = 1002
	// CloseUnsupported answers a binary frame.
	CloseUnsupported Close = 1003
	// CloseBadText answers a text frame that is not UTF-8.
	CloseBadText Close = 1007
	// CloseTooBig answers a frame beyond the limit.
	CloseTooBig Close = 1009

	// CloseRestarting means that this node is about to stop.
	CloseRestarting Close = 4000
	// CloseSlow means that the client did not read what was sent to it.
	CloseSlow Close = 4001
	// CloseSilent means that nothing was heard from the client for too long.
	CloseSilent Close = 4002
	// CloseExpired means that the token's time is over.
	CloseExpired Close = 4003
	// CloseTooFast means that the client sent more than it may.
	CloseTooFast Close = 4004

	// CloseBadToken means that the token is missing or not valid.
	CloseBadToken Close = 4500
	// CloseForbidden means that the token gives no right to connect.
	CloseForbidden Close = 4501
	// CloseProtocol means that the client broke the protocol: its first call was
	// not connect, or did not come in time.
	CloseProtocol Close = 4502
	// CloseReplaced means that a newer session of the client took its place.
	CloseReplaced Close = 4503
	// CloseTooMany means that the person has too many sessions already.
	CloseTooMany Close = 4504
)

// Code returns the number that clients see.
func (c Close) Code() int { return int(c) }

// Retry reports whether the client should connect again.
func (c Close) Retry() bool { return c >= 4000 && c < 4500 }

// Reason returns the text that goes with the code.
func (c Close) Reason() string {
	switch c {
	case CloseNormal:
		return "bye"
	case CloseMalformed:
		return "malformed frame"
	case CloseUnsupported:
		return "text frames only"
	case CloseBadText:
		return "not UTF-8"
	case CloseTooBig:
		return "frame too big"
	case CloseRestarting:
		return "restarting"
	case CloseSlow:
		return "slow"
	case CloseSilent:
		return "silent"
	case CloseExpired:
		return "token expired"
	case CloseTooFast:
		return "too fast"
	case CloseBadToken:
		return "bad token"
	case CloseForbidden:
		return "forbidden"
	case CloseProtocol:
		return "protocol"
	case CloseReplaced:
		return "replaced"
	case CloseTooMany:
		return "too many sessions"
	}
	return "close " + strconv.Itoa(int(c))
}
