package places

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"time"

	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

const (
	// tellEvery is how often the places of open sessions that have moved are told.
	tellEvery = time.Second
	// refreshEvery is how many of these pass until every session has been told of.
	refreshEvery = 30
	// gather is how long the first of several ends waits for the others.
	gather = 10 * time.Millisecond
	// patience is how long a session waits for a node that is still reading.
	patience = 3 * time.Second
	// mostUntold is how many ends and takes wait for Kafka. More are not told.
	mostUntold = 100_000
)

// Places is a stomp.Places that all nodes share through Kafka. Create it with New;
// it works while Run runs.
type Places struct {
	config kafka.Config
	log    *slog.Logger
	node   string
	seed   maphash.Seed
	kick   chan struct{} // has a token when there is something to tell at once

	ready chan struct{} // closed when the topic has been read
	once  sync.Once     // closes it

	mu    sync.Mutex
	table *table
	local map[string][]*localSession // the open sessions of this node, by admin
	untold
}

// untold is what the other nodes have not been told yet.
type untold struct {
	ended   []endedPlace
	taken   []string
	changed map[string]struct{} // persons whose sessions began or ended
}

var _ stomp.Places = (*Places)(nil)

// New returns the places of the cluster whose Kafka it is.
func New(config kafka.Config, log *slog.Logger) *Places {
	var name [8]byte
	_, _ = rand.Read(name[:]) // crypto/rand never fails
	return &Places{
		config: config,
		log:    log.With("part", "places"),
		node:   hex.EncodeToString(name[:]),
		seed:   maphash.MakeSeed(),
		kick:   make(chan struct{}, 1),
		ready:  make(chan struct{}),
		table:  newTable(),
		local:  map[string][]*localSession{},
		untold: untold{changed: map[string]struct{}{}},
	}
}

// Run reads and writes the topic, which Ensure has made, until ctx ends, and then
// tells what is left to tell, which takes some seconds at most. It overcomes
// Kafka's absence by itself; the error is one of the settings.
func (p *Places) Run(ctx context.Context) error {
	if _, err := p.config.Producer(); err != nil {
		return err
	}
	var work sync.WaitGroup
	work.Go(func() { p.read(ctx) })
	p.tell(ctx)
	work.Wait()
	return nil
}

// Open implements stomp.Places.
func (p *Places) Open(admin string, place stomp.Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.local[admin] = append(p.local[admin], &localSession{place: place})
	p.changed[admin] = struct{}{}
	p.tellSoon()
}

// End implements stomp.Places.
func (p *Places) End(admin string, place stomp.Place, cursor hub.Cursor) {
	since, late := place.Owes()
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tellSoon()
	p.changed[admin] = struct{}{}
	sessions := p.local[admin]
	if i := slices.IndexFunc(sessions, func(s *localSession) bool { return s.place == place }); i >= 0 {
		spent := late && sessions[i].given.Load() == since
		if p.local[admin] = slices.Delete(sessions, i, i+1); len(sessions) == 1 {
			delete(p.local, admin)
		}
		if spent {
			return
		}
	}
	ended := endedPlace{Admin: admin, Cursor: cursor.String(), At: time.Now().UnixMilli()}
	p.table.end(ended)
	if len(p.ended) < mostUntold {
		p.ended = append(p.ended, ended)
	}
}

// Resume implements stomp.Places. It waits until the topic has been read once, some
// seconds at most.
func (p *Places) Resume(ctx context.Context, admin string) (hub.Cursor, bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ready:
	case <-timer.C:
		p.log.Warn("the places of sessions are not read yet; a page may miss entries")
	case <-ctx.Done():
	}
	sessions := p.sessionsOf(admin)
	at, _ := standsAt(sessions)
	p.mu.Lock()
	cursor, found := p.table.resume(admin, time.Now().UnixMilli())
	if found && len(p.taken) < mostUntold {
		p.taken = append(p.taken, admin) // told with the session that is about to open
	}
	p.mu.Unlock()
	if !found {
		giveAway(sessions)
		return at, len(at) > 0
	}
	lower(cursor, at)
	return cursor, true
}

// tellSoon lets what is new be told at once. p.mu is held.
func (p *Places) tellSoon() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// heardAll notes that the topic has been read.
func (p *Places) heardAll() { p.once.Do(func() { close(p.ready) }) }

// take takes in what a record says, unless it is this node's own.
func (p *Places) take(value []byte) {
	r, err := parse(value)
	if err != nil {
		p.log.Warn("a record of places cannot be read", "error", err)
		return
	}
	if r.Node == p.node {
		return
	}
	p.mu.Lock()
	missing := p.table.read(r)
	p.mu.Unlock()
	for _, admin := range missing {
		giveAway(p.sessionsOf(admin))
	}
}
