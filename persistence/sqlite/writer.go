package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"bongsu/internal/hub"
)

// columns are an entry's, in the order of row.
const columns = "stream, seq, time, journal, kind, id, type, payload"

const columnCount = 8

// batchRows are the numbers of rows for which an insert is prepared: one
// statement with many rows costs a fraction of as many statements.
var batchRows = [...]int{64, 8, 1}

// writer is the connection that writes, with what it needs prepared. It is used
// by one goroutine at a time.
type writer struct {
	conn    *sql.Conn
	streams *catalog
	// levels are the two fresh tables; active is the one that Write appends to.
	levels   [2]*level
	active   int
	capacity capacity
	sweep    sweep
	// name inserts a stream unless it is there, and gives its row; mark raises a
	// mark; floor raises a floor.
	name, mark, floor *sql.Stmt
	args              []any
}

// newWriter prepares a writer and moves what an earlier process left half
// moved, so that at most one fresh table holds entries.
func newWriter(ctx context.Context, db *sql.DB, streams *catalog, most capacity) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, streams: streams, capacity: most}
	if err := w.prepare(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context) error {
	for i := range w.levels {
		l, err := newLevel(ctx, w.conn, fmt.Sprintf("fresh%d", i))
		if err != nil {
			return err
		}
		w.levels[i] = l
	}
	err := prepare(ctx, w.conn, map[**sql.Stmt]string{
		&w.name: `INSERT INTO streams (name) VALUES (?)
			ON CONFLICT (name) DO UPDATE SET floor = floor RETURNING id, floor`,
		&w.mark: `INSERT INTO marks (admin, stream, seq) VALUES (?, ?, ?)
			ON CONFLICT (admin, stream) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq`,
		&w.floor: `UPDATE streams SET floor = max(floor, ?) WHERE id = ?`,
	})
	if err != nil {
		return err
	}
	if w.levels[1].rows > 0 {
		w.active = 1
	}
	for w.levels[1-w.active].rows > 0 {
		if err := w.transact(ctx, func() error { return w.move(ctx, sweepAtOpen) }); err != nil {
			return err
		}
	}
	return nil
}

// transact runs do in a transaction, and keeps what the writer knows of its
// tables in step with its outcome.
func (w *writer) transact(ctx context.Context, do func() error) error {
	active, cursor, levels := w.active, w.sweep, [2]level{*w.levels[0], *w.levels[1]}
	err := w.attempt(ctx, do)
	if err != nil {
		w.active, w.sweep = active, cursor
		*w.levels[0], *w.levels[1] = levels[0], levels[1]
	}
	return err
}

// attempt begins and ends the transaction whatever becomes of ctx: a connection
// that is left inside one would be of no more use.
func (w *writer) attempt(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	always := context.WithoutCancel(ctx)
	if _, err := w.conn.ExecContext(always, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = w.conn.ExecContext(always, "COMMIT")
	}
	if err != nil {
		// Some errors have ended the transaction already; then this one fails.
		_, _ = w.conn.ExecContext(always, "ROLLBACK")
	}
	return err
}

// Write appends the entries, raises the marks and moves a share of earlier
// entries, all in one transaction: after an error nothing of it is stored.
func (s *Store) Write(ctx context.Context, entries []*hub.Entry, marks []hub.Mark) error {
	if len(entries) == 0 && len(marks) == 0 {
		return nil
	}
	err := s.writing(ctx, func(ctx context.Context, w *writer) error {
		added := map[hub.Stream]known{}
		err := w.transact(ctx, func() error {
			if err := w.append(ctx, entries, added); err != nil {
				return err
			}
			if err := w.raise(ctx, marks); err != nil {
				return err
			}
			return w.keepUp(ctx, len(entries))
		})
		if err != nil {
			return err
		}
		for stream, row := range added {
			w.streams.put(stream, row)
		}
		return nil
	})
	return describe("write", err)
}

// append inserts the entries into the active table; added gets the streams
// that are new to the catalog.
func (w *writer) append(ctx context.Context, entries []*hub.Entry, added map[hub.Stream]known) error {
	into := w.levels[w.active]
	for _, n := range batchRows {
		insert := into.insert[n]
		for len(entries) >= n {
			w.args = w.args[:0]
			for _, e := range entries[:n] {
				row, err := w.known(ctx, e.Stream, added)
				if err != nil {
					return err
				}
				w.args = appendRow(w.args, row.id, e)
				into.bytes += len(e.Payload)
			}
			if _, err := insert.ExecContext(ctx, w.args...); err != nil {
				return err
			}
			into.rows += n
			entries = entries[n:]
		}
	}
	clear(w.args) // keep no payload alive
	return nil
}

func appendRow(args []any, stream int64, e *hub.Entry) []any {
	payload := e.Payload
	if payload == nil {
		payload = []byte{}
	}
	return append(args, stream, int64(e.Seq), e.Time, e.Offset, int64(e.Kind), e.ID, e.Type, payload)
}

// known returns the stream's row, inserting it when there is none.
func (w *writer) known(ctx context.Context, stream hub.Stream, added map[hub.Stream]known) (known, error) {
	if row, ok := w.streams.get(stream); ok {
		return row, nil
	}
	if row, ok := added[stream]; ok {
		return row, nil
	}
	var row known
	err := w.name.QueryRowContext(ctx, string(stream)).Scan(&row.id, &row.floor)
	added[stream] = row
	return row, err
}

// raise stores marks that are beyond what is stored.
func (w *writer) raise(ctx context.Context, marks []hub.Mark) error {
	for _, m := range marks {
		if _, err := w.mark.ExecContext(ctx, m.Admin, string(m.Stream), int64(m.Seq)); err != nil {
			return err
		}
	}
	return nil
}

// prepare prepares each text for its statement.
func prepare(ctx context.Context, conn *sql.Conn, texts map[**sql.Stmt]string) error {
	for stmt, text := range texts {
		var err error
		if *stmt, err = conn.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// insertInto returns an insert of n rows that leaves stored entries alone. With
// OR IGNORE no row can abort it, which spares SQLite a journal per statement.
func insertInto(table string, n int) string {
	row := "(?" + strings.Repeat(", ?", columnCount-1) + ")"
	return "INSERT OR IGNORE INTO " + table + " (" + columns + ") VALUES " + row + strings.Repeat(", "+row, n-1)
}
