//go:build servers

package clickhouse_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"bongsu/internal/testenv"
	"bongsu/persistence"
	"bongsu/persistence/clickhouse"
	"bongsu/persistence/timelinetest"
)

func start(t testing.TB, run func(context.Context, string, *slog.Logger) (*testenv.ClickHouseServer, error)) *testenv.ClickHouseServer {
	t.Helper()
	server, err := run(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func open(t testing.TB, dsn string) *clickhouse.Store {
	t.Helper()
	store, err := clickhouse.Open(t.Context(), dsn, clickhouse.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return store
}

// conform runs the suite; each test has a database of its own.
func conform(t *testing.T, server *testenv.ClickHouseServer, also func(*clickhouse.Store)) {
	var databases atomic.Int64
	base := strings.TrimSuffix(server.DSN(), "/bongsu")
	timelinetest.Run(t, func(t *testing.T) persistence.Timeline {
		store := open(t, fmt.Sprintf("%s/test%d", base, databases.Add(1)))
		also(store)
		return store
	})
}

func asIs(*clickhouse.Store) {}

func TestConformanceOld(t *testing.T) { conform(t, start(t, testenv.ClickHouse18), asIs) }

func TestConformanceCurrent(t *testing.T) { conform(t, start(t, testenv.ClickHouseCurrent), asIs) }

// Where there are many entries pages are looked for in another way.
func TestConformanceLookingByTime(t *testing.T) {
	conform(t, start(t, testenv.ClickHouse18), (*clickhouse.Store).LookByTime)
}
