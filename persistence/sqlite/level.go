package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
)

// capacity is how much a fresh table holds when it is full: then it is moved, and
// the other one takes its place. The more it holds the more entries of one stream
// move together, and the larger its index grows, which every commit writes to.
type capacity struct{ rows, bytes int }

// usual is the capacity in ordinary use.
func usual() capacity { return capacity{rows: 200_000, bytes: 64 << 20} }

// How many entries are moved for each one written, and at least at a time. At two
// for one, a full table is empty before its successor is half full.
const (
	sweepShare  = 2
	sweepLeast  = 1_000
	sweepAtOpen = 20_000
)

// level is one of the two fresh tables, with its statements.
type level struct {
	// insert holds inserts by their number of rows.
	insert map[int]*sql.Stmt
	// bound finds the last of the next n entries beyond a key; move puts those
	// between two keys where they will lie; empty deletes all.
	bound, move, empty *sql.Stmt
	// rows and bytes are how much was written to the table, rewrites included.
	rows, bytes int
}

// sweep is how far the full table has been moved: all up to and with stream, seq.
// due is how many entries should have been moved since.
type sweep struct {
	stream, seq int64
	due         int
}

func newLevel(ctx context.Context, conn *sql.Conn, table string) (*level, error) {
	l := &level{insert: map[int]*sql.Stmt{}}
	for _, n := range batchRows {
		stmt, err := conn.PrepareContext(ctx, insertInto(table, n))
		if err != nil {
			return nil, err
		}
		l.insert[n] = stmt
	}
	err := prepare(ctx, conn, map[**sql.Stmt]string{
		&l.bound: `SELECT stream, seq FROM ` + table + ` WHERE (stream, seq) > (?, ?) ORDER BY stream, seq LIMIT 1 OFFSET ?`,
		&l.move: `INSERT OR IGNORE INTO entries (` + columns + `) SELECT ` + columns + ` FROM ` + table + `
			WHERE (stream, seq) > (?, ?) AND (stream, seq) <= (?, ?) ORDER BY stream, seq`,
		// Without a condition, SQLite lets go of the pages and visits no row.
		&l.empty: `DELETE FROM ` + table,
	})
	if err != nil {
		return nil, err
	}
	count := "SELECT count(*), coalesce(sum(length(payload)), 0) FROM " + table
	return l, conn.QueryRowContext(ctx, count).Scan(&l.rows, &l.bytes)
}

func (l *level) full(most capacity) bool { return l.rows >= most.rows || l.bytes >= most.bytes }

// keepUp moves the share of the full table that written entries ask for, once it
// is worth the while, and changes tables when the active one is full.
func (w *writer) keepUp(ctx context.Context, written int) error {
	w.sweep.due += sweepShare * written
	if w.levels[1-w.active].rows > 0 && w.sweep.due >= min(sweepLeast, w.capacity.rows) {
		if err := w.move(ctx, w.sweep.due); err != nil {
			return err
		}
	}
	if w.levels[w.active].full(w.capacity) && w.levels[1-w.active].rows == 0 {
		w.active, w.sweep = 1-w.active, sweep{}
	}
	return nil
}

// move moves up to n entries of the full table, in the order in which they will
// lie. The last step empties the table at once: deleting row by row would write
// all its pages again with each step.
func (w *writer) move(ctx context.Context, n int) error {
	from, next := w.levels[1-w.active], sweep{stream: w.sweep.stream, seq: w.sweep.seq}
	err := from.bound.QueryRowContext(ctx, w.sweep.stream, w.sweep.seq, n-1).Scan(&next.stream, &next.seq)
	last := errors.Is(err, sql.ErrNoRows)
	if err != nil && !last {
		return err
	}
	if last {
		next = sweep{stream: math.MaxInt64, seq: math.MaxInt64}
	}
	_, err = from.move.ExecContext(ctx, w.sweep.stream, w.sweep.seq, next.stream, next.seq)
	if err != nil {
		return err
	}
	w.sweep = next
	if !last {
		return nil
	}
	if _, err := from.empty.ExecContext(ctx); err != nil {
		return err
	}
	from.rows, from.bytes, w.sweep = 0, 0, sweep{}
	return nil
}
