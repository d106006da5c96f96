package clickhouse

import (
	"context"
	"fmt"
	"strings"

	"bongsu/internal/hub"
)

// merge returns the newest entries of several streams that the query holds.
func (s *Store) merge(ctx context.Context, query hub.Query, parts []part) ([]*hub.Entry, error) {
	where := condition(query, parts)
	// The payloads are read only of what is on the page.
	const newestFirst = "ORDER BY time DESC, stream DESC, seq DESC"
	return s.entries(ctx, fmt.Sprintf(`SELECT %[1]s FROM entries WHERE (stream, seq) IN (
			SELECT stream, seq FROM entries WHERE %[2]s %[3]s LIMIT 1 BY stream, seq LIMIT %[4]d
		) %[3]s LIMIT 1 BY stream, seq LIMIT %[4]d`, columns, where, newestFirst, query.Limit))
}

// condition returns the query's meaning for some of its streams.
func condition(query hub.Query, parts []part) string {
	var streams, cut []hub.Stream
	var afters, befores []uint64
	var low bool
	for _, p := range parts {
		streams, afters = append(streams, p.stream), append(afters, p.after)
		low = low || p.after > 0
		if p.before > 0 {
			cut, befores = append(cut, p.stream), append(befores, p.before)
		}
	}
	all := []string{"stream IN (" + list(streams) + ")"}
	if low {
		all = append(all, "seq > "+choose(streams, afters))
	}
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
