// Package sqlite is the timeline of a hub that runs without a ClickHouse: one
// SQLite file beside the process that uses it.
//
// Entries of thousands of streams arrive interleaved, and are read stream by
// stream. Writing each where it is read would touch a page of the file per
// entry, so the store has two levels: new entries are appended in the order in
// which they come (tables fresh0 and fresh1, small, with an index), and every
// Write moves a share of an earlier table that is full to its place by stream
// and seq (table entries). Readers see the view timeline, which is all three.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// How the file is shared and cached. SQLite has one writer; readers beside it
// see the last commit and wait for nobody.
const (
	readers       = 4
	writerCacheKB = 32 << 10
	readerCacheKB = 4 << 10
	// walPages is how many 4 KiB pages the write-ahead log gathers before they
	// are copied into the file.
	walPages = 8000
	// busyWait is how long a statement waits for another process's lock.
	busyWait = 5 * time.Second
)

var errClosed = errors.New("sqlite: the timeline is closed")

// Store is a persistence.Timeline in one SQLite file. A file must be open in one
// Store only: what the store keeps in memory of it would not see another's writes.
type Store struct {
	log     *slog.Logger
	write   *sql.DB
	read    *sql.DB
	streams *catalog
	conns   []*sql.Conn
	// writer holds the one writer when it is free; readers the idle readers.
	writer  chan *writer
	readers chan *reader

	closing context.Context
	close   context.CancelFunc
	// mu guards closed against calls that begin; calls counts those under way.
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// Open opens or creates the file at path, whose directory must exist, brings
// its schema up to date and finishes what a crash interrupted, which can take a
// few seconds. The caller closes the store.
func Open(ctx context.Context, path string, log *slog.Logger) (*Store, error) {
	store, err := open(ctx, path, usual(), log)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, classify(err))
	}
	return store, nil
}

func open(ctx context.Context, path string, most capacity, log *slog.Logger) (_ *Store, err error) {
	s := &Store{
		log:     log,
		streams: newCatalog(maxKnownStreams),
		writer:  make(chan *writer, 1),
		readers: make(chan *reader, readers),
	}
	s.closing, s.close = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if s.write, err = sql.Open("sqlite", source(path, writerCacheKB)); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(ctx, s.write); err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, s.write, s.streams, most)
	if err != nil {
		return nil, err
	}
	s.conns = append(s.conns, w.conn)
	s.writer <- w
	if s.read, err = sql.Open("sqlite", source(path, readerCacheKB)+"&_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	for range readers {
		r, err := newReader(ctx, s.read, s.streams)
		if err != nil {
			return nil, err
		}
		s.conns = append(s.conns, r.conn)
		s.readers <- r
	}
	log.Info("timeline opened", "store", "sqlite", "path", path)
	return s, nil
}

// source returns the driver's name for the file with the settings that belong
// to every connection. synchronous=FULL syncs the log at each commit: what
// Write has returned survives a power cut.
func source(path string, cacheKB int) string {
	settings := fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"+
		"&_pragma=wal_autocheckpoint(%d)&_pragma=journal_size_limit(%d)&_pragma=cache_size(-%d)&_pragma=foreign_keys(0)",
		busyWait.Milliseconds(), walPages, walPages*4096, cacheKB)
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings}).String()
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

// reading runs do with a reader that sees one unchanging state of the file.
func (s *Store) reading(ctx context.Context, do func(ctx context.Context, r *reader) error) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	select {
	case r := <-s.readers:
		defer func() { s.readers <- r }()
		return failure(ctx, r.snapshot(ctx, func() error { return do(ctx, r) }))
	case <-ctx.Done():
		return failure(ctx, ctx.Err())
	}
}

// writing runs do with the writer, which nobody else has meanwhile.
func (s *Store) writing(ctx context.Context, do func(ctx context.Context, w *writer) error) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	select {
	case w := <-s.writer:
		defer func() { s.writer <- w }()
		return failure(ctx, do(ctx, w))
	case <-ctx.Done():
		return failure(ctx, ctx.Err())
	}
}

// Ping reads from the file.
func (s *Store) Ping(ctx context.Context) error {
	err := s.reading(ctx, func(ctx context.Context, r *reader) error {
		_, _, err := r.streams.lookup(ctx, r.conn, "")
		return err
	})
	return describe("ping", err)
}

// flushEvery is short beside what a person waits for and long beside a commit,
// which costs a sync and a page for each stream it touches.
const flushEvery = 25 * time.Millisecond

// FlushEvery returns how long a batch grows: at a thousand entries a second it
// spares nine commits of ten.
func (*Store) FlushEvery() time.Duration { return flushEvery }

// Close interrupts the calls under way, waits for them and closes the file.
// Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already {
		return nil
	}
	s.close()
	s.calls.Wait()
	if err := s.release(); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// release closes all there is, the writer last: the last connection to close
// copies the log into the file.
func (s *Store) release() error {
	s.close()
	var errs []error
	for _, conn := range s.conns {
		errs = append(errs, conn.Close())
	}
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
