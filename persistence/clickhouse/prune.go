package clickhouse

import (
	"context"
	"fmt"
	"time"

	"bongsu/internal/hub"
)

// Prune moves the floors of all streams. Entries below a floor stay stored,
// since numbering and duplicate detection need the newest of them. Floors go beyond
// what the server may have emptied by its own clock, too, whatever before is.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	old := fmt.Sprintf("time < %d", before.UnixMilli())
	if s.expiry > 0 {
		old += fmt.Sprintf(" OR time < (toInt64(toUnixTimestamp(now())) - %d) * 1000", int64(s.expiry.Seconds()))
	}
	return s.call(ctx, "prune", func(ctx context.Context) error {
		return s.exec(ctx, prunePatience, fmt.Sprintf(`INSERT INTO floors (stream, floor) SELECT stream, old FROM (
			SELECT stream, max(seq) AS old, max(floor) AS floor FROM (
				SELECT stream, seq, toUInt64(0) AS floor FROM entries WHERE %s UNION ALL
				SELECT stream, toUInt64(0) AS seq, floor FROM floors
			) GROUP BY stream
		) WHERE old > floor`, old))
	})
}

// Floors returns the floor of each stream that has one above 0.
func (s *Store) Floors(ctx context.Context, streams []hub.Stream) (map[hub.Stream]uint64, error) {
	floors := map[hub.Stream]uint64{}
	err := s.call(ctx, "floors", func(ctx context.Context) error {
		if len(streams) == 0 {
			return ctx.Err()
		}
		known, err := s.bounds(ctx, streams)
		for stream, b := range known {
			if b.floor > 0 {
				floors[stream] = b.floor
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return floors, nil
}
