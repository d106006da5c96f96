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
	// mostUntold is how many of each wait for Kafka. More are not told.
	mostUntold = 100_000
	// askEvery is how often clients that owe an answer are asked for it.
	askEvery = time.Second
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
	clock clock
	local map[string][]*localSession // the open sessions of this node, by admin
	// What sessions go on from that are about to open, by admin. The others hear of it
	// with the sessions: if this node is killed before, the places are still there.
	claims map[string]map[stomp.Place]*claim
	// How many ends and uses have been told of.
	toldEnded, toldUsed uint64
	untold
}

// untold is what the other nodes have not been told yet.
type untold struct {
	ended   []endedPlace
	used    []usedPlace
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
		clock:  newClock(),
		local:  map[string][]*localSession{},
		claims: map[string]map[stomp.Place]*claim{},
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
	work.Go(func() { p.ask(ctx) })
	p.tell(ctx)
	work.Wait()
	return nil
}

// Open implements stomp.Places.
func (p *Places) Open(admin string, place stomp.Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(admin, place)
	p.local[admin] = append(p.local[admin], &localSession{place: place})
	p.change(admin)
	p.tellSoon()
}

// change notes that a person's sessions are to be told of. Where too many are, the
// others hear of it in their turn. p.mu is held.
func (p *Places) change(admin string) {
	if len(p.changed) < mostUntold {
		p.changed[admin] = struct{}{}
	}
}

// End implements stomp.Places.
func (p *Places) End(admin string, place stomp.Place, cursor hub.Cursor) {
	life := place.Life()
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tellSoon()
	p.change(admin)
	ended := endedPlace{Admin: admin, Cursor: cursor.String(), At: p.clock.now(time.Now()), own: true}
	sessions := p.local[admin]
	if i := slices.IndexFunc(sessions, func(s *localSession) bool { return s.place == place }); i >= 0 {
		session := sessions[i]
		if p.local[admin] = slices.Delete(sessions, i, i+1); len(sessions) == 1 {
			delete(p.local, admin)
		}
		if session.spent(life) {
			session.ended = &ended
			if session.claims > 0 { // the others do not know yet that it is spent
				p.tellEnded(&ended)
			}
			return
		}
	}
	p.tellEnded(&ended)
	p.table.end(ended)
}

// tellEnded has the end of a session told, and numbers it. p.mu is held.
func (p *Places) tellEnded(place *endedPlace) {
	if len(p.ended) < mostUntold {
		p.toldEnded++
		place.N = p.toldEnded
		p.ended = append(p.ended, *place)
	}
}

// Resume implements stomp.Places. It waits until the topic has been read once, some
// seconds at most.
func (p *Places) Resume(ctx context.Context, admin string, session stomp.Place) (at hub.Cursor, giveBack func()) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ready:
	case <-timer.C:
		p.log.Warn("the places of sessions are not read yet; a page may miss entries")
	case <-ctx.Done():
	}
	sessions := p.sessionsOf(admin)
	at = standsAt(sessions, seenSession.spent).cursor
	suspect, found := likeliest(sessions)
	p.mu.Lock()
	defer p.mu.Unlock()
	lower(at, p.table.lowest(admin, p.clock.now(time.Now())))
	c, ok := p.use(admin, suspect, found)
	if !ok {
		return at, func() {}
	}
	c.from = at.String()
	p.claim(session, &c)
	return at, func() { p.giveBack(session, &c) }
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

// take takes in what a record says that was appended then. One of this node says
// nothing new but that.
func (p *Places) take(value []byte, appended time.Time) {
	r, err := parse(value)
	if err != nil {
		p.log.Warn("a record of places cannot be read", "error", err)
		return
	}
	p.mu.Lock()
	r.At = p.hear(appended)
	if r.Node == p.node {
		p.table.toldOf(r)
		p.mu.Unlock()
		return
	}
	given, taken := p.table.read(r, p.node)
	for _, place := range taken {
		p.lowerClaims(place.Admin, place.Cursor)
	}
	p.mu.Unlock()
	for _, admin := range given {
		if suspect, found := likeliest(p.sessionsOf(admin)); found {
			suspect.give()
		}
	}
}
