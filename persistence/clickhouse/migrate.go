package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"
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
		// Finely indexed: a page takes a few entries of each of many streams.
		`CREATE TABLE IF NOT EXISTS entries (stream String, seq UInt64, time Int64, journal Int64,
			kind UInt8, id String, type String, payload String)
			ENGINE = ReplacingMergeTree() ORDER BY (stream, seq) SETTINGS index_granularity = 1024`,
		// heads holds the newest seq and time of each stream. It is written after
		// the entries, so it may be behind them and is never ahead.
		`CREATE TABLE IF NOT EXISTS heads (stream String, seq UInt64, time Int64)
			ENGINE = ReplacingMergeTree(seq) ORDER BY stream`,
		`CREATE TABLE IF NOT EXISTS floors (stream String, floor UInt64)
			ENGINE = ReplacingMergeTree(floor) ORDER BY stream`,
		`CREATE TABLE IF NOT EXISTS marks (admin String, stream String, seq UInt64)
			ENGINE = ReplacingMergeTree(seq) ORDER BY (admin, stream)`,
	}},
	{id: 2, from: version{21, 8}, text: []string{
		"ALTER TABLE entries ADD INDEX IF NOT EXISTS by_time time TYPE minmax GRANULARITY 1",
		"ALTER TABLE entries MATERIALIZE INDEX by_time",
		"ALTER TABLE entries MODIFY COLUMN seq UInt64 CODEC(Delta, ZSTD)",
		"ALTER TABLE entries MODIFY COLUMN time Int64 CODEC(Delta, ZSTD)",
		"ALTER TABLE entries MODIFY COLUMN journal Int64 CODEC(Delta, ZSTD)",
		"ALTER TABLE entries MODIFY COLUMN payload String CODEC(ZSTD)",
	}},
}

// migrate takes the steps that the database lacks and the server can take.
func (s *Store) migrate(ctx context.Context, server version, opts Options) error {
	const table = `CREATE TABLE IF NOT EXISTS migrations (id UInt64) ENGINE = ReplacingMergeTree() ORDER BY id`
	if err := s.exec(ctx, callPatience, table); err != nil {
		return err
	}
	done := map[uint64]bool{}
	err := s.query(ctx, "SELECT id FROM migrations", func(scan func(...any) error) error {
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
	if server.atLeast(payloadTTL.major, payloadTTL.minor) {
		return s.expirePayloads(ctx, opts.Retention)
	}
	return nil
}

// payloadTTL is the version from which on columns can have a TTL and lose it again.
var payloadTTL = version{21, 8}

// expirySlack is how much longer than the retention payloads are kept, so that floors,
// which Prune moves, usually are beyond them by then.
const expirySlack = 7 * 24 * time.Hour

// expirePayloads makes the server empty payloads that are out of sight for good.
// The rest of an entry is small, and stays: numbering and duplicate detection
// need the newest entries of each stream whatever their age.
func (s *Store) expirePayloads(ctx context.Context, retention time.Duration) error {
	const mark = "toIntervalSecond("
	var created string
	const query = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'entries'"
	err := s.query(ctx, query, func(scan func(...any) error) error { return scan(&created) })
	if err != nil {
		return err
	}
	if retention <= 0 {
		if !strings.Contains(created, mark) {
			return nil
		}
		return s.exec(ctx, callPatience, "ALTER TABLE entries MODIFY COLUMN payload REMOVE TTL")
	}
	s.expiry = retention + expirySlack
	expiry := fmt.Sprintf("%s%d)", mark, int64(s.expiry.Seconds()))
	if strings.Contains(created, expiry) {
		return nil
	}
	// Emptying happens when parts merge anyway; nothing is rewritten at once.
	return s.exec(ctx, callPatience, `ALTER TABLE entries MODIFY COLUMN payload String
		TTL toDateTime(intDiv(time, 1000)) + `+expiry+` SETTINGS materialize_ttl_after_modify = 0`)
}

func (s *Store) take(ctx context.Context, m migration) error {
	for _, text := range m.text {
		if err := s.exec(ctx, callPatience, text); err != nil {
			return err
		}
	}
	return s.insert(ctx, migrationsTable(), 1, []uint64{m.id})
}
