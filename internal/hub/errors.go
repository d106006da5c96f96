package hub

import (
	"errors"
	"fmt"
)

// The errors that cross part boundaries. Wrap them with %w and test with
// errors.Is; transports turn them into their own codes.
var (
	// ErrInvalid means the caller's input is wrong; the same input never succeeds.
	ErrInvalid = errors.New("invalid")
	// ErrForbidden means the principal has no right to what it asked for.
	ErrForbidden = errors.New("forbidden")
	// ErrUnauthenticated means there is no principal: no token, or a bad one.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrTokenExpired means that the token was good until its time was over: a
	// new one helps. It is an ErrUnauthenticated.
	ErrTokenExpired error = &wrapped{text: "the token has expired", kind: ErrUnauthenticated}
	// ErrNotFound means that what was asked for does not exist.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable means that a part (Kafka, the timeline, a shard's owner) is
	// away for now; the same call can succeed later.
	ErrUnavailable = errors.New("temporarily unavailable")
)

// Invalidf returns an error that wraps ErrInvalid and reads as the formatted text.
func Invalidf(format string, args ...any) error {
	return &wrapped{text: fmt.Sprintf(format, args...), kind: ErrInvalid}
}

// Forbiddenf returns an error that wraps ErrForbidden and reads as the formatted text.
func Forbiddenf(format string, args ...any) error {
	return &wrapped{text: fmt.Sprintf(format, args...), kind: ErrForbidden}
}

// Unauthenticatedf returns an error that wraps ErrUnauthenticated and reads as
// the formatted text.
func Unauthenticatedf(format string, args ...any) error {
	return &wrapped{text: fmt.Sprintf(format, args...), kind: ErrUnauthenticated}
}

// Unavailablef returns an error that wraps ErrUnavailable and reads as the
// formatted text; a cause given with %w stays reachable.
func Unavailablef(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &wrapped{text: err.Error(), kind: ErrUnavailable, cause: err}
}

// Temporary reports whether the call that gave err can succeed when it is
// simply made again later.
func Temporary(err error) bool { return errors.Is(err, ErrUnavailable) }

type wrapped struct {
	text  string
	kind  error
	cause error
}

func (e *wrapped) Error() string { return e.text }

func (e *wrapped) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}
