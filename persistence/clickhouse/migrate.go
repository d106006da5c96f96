package clickhouse

import (
	"context"
	"fmt"
)

// migration is one step of the schema. Steps are idempotent: several hubs may
// take one at the same time.
type migration struct {
	id   uint64
	from version // the first version that can take it; older servers do without
	text []string
}

// migrations in their order. A step is never changed once released.
var migrations = [...]migration{
	{id: 1, text: []string{
		// Not partitioned: an insert then makes one part, and is seen as a whole.
		`CREATE TABLE IF NOT EXISTS entries (stream String, seq UInt64, time Int64, journal Int64,
			kind UInt8, id String, type String, payload String)
			ENGINE = ReplacingMergeTree() ORDER BY (stream, seq)`,
		// heads holds the newest seq and time of each stream. It is written after
		// the entries, so it may be behind them and is never ahead.
		`CREATE TABLE IF NOT EXISTS heads (stream String, seq UInt64, time Int64)
			ENGINE = ReplacingMergeTree(seq) ORDER BY stream`,
		`CREATE TABLE IF NOT EXISTS floors (stream String, floor UInt64)
			ENGINE = ReplacingMergeTree(floor) ORDER BY stream`,
		`CREATE TABLE IF NOT EXISTS marks (admin String, stream String, seq UInt64)
			ENGINE = ReplacingMergeTree(seq) ORDER BY (admin, stream)`,
	}},
}

// migrate takes the steps that the database lacks and the server can take.
func (s *Store) migrate(ctx context.Context, server version, _ Options) error {
	const table = `CREATE TABLE IF NOT EXISTS migrations (id UInt64) ENGINE = ReplacingMergeTree() ORDER BY id`
	if err := s.exec(ctx, callPatience, table); err != nil {
		return err
	}
	done := map[uint64]bool{}
	err := s.query(ctx, callPatience, "SELECT id FROM migrations", func(scan func(...any) error) error {
		var id uint64
		err := scan(&id)
		done[id] = true
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range migrations {
		if done[m.id] || !server.atLeast(m.from.major, m.from.minor) {
			continue
		}
		if err := s.take(ctx, m); err != nil {
			return fmt.Errorf("migration %d: %w", m.id, err)
		}
		s.log.Info("timeline migrated", "store", "clickhouse", "migration", m.id)
	}
	return nil
}

func (s *Store) take(ctx context.Context, m migration) error {
	for _, text := range m.text {
		if err := s.exec(ctx, callPatience, text); err != nil {
			return err
		}
	}
	return s.insert(ctx, migrationsTable(), 1, []uint64{m.id})
}
