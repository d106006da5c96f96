package sqlite_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"bongsu/persistence"
	"bongsu/persistence/sqlite"
	"bongsu/persistence/timelinetest"
)

func TestConformance(t *testing.T) {
	timelinetest.Run(t, func(t *testing.T) persistence.Timeline {
		return open(t, filepath.Join(t.TempDir(), "timeline.db"))
	})
}

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path, slog.New(slog.DiscardHandler))
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
