// Package clickhouse is the timeline of a hub that keeps its entries in a
// ClickHouse, of any version since 18.16, over the native protocol or HTTP.
//
// ClickHouse has no transactions and no unique keys; the package needs neither.
// An entry that is written again is the same entry, so duplicates are only
// skipped when reading and fall away when the server merges. All else that is
// stored, a stream's head and floor and a person's marks, only grows: the
// greatest row is the true one. Several hubs may therefore write at once.
package clickhouse

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	// callPatience is how long one statement may take before the server counts
	// as away, prunePatience how long one of Prune, which visits every stream.
	callPatience  = 5 * time.Second
	prunePatience = 5 * time.Minute
	dialPatience  = 3 * time.Second
	// connections is how many statements run at once; more of them wait.
	connections = 16
)

var errClosed = errors.New("the timeline is closed")

// Options configures a Store.
type Options struct {
	// Retention is how long entries can be read. It only tells the server when
	// it may take the space of old payloads back, with some days of slack: what
	// is shown is decided by Prune. 0 keeps payloads for good.
	Retention time.Duration
}

// Store is a persistence.Timeline in a ClickHouse database.
type Store struct {
	log      *slog.Logger
	conn     driver.Conn
	password string
	// settings go with every statement; they depend on the server's version.
	settings clickhouse.Settings
	// expiry is after how long the server empties payloads, 0 if it never does.
	expiry time.Duration
	// manyEntries is from how many entries on a page is looked for by time.
	manyEntries uint64

	closing context.Context
	close   context.CancelCauseFunc
	// mu guards closed against calls that begin; calls counts those under way.
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// Open connects to the server that dsn names, creates the database unless it is
// there and brings its schema up to date. The DSN is
// clickhouse://user:password@host:9000/database or http(s)://…, with the
// driver's parameters (compress, secure, …); the database is "bongsu" unless
// named. An error that a later try can overcome wraps hub.ErrUnavailable; none
// holds the password. The caller closes the store.
func Open(ctx context.Context, dsn string, opts Options, log *slog.Logger) (*Store, error) {
	options, err := parseDSN(dsn)
	if err != nil {
		return nil, describe("open", err)
	}
	s := &Store{log: log, password: options.Auth.Password, manyEntries: manyEntries}
	s.closing, s.close = context.WithCancelCause(context.Background())
	if err := s.open(ctx, options, opts); err != nil {
		return nil, describe("open", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, options *clickhouse.Options, opts Options) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := s.failure(ctx, s.connect(ctx, options)); err != nil {
		return err
	}
	server, err := s.version(ctx)
	if err != nil {
		return err
	}
	s.settings = settingsFor(server)
	if err := s.migrate(ctx, server, opts); err != nil {
		return err
	}
	s.log.Info("timeline opened", "store", "clickhouse", "server", server.String(),
		"address", options.Addr, "database", options.Auth.Database)
	return nil
}

// settingsFor returns the settings that every statement needs. async_insert is
// the default of some servers; it would acknowledge rows that nobody can read yet.
func settingsFor(server version) clickhouse.Settings {
	settings := clickhouse.Settings{"max_query_size": maxStatement}
	if server.atLeast(21, 11) {
		settings["async_insert"] = 0
	}
	return settings
}

// begin joins a call to the store's life: the context ends with ctx or with
// Close, and Close waits for end.
func (s *Store) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, errClosed
	}
	s.calls.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.closing, func() { cancel(errClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		s.calls.Done()
	}, nil
}

// call runs one of the store's methods within the store's life and says in its
// error which it was.
func (s *Store) call(ctx context.Context, name string, do func(ctx context.Context) error) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return describe(name, err)
	}
	defer end()
	return describe(name, do(ctx))
}

// limited gives one statement its deadline and its settings.
func (s *Store) limited(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	return clickhouse.Context(ctx, clickhouse.WithSettings(s.settings)), cancel
}

// exec runs a statement that gives no rows.
func (s *Store) exec(ctx context.Context, patience time.Duration, statement string) error {
	within, cancel := s.limited(ctx, patience)
	defer cancel()
	return s.failure(ctx, expired(within, s.conn.Exec(within, statement)))
}

// query runs a statement and calls row for each row that it gives.
func (s *Store) query(ctx context.Context, statement string, row func(scan func(...any) error) error) error {
	within, cancel := s.limited(ctx, callPatience)
	defer cancel()
	rows, err := s.conn.Query(within, statement)
	if err != nil {
		return s.failure(ctx, expired(within, err))
	}
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return s.failure(ctx, errors.Join(err, rows.Close()))
		}
	}
	return s.failure(ctx, expired(within, errors.Join(rows.Err(), rows.Close())))
}

// Ping runs a statement on the server.
func (s *Store) Ping(ctx context.Context) error {
	return s.call(ctx, "ping", func(ctx context.Context) error {
		return s.exec(ctx, callPatience, "SELECT 1")
	})
}

// flushEvery keeps the number of inserts, each of which makes a part that the
// server must merge, at about five a second.
const flushEvery = 200 * time.Millisecond

// FlushEvery returns how long a batch grows.
func (*Store) FlushEvery() time.Duration { return flushEvery }

// Close ends the calls under way, waits for them and closes the connections.
// Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already {
		return nil
	}
	s.close(errClosed)
	s.calls.Wait()
	if s.conn == nil {
		return nil
	}
	return describe("close", s.conn.Close())
}
