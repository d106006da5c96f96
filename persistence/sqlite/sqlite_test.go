package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bongsu/internal/hub"
	"bongsu/persistence"
	"bongsu/persistence/sqlite"
	"bongsu/persistence/timelinetest"
)

func TestConformance(t *testing.T) {
	t.Parallel() // the race detector makes the suite long
	timelinetest.Run(t, func(t *testing.T) persistence.Timeline {
		return open(t, filepath.Join(t.TempDir(), "timeline.db"))
	})
}

// With tiny fresh tables nearly every Write moves entries: what the suite then
// reads comes from all three tables, in every state of a move.
func TestConformanceWhileEntriesMove(t *testing.T) {
	t.Parallel()
	const rows = 150
	timelinetest.Run(t, func(t *testing.T) persistence.Timeline {
		return openSmall(t, filepath.Join(t.TempDir(), "timeline.db"), rows)
	})
}

func TestEntriesMoveToTheirPlaceAShareWithEachWrite(t *testing.T) {
	const rows = 500
	store := openSmall(t, filepath.Join(t.TempDir(), "timeline.db"), rows)
	g := newTraffic()
	for range 40 {
		for range 5 {
			write(t, store, g.batch(50))
		}
		entries, fresh0, fresh1, err := store.Stored(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if entries+fresh0+fresh1 < int(g.n) || fresh0+fresh1 > 2*rows {
			t.Fatalf("of %d written, %d are moved, %d and %d are not", g.n, entries, fresh0, fresh1)
		}
	}
	if entries, _, _, _ := store.Stored(t.Context()); entries < int(g.n)-2*rows {
		t.Errorf("only %d of %d entries moved", entries, g.n)
	}
}

func TestWhatIsWrittenSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a timeline?#%41.db")
	g := newTraffic()
	var all []*hub.Entry
	for round := range 12 {
		store := openSmall(t, path, 700)
		for range 5 {
			entries := g.batch(130)
			all = append(all, entries...)
			write(t, store, entries)
		}
		want := int(g.heads[hub.All])
		got, err := store.Range(t.Context(), hub.All, 0, math.MaxUint64, len(all))
		if err != nil || len(got) != want {
			t.Fatalf("round %d: %d entries, %v; want %d", round, len(got), err, want)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
}

func TestAFailedWriteStoresNothingAndTheNextGoesOn(t *testing.T) {
	store := openSmall(t, filepath.Join(t.TempDir(), "timeline.db"), 300)
	g := newTraffic()
	for range 30 {
		entries := g.batch(100)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(g.random.IntN(1500))*time.Microsecond)
		err := store.Write(ctx, entries, nil)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		write(t, store, entries)
	}
	got, err := store.Range(t.Context(), hub.All, 0, math.MaxUint64, 10_000)
	if err != nil || len(got) != int(g.heads[hub.All]) {
		t.Errorf("%d entries, %v; want %d", len(got), err, g.heads[hub.All])
	}
}

func TestPruneFreesTheRowsOutsideTheDuplicateWindow(t *testing.T) {
	store := openSmall(t, filepath.Join(t.TempDir(), "timeline.db"), 500)
	g := newTraffic()
	for range 40 {
		entries := make([]*hub.Entry, 250)
		for i := range entries {
			entries[i] = g.entry("mall:1")
		}
		write(t, store, entries)
	}
	if err := store.Prune(t.Context(), time.UnixMilli(math.MaxInt32).AddDate(1000, 0, 0)); err != nil {
		t.Fatal(err)
	}
	entries, fresh0, fresh1, err := store.Stored(t.Context())
	if err != nil || entries+fresh0+fresh1 != 2*hub.DuplicateWindow {
		t.Errorf("%d + %d + %d rows are left, %v; want %d", entries, fresh0, fresh1, err, 2*hub.DuplicateWindow)
	}

	_, err = store.Load(t.Context(), []hub.LoadRequest{{Stream: "mall:1", Before: 100}})
	if err == nil || hub.Temporary(err) || !strings.Contains(err.Error(), "retention") {
		t.Errorf("Load before what retention let go of gave %v, want an error that says so", err)
	}
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	newer := filepath.Join(t.TempDir(), "newer.db")
	db, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 1000"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		newer:                                 "newer than this program's",
		text:                                  "not a database",
		filepath.Join(t.TempDir(), "no", "x"): "unable to open",
	} {
		store, err := sqlite.Open(t.Context(), path, slog.New(slog.DiscardHandler))
		if err == nil {
			_ = store.Close()
			t.Errorf("%s was opened", path)
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %q, want one with the path and %q", path, err, want)
		}
	}
}

func TestAFileLockedByAnotherIsTemporarilyUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "timeline.db")
	store := open(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	g := newTraffic()
	if err := store.Write(t.Context(), g.batch(1), nil); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("Write into a locked file gave %v, want hub.ErrUnavailable", err)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	write(t, store, g.batch(1))
}

func write(t *testing.T, store *sqlite.Store, entries []*hub.Entry) {
	t.Helper()
	if err := store.Write(t.Context(), entries, nil); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	return closing(t, store, err)
}

func openSmall(t testing.TB, path string, rows int) *sqlite.Store {
	t.Helper()
	store, err := sqlite.OpenSmall(t.Context(), path, rows, slog.New(slog.DiscardHandler))
	return closing(t, store, err)
}

func closing(t testing.TB, store *sqlite.Store, err error) *sqlite.Store {
	t.Helper()
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
