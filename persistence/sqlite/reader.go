package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"bongsu/internal/hub"
)

// reader is a connection that only reads, with its statements. It is used by one
// goroutine at a time.
type reader struct {
	conn    *sql.Conn
	streams *catalog
	// at finds the newest entry at or below a seq; up and down read the entries
	// between two seqs in that direction, typed only those of some types; ids
	// reads the ids between two seqs; marks a person's marks.
	at, up, down, typed, ids, marks *sql.Stmt
}

func newReader(ctx context.Context, db *sql.DB, streams *catalog) (*reader, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	r := &reader{conn: conn, streams: streams}
	err = prepare(ctx, conn, map[**sql.Stmt]string{
		&r.at: `SELECT seq, time, journal FROM timeline
			WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq DESC LIMIT 1`,
		&r.up: `SELECT seq, time, journal, kind, id, type, payload FROM timeline
			WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
		&r.down: `SELECT seq, time, journal, kind, id, type, payload FROM timeline
			WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq DESC LIMIT ?`,
		&r.typed: `SELECT seq, time, journal, kind, id, type, payload FROM timeline
			WHERE stream = ? AND seq > ? AND seq <= ? AND type IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT ?`,
		&r.ids:   `SELECT seq, id FROM timeline WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq`,
		&r.marks: `SELECT stream, seq FROM marks WHERE admin = ?`,
	})
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return r, nil
}

// snapshot runs do in a transaction, in which all reads see the same state. The
// transaction begins and ends whatever becomes of ctx.
func (r *reader) snapshot(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	always := context.WithoutCancel(ctx)
	if _, err := r.conn.ExecContext(always, "BEGIN"); err != nil {
		return err
	}
	err := do()
	_, end := r.conn.ExecContext(always, "ROLLBACK")
	if err != nil {
		return err
	}
	return end
}

// span is a part of a stored stream: entries with after < seq <= to.
type span struct{ stream, after, to int64 }

// spanOf cuts the seqs that the file can hold out of a range of any.
func spanOf(stream int64, after, to uint64) span {
	return span{stream: stream, after: int64(min(after, math.MaxInt64)), to: int64(min(to, math.MaxInt64))}
}

// spot is where an entry stands in its stream, in time and in the journal.
type spot struct{ seq, time, journal int64 }

// newest returns the newest entry of the span, and whether there is one.
func (r *reader) newest(ctx context.Context, in span) (spot, bool, error) {
	var found spot
	err := r.at.QueryRowContext(ctx, in.stream, in.after, in.to).Scan(&found.seq, &found.time, &found.journal)
	if errors.Is(err, sql.ErrNoRows) {
		return spot{}, false, nil
	}
	return found, err == nil, err
}

// last returns the newest entry of the span that holds accepts, and whether
// there is one. What holds accepts of a stream must be a beginning of it: the
// search halves the span.
func (r *reader) last(ctx context.Context, in span, holds func(spot) bool) (spot, bool, error) {
	best, ok, err := r.newest(ctx, in)
	if err != nil || !ok || holds(best) {
		return best, ok, err
	}
	in.to, ok = best.seq-1, false
	for in.after < in.to {
		middle := in.after + (in.to-in.after+1)/2
		at, found, err := r.newest(ctx, span{stream: in.stream, after: in.after, to: middle})
		switch {
		case err != nil:
			return spot{}, false, err
		case !found:
			in.after = middle
		case holds(at):
			in.after, best, ok = middle, at, true
		default:
			in.to = at.seq - 1
		}
	}
	return best, ok, nil
}

// entries reads what stmt, one of up, down and typed, selects. An entry that
// was written again can come twice in a row; it is returned once. read is how
// many rows came, to be compared with the limit.
func (r *reader) entries(ctx context.Context, stmt *sql.Stmt, stream hub.Stream, args ...any) ([]*hub.Entry, int, error) {
	return r.within(ctx, math.MaxInt, stmt, stream, args...)
}

// within is entries that stops reading beyond so many bytes. An entry that crosses
// the bound is read and returned.
func (r *reader) within(ctx context.Context, bytes int, stmt *sql.Stmt, stream hub.Stream, args ...any) (_ []*hub.Entry, read int, err error) {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var entries []*hub.Entry
	for bytes >= 0 && rows.Next() {
		e := &hub.Entry{Stream: stream}
		if err := rows.Scan(&e.Seq, &e.Time, &e.Offset, &e.Kind, &e.ID, &e.Type, &e.Payload); err != nil {
			return nil, 0, err
		}
		read++
		if n := len(entries); n == 0 || entries[n-1].Seq != e.Seq {
			entries = append(entries, e)
			bytes -= e.Size()
		}
	}
	return entries, read, rows.Err()
}
