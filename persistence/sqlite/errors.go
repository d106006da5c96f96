package sqlite

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"bongsu/internal/hub"
)

// failure returns the reason for which a call failed: what ended its context
// when something did, else err with its class.
func failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return classify(err)
}

// classify makes errors that pass by themselves or by an operator's hand (a
// lock, a full disk) wrap hub.ErrUnavailable.
func classify(err error) error {
	var reason *sqlite.Error
	if !errors.As(err, &reason) {
		return err
	}
	const primary = 0xff // the rest of a code is detail
	switch reason.Code() & primary {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY:
		return hub.Unavailablef("%w", err)
	}
	return err
}

// describe says which call failed.
func describe(call string, err error) error {
	if err == nil || errors.Is(err, errClosed) {
		return err
	}
	return fmt.Errorf("sqlite: %s: %w", call, err)
}
