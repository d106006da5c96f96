package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"bongsu/internal/hub"
)

// How a page is looked for. Conditions of their own are given to so many streams
// that begin so far from their first entry; a search by time is made where that
// many entries might be read.
const (
	ownConditions = 32
	farFromFirst  = 8192
	manyEntries   = 1_000_000
)

// merge returns the newest entries of several streams that the query holds. It
// looks where they are likely to be, and further only if it has found too few:
// what a narrow look leaves out is older than all that it finds.
func (s *Store) merge(ctx context.Context, query hub.Query, parts []part) ([]*hub.Entry, error) {
	if tails, narrower := tailsOf(query, parts); narrower {
		if page, err := s.look(ctx, query, tails, 0); err != nil || len(page) >= query.Limit {
			return page, err
		}
	}
	for _, since := range s.windows(query, parts) {
		if page, err := s.look(ctx, query, parts, since); err != nil || len(page) >= query.Limit {
			return page, err
		}
	}
	return s.look(ctx, query, parts, 0)
}

// tailsOf returns as much of each stream's end as one page can show, and whether
// that is less than all. Only where nothing but the end is asked for is it known
// by seq where that lies.
func tailsOf(query hub.Query, parts []part) (tails []part, narrower bool) {
	if query.Before != nil || len(query.Types) > 0 {
		return nil, false
	}
	tails = make([]part, len(parts))
	for i, p := range parts {
		newest := p.head
		if p.before > 0 {
			newest = min(newest, p.before-1)
		}
		if from := newest - min(newest, uint64(query.Limit)); from > p.after {
			p.after, narrower = from, true
		}
		tails[i] = p
	}
	return tails, narrower
}

// windows returns the times from which on to look for a page, one after the
// other, before all is read.
func (s *Store) windows(query hub.Query, parts []part) []int64 {
	var entries uint64
	var newest int64
	for _, p := range parts {
		entries += p.head - p.after
		newest = max(newest, p.time)
	}
	if entries < s.manyEntries {
		return nil
	}
	if query.Before != nil {
		newest = min(newest, query.Before.Time)
	}
	const hour = int64(3_600_000)
	return []int64{newest - hour, newest - 24*hour, newest - 30*24*hour}
}

// look reads a page of entries that are not older than since.
func (s *Store) look(ctx context.Context, query hub.Query, parts []part, since int64) ([]*hub.Entry, error) {
	where := condition(query, parts)
	if since > 0 {
		where += fmt.Sprintf(" AND time >= %d", since)
	}
	// The payloads are read only of what is on the page.
	const newestFirst = "ORDER BY time DESC, stream DESC, seq DESC"
	return s.entries(ctx, fmt.Sprintf(`SELECT %[1]s FROM entries WHERE (stream, seq) IN (
			SELECT stream, seq FROM entries WHERE %[2]s %[3]s LIMIT 1 BY stream, seq LIMIT %[4]d
		) %[3]s LIMIT 1 BY stream, seq LIMIT %[4]d`, columns, where, newestFirst, query.Limit))
}

// above returns the condition that entries are of the parts' streams and beyond
// their beginnings. A condition of its own lets the server skip a long stream's
// beginning; a list of many costs it less.
func above(parts []part) string {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(b.after, a.after) })
	var any []string
	for len(parts) > 0 && len(any) < ownConditions && parts[0].after > farFromFirst {
		any = append(any, fmt.Sprintf("(stream = %s AND seq > %d)", quote(string(parts[0].stream)), parts[0].after))
		parts = parts[1:]
	}
	if len(parts) > 0 {
		streams, afters := make([]hub.Stream, len(parts)), make([]uint64, len(parts))
		for i, p := range parts {
			streams[i], afters[i] = p.stream, p.after
		}
		rest := "stream IN (" + list(streams) + ")"
		if afters[0] > 0 {
			rest += " AND seq > " + choose(streams, afters)
		}
		any = append(any, "("+rest+")")
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

// condition returns the query's meaning for some of its streams.
func condition(query hub.Query, parts []part) string {
	var cut []hub.Stream
	var befores []uint64
	for _, p := range parts {
		if p.before > 0 {
			cut, befores = append(cut, p.stream), append(befores, p.before)
		}
	}
	all := []string{above(parts)}
	if len(cut) > 0 {
		all = append(all, "(stream NOT IN ("+list(cut)+") OR seq < "+choose(cut, befores)+")")
	}
	if len(query.Types) > 0 {
		all = append(all, "type IN ("+list(query.Types)+")")
	}
	if p := query.Before; p != nil {
		all = append(all, beside("<", *p))
	}
	if p := query.After; p != nil {
		all = append(all, beside(">", *p))
	}
	return strings.Join(all, " AND ")
}

// beside returns the condition that an entry stands before (<) or after (>) a
// place. The first term alone decides for almost all entries.
func beside(side string, p hub.Place) string {
	stream := quote(string(p.Stream))
	return fmt.Sprintf("time %[1]s= %[2]d AND (time != %[2]d OR stream %[1]s %[3]s OR (stream = %[3]s AND seq %[1]s %[4]d))",
		side, p.Time, stream, p.Seq)
}
