package clickhouse

import (
	"context"
	"fmt"
	"slices"

	"bongsu/internal/hub"
)

const columns = "stream, seq, time, journal, kind, id, type, payload"

// entries runs a query for columns.
func (s *Store) entries(ctx context.Context, query string) ([]*hub.Entry, error) {
	var entries []*hub.Entry
	err := s.query(ctx, query, func(scan func(...any) error) error {
		var stream string
		var kind uint8
		e := &hub.Entry{}
		err := scan(&stream, &e.Seq, &e.Time, &e.Offset, &kind, &e.ID, &e.Type, &e.Payload)
		e.Stream, e.Kind = hub.Stream(stream), hub.Kind(kind)
		entries = append(entries, e)
		return err
	})
	return entries, err
}

// Range returns entries of one stream with after < seq <= to, ascending, at
// most limit and hub.MaxRangeBytes, none at or below the stream's floor.
func (s *Store) Range(ctx context.Context, stream hub.Stream, after, to uint64, limit int) ([]*hub.Entry, error) {
	var entries []*hub.Entry
	err := s.call(ctx, "range", func(ctx context.Context) error {
		known, err := s.bounds(ctx, []hub.Stream{stream})
		if err != nil {
			return err
		}
		after = max(after, known[stream].floor)
		if after >= to || limit <= 0 {
			return nil
		}
		// Seqs have no gaps, so that this many are enough; if they had, the rest
		// would come with the second query.
		near := after + min(uint64(limit), to-after)
		entries, err = s.span(ctx, stream, after, near, limit)
		large := hub.Fitting(entries, limit, hub.MaxRangeBytes/2) < len(entries)
		if err != nil || len(entries) == limit || large || near == to {
			return err
		}
		if len(entries) > 0 {
			near = entries[len(entries)-1].Seq
		}
		rest, err := s.span(ctx, stream, near, to, limit-len(entries))
		entries = append(entries, rest...)
		entries = entries[:hub.Fitting(entries, limit, hub.MaxRangeBytes)]
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// fewEntries are so few that they take less than hub.MaxRangeBytes however large they
// are.
const fewEntries = hub.MaxRangeBytes / (2 * hub.MaxEvent)

// span returns the first entries of a stream with after < seq <= to, as many as
// hub.Fitting says. The server counts the bytes: it sends hundreds of rows as one block,
// which would be here before it could be told to stop.
func (s *Store) span(ctx context.Context, stream hub.Stream, after, to uint64, limit int) ([]*hub.Entry, error) {
	part := fmt.Sprintf("FROM entries WHERE stream = %s AND seq > %d AND seq <= %d", quote(string(stream)), after, to)
	first := fmt.Sprintf("ORDER BY seq LIMIT 1 BY seq LIMIT %d", limit)
	if min(uint64(limit), to-after) <= fewEntries {
		return s.entries(ctx, fmt.Sprintf("SELECT %s %s %s", columns, part, first))
	}
	none := hub.Entry{}
	return s.entries(ctx, fmt.Sprintf(`SELECT %[1]s %[2]s AND seq <= (
			SELECT arrayElement(arraySort(groupArray(seq)), greatest(1, arrayCount(total -> total <= %[4]d,
				arrayCumSum(arraySort((size, at) -> at, groupArray(size), groupArray(seq))))))
			FROM (SELECT seq, %[5]d + length(id) + length(payload) AS size %[2]s %[3]s)
		) %[3]s`, columns, part, first, hub.MaxRangeBytes, none.Size()))
}

// List returns the page that the query asks for, newest first, without entries
// at or below their stream's floor.
func (s *Store) List(ctx context.Context, query hub.Query) ([]*hub.Entry, error) {
	var page []*hub.Entry
	err := s.call(ctx, "list", func(ctx context.Context) (err error) {
		page, err = s.page(ctx, query)
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// part is what a page may show of one stream: after < seq < before.
type part struct {
	stream        hub.Stream
	after, before uint64
	// head and time are those of its newest entry, shown or not.
	head uint64
	time int64
}

func (s *Store) page(ctx context.Context, query hub.Query) ([]*hub.Entry, error) {
	parts, err := s.parts(ctx, query)
	if err != nil || len(parts) == 0 || query.Limit <= 0 {
		return nil, err
	}
	var page []*hub.Entry
	for some := range slices.Chunk(parts, chunk) {
		entries, err := s.merge(ctx, query, some)
		if err != nil {
			return nil, err
		}
		page = append(page, entries...)
	}
	slices.SortFunc(page, func(a, b *hub.Entry) int { return b.Place().Compare(a.Place()) })
	return page[:min(len(page), query.Limit)], nil
}

// parts returns the streams of which there may be something to show.
func (s *Store) parts(ctx context.Context, query hub.Query) ([]part, error) {
	streams := make([]hub.Stream, 0, len(query.Ranges))
	for _, r := range query.Ranges {
		streams = append(streams, r.Stream)
	}
	if len(streams) == 0 {
		return nil, ctx.Err()
	}
	known, err := s.bounds(ctx, streams)
	if err != nil {
		return nil, err
	}
	parts := make([]part, 0, len(query.Ranges))
	for _, r := range query.Ranges {
		b := known[r.Stream]
		delete(known, r.Stream) // a query's first range of a stream is the one that counts
		p := part{stream: r.Stream, after: max(r.After, b.floor), before: r.Before, head: b.head, time: b.time}
		if b.head > p.after && (p.before == 0 || p.before > p.after+1) {
			parts = append(parts, p)
		}
	}
	return parts, nil
}
