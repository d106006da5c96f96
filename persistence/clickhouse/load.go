package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"bongsu/internal/hub"
)

// bound is what the small tables know of a stream.
type bound struct {
	head, floor uint64
	time        int64
}

// bounds returns what is known of each stream, in one query per chunk. A
// stream that has no entry is not in the map.
func (s *Store) bounds(ctx context.Context, streams []hub.Stream) (map[hub.Stream]bound, error) {
	known := make(map[hub.Stream]bound, len(streams))
	for part := range slices.Chunk(streams, chunk) {
		names := list(part)
		query := `SELECT stream, max(seq), max(time), max(floor) FROM (
			SELECT stream, seq, time, toUInt64(0) AS floor FROM heads WHERE stream IN (` + names + `) UNION ALL
			SELECT stream, toUInt64(0) AS seq, toInt64(0) AS time, floor FROM floors WHERE stream IN (` + names + `)
		) GROUP BY stream`
		err := s.query(ctx, query, func(scan func(...any) error) error {
			var stream string
			var b bound
			err := scan(&stream, &b.head, &b.time, &b.floor)
			known[hub.Stream(stream)] = b
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

// Load returns the state of every stream asked for, in order. It asks for the
// newest entries of all streams together, and again, further back, for those
// of which too many stand at or beyond the offset.
func (s *Store) Load(ctx context.Context, requests []hub.LoadRequest) ([]hub.StreamState, error) {
	var states []hub.StreamState
	err := s.call(ctx, "load", func(ctx context.Context) (err error) {
		states, err = s.load(ctx, requests)
		return err
	})
	if err != nil {
		return nil, err
	}
	return states, nil
}

func (s *Store) load(ctx context.Context, requests []hub.LoadRequest) ([]hub.StreamState, error) {
	states := make([]hub.StreamState, len(requests))
	if len(requests) == 0 {
		return states, ctx.Err()
	}
	streams := map[hub.Stream]bool{}
	var people []string
	for i, r := range requests {
		states[i].Stream = r.Stream
		if !streams[r.Stream] && r.Stream.Kind() == hub.KindAdmin {
			people = append(people, r.Stream.Key())
		}
		streams[r.Stream] = true
	}
	known, err := s.bounds(ctx, slices.Collect(maps.Keys(streams)))
	if err != nil {
		return nil, err
	}
	marks, err := s.marks(ctx, people)
	if err != nil {
		return nil, err
	}
	var pending []*loading
	for i, r := range requests {
		b, ok := known[r.Stream]
		states[i].Floor = b.floor
		if r.Stream.Kind() == hub.KindAdmin {
			states[i].Marks = maps.Clone(marks[r.Stream.Key()])
			if states[i].Marks == nil {
				states[i].Marks = map[hub.Stream]uint64{}
			}
		}
		if ok && b.head > 0 && r.Before > 0 {
			pending = append(pending, &loading{state: &states[i], before: uint64(r.Before), head: b.head})
		}
	}
	// Most streams are done with the first look.
	for _, back := range [...]uint64{hub.DuplicateWindow, 32 * hub.DuplicateWindow, math.MaxUint64} {
		if pending, err = s.loadBack(ctx, pending, back); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// loading is a request that has not been answered yet.
type loading struct {
	state  *hub.StreamState
	before uint64
	head   uint64
	// after is where the last look began.
	after uint64
}

// loadBack answers requests from the newest entries of their streams, going back
// from the head by a number of seqs, and returns those that need more.
func (s *Store) loadBack(ctx context.Context, pending []*loading, back uint64) ([]*loading, error) {
	var more []*loading
	for len(pending) > 0 {
		// A statement has one offset for each stream.
		some, rest := map[hub.Stream]*loading{}, pending[:0:0]
		for _, l := range pending {
			if len(some) == chunk || some[l.state.Stream] != nil {
				rest = append(rest, l)
				continue
			}
			l.after = l.head - min(l.head, back)
			l.state.Seq, l.state.Time, l.state.IDs = 0, 0, nil
			some[l.state.Stream] = l
		}
		if err := s.newest(ctx, some); err != nil {
			return nil, err
		}
		for _, l := range some {
			if len(l.state.IDs) < hub.DuplicateWindow && l.after > 0 {
				more = append(more, l)
			}
		}
		pending = rest
	}
	return more, nil
}

// newest reads the duplicate window of each stream.
func (s *Store) newest(ctx context.Context, some map[hub.Stream]*loading) error {
	var streams []hub.Stream
	var befores, afters []uint64
	for stream, l := range some {
		streams, befores, afters = append(streams, stream), append(befores, l.before), append(afters, l.after)
	}
	query := fmt.Sprintf(`SELECT stream, seq, time, id FROM (
		SELECT stream, seq, time, id FROM entries
		WHERE stream IN (%s) AND seq > %s AND journal < %s
		ORDER BY stream, seq DESC LIMIT 1 BY stream, seq
	) ORDER BY stream, seq DESC LIMIT %d BY stream`, list(streams), choose(streams, afters), choose(streams, befores), hub.DuplicateWindow)
	err := s.query(ctx, query, func(scan func(...any) error) error {
		var stream, id string
		var seq uint64
		var time int64
		if err := scan(&stream, &seq, &time, &id); err != nil {
			return err
		}
		state := some[hub.Stream(stream)].state
		if state.IDs = append(state.IDs, id); seq > state.Seq {
			state.Seq, state.Time = seq, time
		}
		return nil
	})
	for _, l := range some {
		slices.Reverse(l.state.IDs) // oldest first
	}
	return err
}

// marks returns the marks of people.
func (s *Store) marks(ctx context.Context, people []string) (map[string]map[hub.Stream]uint64, error) {
	all := make(map[string]map[hub.Stream]uint64, len(people))
	for part := range slices.Chunk(people, chunk) {
		query := "SELECT admin, stream, max(seq) FROM marks WHERE admin IN (" + list(part) + ") GROUP BY admin, stream"
		err := s.query(ctx, query, func(scan func(...any) error) error {
			var admin, stream string
			var seq uint64
			err := scan(&admin, &stream, &seq)
			if all[admin] == nil {
				all[admin] = map[hub.Stream]uint64{}
			}
			all[admin][hub.Stream(stream)] = seq
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
