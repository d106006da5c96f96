package sqlite

import (
	"context"
	"errors"
	"time"

	"bongsu/internal/hub"
)

// How much Prune does at a time, so that a Write waits for it a moment only.
const (
	pruneStreams = 500
	pruneRows    = 2_000
)

// kept is how many of a stream's newest entries stay stored whatever their age:
// the duplicate window, and as many again so that a replay that begins a little
// earlier finds its window too.
const kept = 2 * hub.DuplicateWindow

// aged is a stream whose oldest entry may have to go.
type aged struct {
	name  hub.Stream
	known known
	// head is the newest seq; floor and dead what Prune makes of it: entries up
	// to floor are no longer shown, those up to dead no longer stored.
	head, floor, dead int64
}

// Prune moves the floors of all streams, then deletes what is below them and
// outside the duplicate window, in small steps between which others write.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	return describe("prune", s.prune(ctx, before.UnixMilli()))
}

func (s *Store) prune(ctx context.Context, before int64) error {
	for id := int64(0); ; {
		var some []aged
		err := s.reading(ctx, func(ctx context.Context, r *reader) (err error) {
			some, err = r.aged(ctx, id, before)
			return err
		})
		if err != nil || len(some) == 0 {
			return err
		}
		if err := s.retain(ctx, some); err != nil {
			return err
		}
		for _, a := range some {
			if err := s.discard(ctx, a); err != nil {
				return err
			}
		}
		id = some[len(some)-1].known.id
	}
}

// aged returns the next streams after id in the order of ids.
func (r *reader) aged(ctx context.Context, id, before int64) (_ []aged, err error) {
	rows, err := r.conn.QueryContext(ctx, "SELECT id, name, floor FROM streams WHERE id > ? ORDER BY id LIMIT ?", id, pruneStreams)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var some []aged
	for rows.Next() {
		var a aged
		if err := rows.Scan(&a.known.id, &a.name, &a.known.floor); err != nil {
			return nil, err
		}
		some = append(some, a)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i := range some {
		if err := r.age(ctx, &some[i], before); err != nil {
			return nil, err
		}
	}
	return some, nil
}

// age finds the stream's head and its floor when entries before a time leave.
func (r *reader) age(ctx context.Context, a *aged, before int64) error {
	a.floor = int64(a.known.floor)
	head, ok, err := r.newest(ctx, spanOf(a.known.id, 0, noLimit))
	if err != nil || !ok {
		return err
	}
	a.head = head.seq
	old, ok, err := r.last(ctx, span{stream: a.known.id, after: a.floor, to: a.head}, func(s spot) bool { return s.time < before })
	if err != nil {
		return err
	}
	if ok {
		a.floor = old.seq
	}
	a.dead = min(a.floor, a.head-kept)
	return nil
}

// retain stores the floors that have moved, and then shows them to readers.
func (s *Store) retain(ctx context.Context, some []aged) error {
	return s.writing(ctx, func(ctx context.Context, w *writer) error {
		err := w.transact(ctx, func() error {
			for _, a := range some {
				if uint64(a.floor) == a.known.floor {
					continue
				}
				if _, err := w.floor.ExecContext(ctx, a.floor, a.known.id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, a := range some {
			w.streams.put(a.name, known{id: a.known.id, floor: uint64(a.floor)})
		}
		return nil
	})
}

// discard deletes the stream's entries up to its dead seq.
func (s *Store) discard(ctx context.Context, a aged) error {
	for a.dead > 0 {
		var deleted int64
		err := s.writing(ctx, func(ctx context.Context, w *writer) error {
			return w.transact(ctx, func() (err error) {
				deleted, err = w.discard(ctx, a)
				return err
			})
		})
		if err != nil {
			return err
		}
		if deleted == 0 {
			return nil
		}
	}
	return nil
}

// discard deletes a step's worth from entries and, because only a replay
// leaves anything so old there, all at once from the fresh tables.
func (w *writer) discard(ctx context.Context, a aged) (int64, error) {
	var deleted int64
	for _, text := range [...]string{
		`DELETE FROM entries WHERE stream = ?1 AND seq <= min(?2,
			(SELECT seq FROM entries WHERE stream = ?1 ORDER BY seq LIMIT 1) + ?3)`,
		"DELETE FROM fresh0 WHERE stream = ?1 AND seq <= ?2",
		"DELETE FROM fresh1 WHERE stream = ?1 AND seq <= ?2",
	} {
		done, err := w.conn.ExecContext(ctx, text, a.known.id, a.dead, pruneRows)
		if err != nil {
			return 0, err
		}
		n, err := done.RowsAffected()
		if err != nil {
			return 0, err
		}
		deleted += n
	}
	return deleted, nil
}

// Floors returns the floor of each stream that has one above 0.
func (s *Store) Floors(ctx context.Context, streams []hub.Stream) (map[hub.Stream]uint64, error) {
	floors := map[hub.Stream]uint64{}
	err := s.reading(ctx, func(ctx context.Context, r *reader) error {
		for _, stream := range streams {
			row, ok, err := r.streams.lookup(ctx, r.conn, stream)
			if err != nil {
				return err
			}
			if ok && row.floor > 0 {
				floors[stream] = row.floor
			}
		}
		return nil
	})
	if err != nil {
		return nil, describe("floors", err)
	}
	return floors, nil
}
