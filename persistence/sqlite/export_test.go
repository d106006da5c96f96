package sqlite

import (
	"context"
	"log/slog"
)

// OpenSmall opens a store whose fresh tables hold only so many rows, so that a
// test sees them fill, move and change places.
func OpenSmall(ctx context.Context, path string, rows int, log *slog.Logger) (*Store, error) {
	return open(ctx, path, capacity{rows: rows, bytes: 64 << 20}, log)
}

// Stored returns how many rows each of the store's tables of entries has.
func (s *Store) Stored(ctx context.Context) (entries, fresh0, fresh1 int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM fresh0),
		(SELECT count(*) FROM fresh1)`).Scan(&entries, &fresh0, &fresh1)
	return entries, fresh0, fresh1, err
}
