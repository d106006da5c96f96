//go:build servers

package testenv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	codeUnknownTable = 60
	codeSyntaxError  = 62
)

func TestClickHouse18(t *testing.T) {
	server, err := ClickHouse18(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeClickHouse(t, server) })
	testClickHouse(t, server)
}

func TestClickHouseCurrent(t *testing.T) {
	server, err := ClickHouseCurrent(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeClickHouse(t, server) })
	testClickHouse(t, server)
	testClickHouseCurrent(t, server)
}

func closeClickHouse(t *testing.T, server *ClickHouseServer) {
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// openClickHouse opens connections whose attempts fail soon.
func openClickHouse(t *testing.T, server *ClickHouseServer, query string) driver.Conn {
	t.Helper()
	options, err := clickhouse.ParseDSN(server.DSN() + "?dial_timeout=1s" + query)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// testClickHouse states what tests may rely on with every server. The order
// matters: the last parts take the server away.
func testClickHouse(t *testing.T, server *ClickHouseServer) {
	conn := openClickHouse(t, server, "")
	execSQL(t, conn, `CREATE TABLE entries (stream String, seq UInt64, at DateTime, text String, version UInt64)
		ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(at) ORDER BY (stream, seq)`)

	t.Run("takes 100,000 rows in a batch", func(t *testing.T) { testClickHouseBatch(t, conn) })
	t.Run("binds parameters", func(t *testing.T) { testClickHouseParameters(t, conn) })
	t.Run("replaces rows", func(t *testing.T) { testClickHouseReplaces(t, conn) })
	t.Run("answers with its codes", func(t *testing.T) { testClickHouseErrors(t, conn) })
	t.Run("serves several at once", func(t *testing.T) { testClickHouseConcurrency(t, conn) })
	t.Run("hangs while paused", func(t *testing.T) { testClickHousePause(t, server, conn) })
	t.Run("keeps its data over a stop", func(t *testing.T) { testClickHouseRestart(t, server, conn, server.Stop) })
	t.Run("keeps its data over a kill", func(t *testing.T) { testClickHouseRestart(t, server, conn, server.Kill) })
	t.Run("stops while paused", func(t *testing.T) {
		if err := errors.Join(server.Pause(), server.Stop(), server.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
	})
}

var firstEntry = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

type entryRow struct {
	Stream  string    `ch:"stream"`
	Seq     uint64    `ch:"seq"`
	At      time.Time `ch:"at"`
	Text    string    `ch:"text"`
	Version uint64    `ch:"version"`
}

func insertEntries(t *testing.T, conn driver.Conn, rows ...entryRow) {
	t.Helper()
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO entries (stream, seq, at, text, version)")
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := batch.AppendStruct(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
}

func manyEntries(n int) []entryRow {
	rows := make([]entryRow, n)
	for i := range rows {
		rows[i] = entryRow{"shop:1", uint64(i), firstEntry.Add(time.Duration(i) * time.Second), fmt.Sprintf("주문 %d건 '접수'\t\\ 🙂", i), 1}
	}
	return rows
}

func testClickHouseBatch(t *testing.T, conn driver.Conn) {
	insertEntries(t, conn, manyEntries(100_000)...)
	if got := countSQL(t, conn, "SELECT count() FROM entries"); got != 100_000 {
		t.Fatalf("%d rows", got)
	}
}

func testClickHouseParameters(t *testing.T, conn driver.Conn) {
	const want = "주문 70001건 '접수'\t\\ 🙂"
	var text string
	var at time.Time
	row := conn.QueryRow(t.Context(), "SELECT text, at FROM entries WHERE stream = ? AND text = ? AND seq = ?", "shop:1", want, uint64(70_001))
	if err := row.Scan(&text, &at); err != nil {
		t.Fatal(err)
	}
	if text != want || !at.Equal(firstEntry.Add(70_001*time.Second)) {
		t.Errorf("got %q at %v", text, at)
	}
	if got := countSQL(t, conn, "SELECT count() FROM entries WHERE seq IN ?", clickhouse.GroupSet{Value: []any{1, 2, 3}}); got != 3 {
		t.Errorf("%d rows by a list, want 3", got)
	}
	if got := countSQL(t, conn, "SELECT count() FROM entries WHERE has(?, seq)", []uint64{1, 2, 3}); got != 3 {
		t.Errorf("%d rows by an array, want 3", got)
	}
	pairs := []clickhouse.GroupSet{
		{Value: []any{"shop:1", uint64(5)}}, {Value: []any{"shop:2", uint64(5)}}, {Value: []any{"shop:1", uint64(6)}},
	}
	if got := countSQL(t, conn, "SELECT count() FROM entries WHERE (stream, seq) IN (?)", pairs); got != 2 {
		t.Errorf("%d rows by tuples, want 2", got)
	}
	if got := countSQL(t, conn, "SELECT count() FROM entries WHERE at < ?", firstEntry.Add(time.Minute)); got != 60 {
		t.Errorf("%d rows by time, want 60", got)
	}
	if got := readSeqs(t, conn, "SELECT seq FROM entries WHERE stream = ? ORDER BY seq", "없음"); len(got) != 0 {
		t.Errorf("%d rows of a stream without any", len(got))
	}
	got := readSeqs(t, conn, "SELECT seq FROM entries ORDER BY seq DESC")
	if len(got) != 100_000 || got[0] != 99_999 || got[99_999] != 0 {
		t.Errorf("%d rows, or in the wrong order", len(got))
	}
}

func testClickHouseReplaces(t *testing.T, conn driver.Conn) {
	insertEntries(t, conn, entryRow{"shop:1", 0, firstEntry, "취소", 2})
	var text string
	row := conn.QueryRow(t.Context(), "SELECT text FROM entries FINAL WHERE stream = 'shop:1' AND seq = 0")
	if err := row.Scan(&text); err != nil {
		t.Fatal(err)
	}
	if text != "취소" {
		t.Errorf("got %q, want the later version", text)
	}
}

func testClickHouseErrors(t *testing.T, conn driver.Conn) {
	for query, want := range map[string]int32{
		"SELECT * FROM nothing": codeUnknownTable,
		"SELEC 1":               codeSyntaxError,
	} {
		err := conn.Exec(t.Context(), query)
		if exception := (*clickhouse.Exception)(nil); !errors.As(err, &exception) || exception.Code != want {
			t.Errorf("%s: %v, want code %d", query, err, want)
		}
	}
	if got := countSQL(t, conn, "SELECT count() FROM entries WHERE seq = 1"); got != 1 {
		t.Errorf("%d rows after a failure", got)
	}
}

func testClickHouseConcurrency(t *testing.T, conn driver.Conn) {
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if got := countSQL(t, conn, "SELECT count() FROM entries WHERE seq = ?", uint64(i+1)); got != 1 {
				t.Errorf("%d rows", got)
			}
		})
	}
	all.Wait()
}

func testClickHousePause(t *testing.T, server *ClickHouseServer, conn driver.Conn) {
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var n uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM entries").Scan(&n); err == nil {
		t.Error("answered while paused")
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	countSQL(t, conn, "SELECT count() FROM entries")
}

func testClickHouseRestart(t *testing.T, server *ClickHouseServer, conn driver.Conn, end func() error) {
	const count = "SELECT count() FROM entries FINAL"
	before, dsn := countSQL(t, conn, count), server.DSN()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := openClickHouse(t, server, "").Ping(t.Context()); err == nil {
		t.Error("answers after its end")
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v to fail", took)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server.DSN() != dsn {
		t.Errorf("DSN %s, was %s", server.DSN(), dsn)
	}
	if got := countSQL(t, openClickHouse(t, server, ""), count); got != before {
		t.Errorf("%d rows, were %d", got, before)
	}
}

func execSQL(t *testing.T, conn driver.Conn, query string, args ...any) {
	t.Helper()
	if err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func countSQL(t *testing.T, conn driver.Conn, query string, args ...any) uint64 {
	t.Helper()
	var n uint64
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return n
}

func readSeqs(t *testing.T, conn driver.Conn, query string, args ...any) []uint64 {
	t.Helper()
	rows, err := conn.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var seqs []uint64
	for rows.Next() {
		var seq uint64
		if err := rows.Scan(&seq); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, seq)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return seqs
}
