//go:build servers

package clickhouse_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bongsu/internal/hub"
	"bongsu/internal/testenv"
	"bongsu/persistence/clickhouse"
)

// soon is how quickly a call must say that the server is away.
const soon = 8 * time.Second

func TestOutageOld(t *testing.T)     { outage(t, start(t, testenv.ClickHouse18)) }
func TestOutageCurrent(t *testing.T) { outage(t, start(t, testenv.ClickHouseCurrent)) }

func outage(t *testing.T, server *testenv.ClickHouseServer) {
	store := open(t, server.DSN())
	t.Run("stopped in the middle of writes", func(t *testing.T) {
		interrupt(t, store, hub.MallStream("stopped"), server.Stop, func() error { return server.Start(t.Context()) })
	})
	t.Run("killed in the middle of writes", func(t *testing.T) {
		interrupt(t, store, hub.MallStream("killed"), server.Kill, func() error { return server.Start(t.Context()) })
	})
	t.Run("hung in the middle of writes", func(t *testing.T) {
		interrupt(t, store, hub.MallStream("hung"), server.Pause, server.Resume)
	})
	t.Run("away when it is opened", func(t *testing.T) {
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := clickhouse.Open(t.Context(), withPassword(server.DSN()), clickhouse.Options{}, slog.New(slog.DiscardHandler))
		if !errors.Is(err, hub.ErrUnavailable) || time.Since(began) > soon || strings.Contains(err.Error(), secret) {
			t.Errorf("Open gave %v after %v", err, time.Since(began))
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

const secret = "correct-horse"

func withPassword(dsn string) string { return strings.Replace(dsn, "://", "://someone:"+secret+"@", 1) }

// interrupt writes batches, takes the server away while they are written, and
// checks that the batch that failed can be written when it is back.
func interrupt(t *testing.T, store *clickhouse.Store, stream hub.Stream, leave, comeBack func() error) {
	const size = 50
	failed := make(chan uint64)
	go func() {
		defer close(failed)
		for first := uint64(1); ; first += size {
			began := time.Now()
			err := store.Write(t.Context(), batch(stream, first, size), []hub.Mark{{Admin: "7", Stream: stream, Seq: first}})
			if err == nil {
				continue
			}
			if !errors.Is(err, hub.ErrUnavailable) || time.Since(began) > soon {
				t.Errorf("Write gave %v after %v", err, time.Since(began))
			}
			failed <- first
			return
		}
	}()
	awaitEntries(t, store, stream, 3*size)
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	first := <-failed
	if err := store.Ping(t.Context()); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("Ping gave %v", err)
	}
	if err := comeBack(); err != nil {
		t.Fatal(err)
	}
	for {
		err := store.Write(t.Context(), batch(stream, first, size), nil)
		if err == nil {
			break
		}
		if !errors.Is(err, hub.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	wantOnce(t, store, stream, int(first)+size-1)
}

// awaitEntries waits until a stream has so many entries.
func awaitEntries(t *testing.T, store *clickhouse.Store, stream hub.Stream, n int) {
	t.Helper()
	for {
		entries, err := store.Range(t.Context(), stream, 0, 1<<62, n)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == n {
			return
		}
	}
}

// wantOnce checks that a stream holds the seqs 1 to n, each once.
func wantOnce(t *testing.T, store *clickhouse.Store, stream hub.Stream, n int) {
	t.Helper()
	entries, err := store.Range(t.Context(), stream, 0, 1<<62, n+1)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != n {
		t.Fatalf("%d entries, want %d", len(entries), n)
	}
	for i, e := range entries {
		if e.Seq != uint64(i+1) || e.ID != fmt.Sprint("id", e.Seq) {
			t.Fatalf("entry %d is %d with id %s", i, e.Seq, e.ID)
		}
	}
}

// batch returns n entries of a stream from a seq on.
func batch(stream hub.Stream, first uint64, n int) []*hub.Entry {
	entries := make([]*hub.Entry, n)
	for i := range entries {
		seq := first + uint64(i)
		entries[i] = &hub.Entry{
			Stream: stream, Seq: seq, Offset: int64(seq), Time: 1_790_000_000_000 + int64(seq), Kind: hub.Notification,
			ID: fmt.Sprint("id", seq), Type: "NOTICE", Payload: []byte(`{"title":"공지"}`),
		}
	}
	return entries
}
