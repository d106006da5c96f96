package sqlite

import (
	"container/heap"
	"context"
	"encoding/json"

	"bongsu/internal/hub"
)

// Range returns entries of one stream with after < seq <= to, ascending, at
// most limit and hub.MaxRangeBytes, none at or below the stream's floor.
func (s *Store) Range(ctx context.Context, stream hub.Stream, after, to uint64, limit int) ([]*hub.Entry, error) {
	var entries []*hub.Entry
	err := s.reading(ctx, func(ctx context.Context, r *reader) error {
		row, ok, err := r.streams.lookup(ctx, r.conn, stream)
		if err != nil || !ok {
			return err
		}
		in, room := spanOf(row.id, max(after, row.floor), to), hub.MaxRangeBytes
		for in.after < in.to && len(entries) < limit && room >= 0 {
			want := limit - len(entries)
			more, read, err := r.within(ctx, room, r.up, stream, in.stream, in.after, in.to, want)
			if err != nil {
				return err
			}
			entries = append(entries, more...)
			for _, e := range more {
				room -= e.Size()
			}
			if read < want {
				break
			}
			in.after = int64(more[len(more)-1].Seq)
		}
		return nil
	})
	if err != nil {
		return nil, describe("range", err)
	}
	return entries[:hub.Fitting(entries, limit, hub.MaxRangeBytes)], nil
}

// List returns the page that the query asks for, newest first, without entries
// at or below their stream's floor.
func (s *Store) List(ctx context.Context, query hub.Query) ([]*hub.Entry, error) {
	var page []*hub.Entry
	err := s.reading(ctx, func(ctx context.Context, r *reader) error {
		var err error
		page, err = r.page(ctx, query)
		return err
	})
	if err != nil {
		return nil, describe("list", err)
	}
	return page, nil
}

// page merges the streams' tails: each is read a few entries at a time, as the
// page comes to need them.
func (r *reader) page(ctx context.Context, query hub.Query) ([]*hub.Entry, error) {
	types, err := json.Marshal(query.Types)
	if err != nil {
		return nil, err
	}
	tails := make(tails, 0, len(query.Ranges))
	seen := make(map[hub.Stream]bool, len(query.Ranges))
	for _, part := range query.Ranges {
		if seen[part.Stream] {
			continue // a query's first range of a stream is the one that counts
		}
		seen[part.Stream] = true
		in, ok, err := r.bounds(ctx, query, part)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		t := &tail{stream: part.Stream, in: in, chunk: firstChunk(query)}
		if len(query.Types) > 0 {
			t.types = types
		}
		if ok, err := t.fill(ctx, r); err != nil {
			return nil, err
		} else if ok {
			tails = append(tails, t)
		}
	}
	heap.Init(&tails)
	var page []*hub.Entry
	for len(tails) > 0 && len(page) < query.Limit {
		t := tails[0]
		page = append(page, t.read[0])
		t.read = t.read[1:]
		if ok, err := t.fill(ctx, r); err != nil {
			return nil, err
		} else if ok {
			heap.Fix(&tails, 0)
		} else {
			heap.Pop(&tails)
		}
	}
	return page, nil
}

// firstChunk is how many entries of each stream are read at first: about twice
// its share of the page.
func firstChunk(query hub.Query) int {
	const least = 4
	return min(query.Limit, max(least, 2*query.Limit/len(query.Ranges)))
}

// bounds turns what the query says of one stream into a span of seqs, and
// reports whether it can hold anything.
func (r *reader) bounds(ctx context.Context, query hub.Query, part hub.Range) (span, bool, error) {
	row, ok, err := r.streams.lookup(ctx, r.conn, part.Stream)
	if err != nil || !ok {
		return span{}, false, err
	}
	to := part.Before - 1 // of 0, that is no limit
	in := spanOf(row.id, max(part.After, row.floor), to)
	place := func(s spot) hub.Place { return hub.Place{Time: s.time, Stream: part.Stream, Seq: uint64(s.seq)} }
	if query.Before != nil && in.after < in.to {
		newest, ok, err := r.last(ctx, in, func(s spot) bool { return place(s).Compare(*query.Before) < 0 })
		if err != nil || !ok {
			return span{}, false, err
		}
		in.to = newest.seq
	}
	if query.After != nil && in.after < in.to {
		below, ok, err := r.last(ctx, in, func(s spot) bool { return place(s).Compare(*query.After) <= 0 })
		if err != nil {
			return span{}, false, err
		}
		if ok {
			in.after = below.seq
		}
	}
	return in, in.after < in.to, nil
}

// tail is one stream's contribution to a page, newest first.
type tail struct {
	stream hub.Stream
	// in is what has not been read yet; types narrows it when not nil.
	in    span
	types []byte
	chunk int
	// read is what has been read and is not yet on the page.
	read []*hub.Entry
}

// fill makes sure that something is read, and reports whether anything is left.
func (t *tail) fill(ctx context.Context, r *reader) (bool, error) {
	for len(t.read) == 0 && t.in.after < t.in.to {
		var read int
		var err error
		if t.types == nil {
			t.read, read, err = r.entries(ctx, r.down, t.stream, t.in.stream, t.in.after, t.in.to, t.chunk)
		} else {
			t.read, read, err = r.entries(ctx, r.typed, t.stream, t.in.stream, t.in.after, t.in.to, t.types, t.chunk)
		}
		if err != nil {
			return false, err
		}
		if read < t.chunk {
			t.in.to = t.in.after // that was all
		} else {
			t.in.to = int64(t.read[len(t.read)-1].Seq) - 1
		}
		t.chunk *= 2
	}
	return len(t.read) > 0, nil
}

// tails is a heap.Interface with the newest entry on top.
type tails []*tail

func (t tails) Len() int           { return len(t) }
func (t tails) Less(i, j int) bool { return t[i].read[0].Place().Compare(t[j].read[0].Place()) > 0 }
func (t tails) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push adds a *tail.
func (t *tails) Push(x any) { *t = append(*t, x.(*tail)) }

// Pop removes the last.
func (t *tails) Pop() any {
	old := *t
	last := old[len(old)-1]
	*t = old[:len(old)-1]
	return last
}
