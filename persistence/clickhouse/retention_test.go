//go:build servers

package clickhouse_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"bongsu/internal/hub"
	"bongsu/internal/testenv"
	"bongsu/persistence/clickhouse"
)

func TestRetentionOld(t *testing.T) {
	server := start(t, testenv.ClickHouse18)
	stream := retention(t, server.DSN())
	shows(t, server.DSN(), stream, 30, 20) // this server empties nothing
	_, err := clickhouse.Open(t.Context(), withPassword(server.DSN()), clickhouse.Options{}, slog.New(slog.DiscardHandler))
	if err == nil || errors.Is(err, hub.ErrUnavailable) || strings.Contains(err.Error(), secret) {
		t.Errorf("with a wrong user Open gave %v", err)
	}
}

func TestRetentionCurrent(t *testing.T) {
	dsn := start(t, testenv.ClickHouseCurrent).DSN()
	stream := retention(t, dsn)
	shows(t, dsn, stream, 0, 20)
	shows(t, dsn, stream, 30, 10)
	options, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := driver.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Exec(t.Context(), "OPTIMIZE TABLE entries FINAL"); err != nil {
		t.Fatal(err)
	}
	var left, full uint64
	row := conn.QueryRow(t.Context(), "SELECT count(), countIf(payload != '') FROM entries")
	if err := row.Scan(&left, &full); err != nil || left != 20 || full != 10 {
		t.Errorf("%d entries, %d with a payload, %v; want 20 and 10", left, full, err)
	}
}

// retention opens a database with one retention after the other, and checks
// that entries beyond it stay known.
func retention(t *testing.T, dsn string) hub.Stream {
	stream := hub.MallStream("1")
	old, fresh := batch(stream, 1, 10), batch(stream, 11, 10)
	for _, e := range old {
		e.Time = time.Now().Add(-100 * 24 * time.Hour).UnixMilli()
	}
	for _, e := range fresh {
		e.Time = time.Now().UnixMilli()
	}
	for _, days := range []time.Duration{30, 60, 0, 30, 30} {
		options := clickhouse.Options{Retention: days * 24 * time.Hour}
		store, err := clickhouse.Open(t.Context(), dsn, options, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("%d days: %v", days, err)
		}
		if err := store.Write(t.Context(), append(old, fresh...), nil); err != nil {
			t.Fatal(err)
		}
		states, err := store.Load(t.Context(), []hub.LoadRequest{{Stream: stream, Before: 100}})
		if err != nil || states[0].Seq != 20 || len(states[0].IDs) != 20 {
			t.Errorf("%d days: state %+v, %v", days, states, err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	return stream
}

// shows checks how many entries can be read with a retention, where no node knows of a
// time before which something goes. The server goes by its own clock: nobody may be
// shown what it may have emptied.
func shows(t *testing.T, dsn string, stream hub.Stream, days time.Duration, want int) {
	t.Helper()
	store, err := clickhouse.Open(t.Context(), dsn, clickhouse.Options{Retention: days * 24 * time.Hour}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Prune(t.Context(), time.UnixMilli(0)); err != nil {
		t.Fatal(err)
	}
	entries, err := store.Range(t.Context(), stream, 0, 20, 100)
	if err != nil || len(entries) != want {
		t.Errorf("%d days: %d entries are shown, %v; want %d", days, len(entries), err, want)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
