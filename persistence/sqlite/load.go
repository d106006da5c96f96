package sqlite

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"bongsu/internal/hub"
)

// loadShare is how many streams one reader loads at a time.
const loadShare = 256

// Load returns the state of every stream asked for, in order. It asks of each
// stream two questions of the file, in parallel for different streams. It fails
// when Prune has deleted entries that decide a stream's numbers, which takes a
// journal that is replayed from before what retention let go of.
func (s *Store) Load(ctx context.Context, requests []hub.LoadRequest) ([]hub.StreamState, error) {
	states := make([]hub.StreamState, len(requests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for from := 0; from < len(requests); from += loadShare {
		to := min(from+loadShare, len(requests))
		group.Go(func() error {
			return s.reading(ctx, func(ctx context.Context, r *reader) error {
				for i := from; i < to; i++ {
					var err error
					if states[i], err = r.state(ctx, requests[i]); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, describe("load", err)
	}
	return states, nil
}

func (r *reader) state(ctx context.Context, request hub.LoadRequest) (hub.StreamState, error) {
	state := hub.StreamState{Head: hub.Head{Stream: request.Stream}}
	if request.Stream.Kind() == hub.KindAdmin {
		marks, err := r.marksOf(ctx, request.Stream.Key())
		if err != nil {
			return state, err
		}
		state.Marks = marks
	}
	row, ok, err := r.streams.lookup(ctx, r.conn, request.Stream)
	if err != nil || !ok {
		return state, err
	}
	state.Floor = row.floor
	whole := spanOf(row.id, 0, noLimit)
	head, ok, err := r.last(ctx, whole, func(s spot) bool { return s.journal < request.Before })
	if err != nil {
		return state, err
	}
	if !ok {
		return state, r.unborn(ctx, whole, request)
	}
	state.Seq, state.Time = uint64(head.seq), head.time
	window := span{stream: row.id, after: max(0, head.seq-hub.DuplicateWindow), to: head.seq}
	state.IDs, err = r.idsOf(ctx, window)
	return state, err
}

// noLimit is a seq beyond all.
const noLimit = ^uint64(0)

// unborn fails unless the stream had truly no entry before the request's
// offset: the first that is stored must then be the first there was.
func (r *reader) unborn(ctx context.Context, whole span, request hub.LoadRequest) error {
	_, stored, err := r.newest(ctx, whole)
	if err != nil || !stored {
		return err
	}
	whole.to = 1
	if _, stored, err = r.newest(ctx, whole); err != nil || stored {
		return err
	}
	return fmt.Errorf("stream %s: its entries before journal offset %d have left by retention", request.Stream, request.Before)
}

func (r *reader) marksOf(ctx context.Context, admin string) (_ map[hub.Stream]uint64, err error) {
	marks := map[hub.Stream]uint64{}
	rows, err := r.marks.QueryContext(ctx, admin)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var stream hub.Stream
		var seq uint64
		if err := rows.Scan(&stream, &seq); err != nil {
			return nil, err
		}
		marks[stream] = seq
	}
	return marks, rows.Err()
}

// idsOf returns the ids of the span, oldest first. An entry that was written
// again can come twice in a row; its id is returned once.
func (r *reader) idsOf(ctx context.Context, in span) (_ []string, err error) {
	rows, err := r.ids.QueryContext(ctx, in.stream, in.after, in.to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	ids := make([]string, 0, in.to-in.after)
	previous := in.after
	for rows.Next() {
		var seq int64
		var id string
		if err := rows.Scan(&seq, &id); err != nil {
			return nil, err
		}
		if seq != previous {
			ids = append(ids, id)
		}
		previous = seq
	}
	return ids, rows.Err()
}
