//go:build servers

package testenv

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const codeNotImplemented = 48

// testClickHouseCurrent states what tests may rely on beside that with a current server.
func testClickHouseCurrent(t *testing.T, server *ClickHouseServer) {
	conn := openClickHouse(t, server, "")
	t.Run("has DateTime64, codecs and TTL", func(t *testing.T) { testDateTime64(t, conn) })
	t.Run("binds parameters itself", func(t *testing.T) { testServerParameters(t, conn) })
	t.Run("applies settings to one request", func(t *testing.T) { testSettings(t, server, conn) })
	t.Run("takes gzip, refuses block compression", func(t *testing.T) { testCompression(t, server) })
	t.Run("finds Korean text by its index", func(t *testing.T) { testTextIndex(t, conn) })
}

func testDateTime64(t *testing.T, conn driver.Conn) {
	execSQL(t, conn, `CREATE TABLE precise (id UInt64, at DateTime64(3, 'UTC') CODEC(Delta, ZSTD), text Nullable(String),
		marks Array(UInt64), labels Map(LowCardinality(String), String))
		ENGINE = ReplacingMergeTree ORDER BY id TTL toDateTime(at) + INTERVAL 1 DAY DELETE`)
	now := time.Now().UTC().Truncate(time.Millisecond)
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO precise (id, at, text, marks, labels)")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		batch.Append(uint64(1), now, (*string)(nil), []uint64{1, 2}, map[string]string{"상점": "봉수"}),
		batch.Append(uint64(2), now.Add(-48*time.Hour), "지난 것", []uint64{}, map[string]string{}),
		batch.Send(),
	); err != nil {
		t.Fatal(err)
	}
	execSQL(t, conn, "OPTIMIZE TABLE precise FINAL")
	if got := countSQL(t, conn, "SELECT count() FROM precise FINAL"); got != 1 {
		t.Errorf("%d rows, want the one within its TTL", got)
	}
	var at time.Time
	var text *string
	var marks []uint64
	var labels map[string]string
	row := conn.QueryRow(t.Context(), "SELECT at, text, marks, labels FROM precise FINAL WHERE id = 1")
	if err := row.Scan(&at, &text, &marks, &labels); err != nil {
		t.Fatal(err)
	}
	if !at.Equal(now) || text != nil || len(marks) != 2 || labels["상점"] != "봉수" {
		t.Errorf("got %v %v %v %v", at, text, marks, labels)
	}
}

func testServerParameters(t *testing.T, conn driver.Conn) {
	const want = "봉수'\t\\n\n\"끝\""
	var text string
	var list []string
	row := conn.QueryRow(t.Context(), "SELECT {text:String}, {list:Array(String)}",
		clickhouse.Named("text", want), clickhouse.Named("list", []string{want, "둘"}))
	if err := row.Scan(&text, &list); err != nil {
		t.Fatal(err)
	}
	if text != want || len(list) != 2 || list[0] != want || list[1] != "둘" {
		t.Errorf("got %q, %q", text, list)
	}
}

func testSettings(t *testing.T, server *ClickHouseServer, conn driver.Conn) {
	const query = "SELECT toUInt64(getSetting('max_block_size'))"
	before := countSQL(t, conn, query)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 1000}))
	var n uint64
	if err := conn.QueryRow(ctx, query).Scan(&n); err != nil || n != 1000 {
		t.Errorf("%d, %v with a setting of the request, want 1000", n, err)
	}
	if got := countSQL(t, openClickHouse(t, server, "&max_block_size=2000"), query); got != 2000 {
		t.Errorf("%d with a setting of the DSN, want 2000", got)
	}
	if got := countSQL(t, conn, query); got != before {
		t.Errorf("%d afterwards, want %d as before", got, before)
	}
}

func testCompression(t *testing.T, server *ClickHouseServer) {
	conn := openClickHouse(t, server, "&compress=gzip")
	execSQL(t, conn, "TRUNCATE TABLE entries")
	insertEntries(t, conn, manyEntries(1000)...)
	if got := countSQL(t, conn, "SELECT count() FROM entries"); got != 1000 {
		t.Errorf("%d rows by gzip", got)
	}

	var exception *clickhouse.Exception
	err := openClickHouse(t, server, "&compress=lz4").Ping(t.Context())
	if !errors.As(err, &exception) || exception.Code != codeNotImplemented {
		t.Errorf("lz4: %v, want code %d", err, codeNotImplemented)
	}
}

func testTextIndex(t *testing.T, conn driver.Conn) {
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"enable_full_text_index": 1}))
	for _, query := range []string{
		"CREATE TABLE texts (id UInt64, text String, INDEX words text TYPE text(tokenizer = ngrams(2))) ENGINE = MergeTree ORDER BY id",
		"INSERT INTO texts (id, text) VALUES (1, '환불 요청이 접수되었습니다'), (2, '주문이 취소되었습니다')",
	} {
		if err := conn.Exec(ctx, query); err != nil {
			t.Fatal(err)
		}
	}
	if got := readSeqsIn(ctx, t, conn, "SELECT id FROM texts WHERE hasAllTokens(text, '취소')"); len(got) != 1 || got[0] != 2 {
		t.Errorf("found %v, want 2", got)
	}
}

func readSeqsIn(ctx context.Context, t *testing.T, conn driver.Conn, query string) []uint64 {
	t.Helper()
	var ids []uint64
	rows, err := conn.Query(ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id uint64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}
