package wire

import (
	"context"
	"errors"

	"bongsu/internal/hub"
)

// maxText bounds the text of an error on its way, in bytes.
const maxText = 1024

// FromError returns the message for an error, nil for nil. An error that is of
// several classes is of the first that Failure names; a deadline that passed is
// hub.ErrUnavailable.
func FromError(err error) *Failure {
	if err == nil {
		return nil
	}
	text := err.Error()
	f := &Failure{Class: classOf(err), Text: valid(text[:min(len(text), maxText)])}
	return f
}

func classOf(err error) Failure_Class {
	for class, kind := range classes {
		if kind != nil && errors.Is(err, kind) {
			return Failure_Class(class)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Failure_UNAVAILABLE
	}
	return Failure_INTERNAL
}

// classes are the errors of the classes.
var classes = [...]error{
	Failure_INTERNAL:        nil,
	Failure_INVALID:         hub.ErrInvalid,
	Failure_FORBIDDEN:       hub.ErrForbidden,
	Failure_UNAUTHENTICATED: hub.ErrUnauthenticated,
	Failure_NOT_FOUND:       hub.ErrNotFound,
	Failure_UNAVAILABLE:     hub.ErrUnavailable,
}

// ToError returns the error that the message stands for, nil for nil: it reads
// the same and wraps its class in hub.
func ToError(f *Failure) error {
	if f == nil {
		return nil
	}
	e := &failed{text: f.GetText()}
	if class := f.GetClass(); class >= 0 && int(class) < len(classes) {
		e.class = classes[class]
	}
	return e
}

// failed is an error of another node.
type failed struct {
	text  string
	class error
}

func (e *failed) Error() string { return e.text }
func (e *failed) Unwrap() error { return e.class }
