package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"bongsu/internal/hub"
)

const codeUnknownDatabase = 81

// passing reports whether a server's error passes by itself or by an
// operator's hand: overload, limits, a full disk, a stop, a lost replica.
func passing(code int32) bool {
	switch code {
	case 3, // UNEXPECTED_END_OF_FILE
		32,  // ATTEMPT_TO_READ_AFTER_EOF
		74,  // CANNOT_READ_FROM_FILE_DESCRIPTOR
		75,  // CANNOT_WRITE_TO_FILE_DESCRIPTOR
		76,  // CANNOT_OPEN_FILE
		159, // TIMEOUT_EXCEEDED
		160, // TOO_SLOW
		164, // READONLY
		173, // CANNOT_ALLOCATE_MEMORY
		201, // QUOTA_EXCEEDED
		202, // TOO_MANY_SIMULTANEOUS_QUERIES
		203, // NO_FREE_CONNECTION
		209, // SOCKET_TIMEOUT
		210, // NETWORK_ERROR
		225, // NO_ZOOKEEPER
		236, // ABORTED
		241, // MEMORY_LIMIT_EXCEEDED
		242, // TABLE_IS_READ_ONLY
		243, // NOT_ENOUGH_SPACE
		244, // UNEXPECTED_ZOOKEEPER_ERROR
		252, // TOO_MANY_PARTS
		254, // NO_ACTIVE_REPLICAS
		279, // ALL_CONNECTION_TRIES_FAILED
		285, // TOO_FEW_LIVE_REPLICAS
		286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
		290, // LIMIT_EXCEEDED
		319, // UNKNOWN_STATUS_OF_INSERT
		394, // QUERY_WAS_CANCELLED
		425, // SYSTEM_ERROR
		439, // CANNOT_SCHEDULE_TASK
		499, // S3_ERROR
		568, // RAFT_ERROR
		703, // INVALID_STATE
		734, // QUERY_WAS_CANCELLED_BY_CLIENT
		745, // SERVER_OVERLOADED
		999: // KEEPER_EXCEPTION
		return true
	}
	return false
}

// code returns the server's code of an error, and 0 of one that is not the server's.
func code(err error) int32 {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		return exception.Code
	}
	return 0
}

// failure returns the reason for which a statement failed: what ended ctx, which
// is that of the whole call, when something did, else err with its class.
func (s *Store) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	// The driver gives a connection the context's deadline, and may notice it first.
	if deadline, ok := ctx.Deadline(); ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return classify(s.redact(err))
}

// redact makes sure that the password is not in an error's text.
func (s *Store) redact(err error) error {
	if s.password == "" || !strings.Contains(err.Error(), s.password) {
		return err
	}
	return &redacted{text: strings.ReplaceAll(err.Error(), s.password, "…"), cause: err}
}

// redacted is an error whose text was made fit to be shown.
type redacted struct {
	text  string
	cause error
}

// Error returns the text.
func (e *redacted) Error() string { return e.text }

// Unwrap returns the error as it was, for its class.
func (e *redacted) Unwrap() error { return e.cause }

// expired returns the end of a statement's own context as the reason for which the
// statement failed, if it has ended: the driver may tell of what came of that only.
func expired(within context.Context, err error) error {
	if err != nil && within.Err() != nil {
		return within.Err()
	}
	return err
}

// classify makes errors that pass wrap hub.ErrUnavailable, and those that less at once
// may avoid context.DeadlineExceeded as well. Wrong credentials and refused statements
// do not pass.
func classify(err error) error {
	if errors.Is(err, hub.ErrUnavailable) {
		return err
	}
	if tooMuch(err) {
		return hub.Unavailablef("%w: %w", context.DeadlineExceeded, err)
	}
	if away(err) {
		return hub.Unavailablef("%w", err)
	}
	return err
}

// tooMuch reports whether a statement took too much time or memory.
func tooMuch(err error) bool {
	switch code(err) {
	case 159, // TIMEOUT_EXCEEDED
		160, // TOO_SLOW
		241: // MEMORY_LIMIT_EXCEEDED
		return true
	}
	return errors.Is(err, os.ErrDeadlineExceeded) // the connection's deadline, which the driver sets
}

func away(err error) bool {
	if code := code(err); code != 0 {
		return passing(code)
	}
	var answer *clickhouse.HTTPError
	if errors.As(err, &answer) {
		// A proxy's answer; ClickHouse's own have a code.
		return answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests
	}
	for _, passing := range []error{
		context.DeadlineExceeded, os.ErrDeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.EPIPE,
		syscall.ECONNRESET, syscall.ECONNREFUSED, clickhouse.ErrAcquireConnTimeout, clickhouse.ErrConnectionClosed,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	var network net.Error
	return errors.As(err, &network)
}

// describe says which call failed.
func describe(call string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("clickhouse: %s: %w", call, err)
}
