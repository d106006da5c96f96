package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/checker"
	"bongsu/internal/client"
	"bongsu/internal/hub"
)

// person is somebody who is connected all the time with the project's own client,
// which goes on at another node where one fails, and writes down what they are
// told.
type person struct {
	admin string
	mall  string
	token string
	sse   bool
	// names are the streams that the person reads, in the order of step.stream.
	names []hub.Stream

	mu       sync.Mutex
	steps    []step
	place    []uint64 // the last seq of each stream, in the order of names
	toAll    int      // the highest number of an event for everybody
	foreign  []string // ids that are none of the ledger's
	strange  []string // what a client must never see
	sessions int
	online   bool
	node     string // that holds the session, or held the last
	closings []closing
}

// step is a checker.Step in 16 bytes: a run has millions.
type step struct {
	at     uint32 // milliseconds of the run's clock
	seq    uint32 // of an entry or a head, or where a gap begins
	event  uint32 // the event's number, foreignBit and an index, or where a gap ends
	stream uint8  // index in names
	kind   checker.StepKind
}

// foreignBit marks a step.event that is an index of person.foreign.
const foreignBit = 1 << 31

// closing is the end of a connection: when, of which node, and with which close
// code, 0 if it broke.
type closing struct {
	at   time.Duration
	node string
	code int
}

// newPerson returns person i, one of a mall's many.
func newPerson(i, malls int) (*person, error) {
	p := &person{admin: strconv.Itoa(i + 1), mall: strconv.Itoa(i%malls + 1), sse: i/malls%2 == 1}
	p.names = []hub.Stream{hub.All, hub.AdminStream(p.admin), hub.MallStream(p.mall)}
	p.place = make([]uint64, len(p.names)+1) // the last is for what is not theirs
	var err error
	p.token, err = mint(jwt.MapClaims{"sub": p.admin, "malls": []string{p.mall}})
	return p, err
}

// over says by which transport the person is connected.
func (p *person) over() string {
	if p.sse {
		return "SSE"
	}
	return "WebSocket"
}

// run keeps the person connected until ctx ends, first to the node at home.
func (p *person) run(ctx context.Context, c *crowd, home int) {
	cursor := hub.Cursor{}
	for attempt := home; ctx.Err() == nil; attempt++ {
		connection, err := client.Dial(ctx, client.Options{
			URL: c.nodes[attempt%len(c.nodes)].URL, SSE: p.sse, Cursor: cursor, Pool: c.pool, SkipUnread: true,
			Token:          func(context.Context) (string, error) { return p.token, nil },
			ConnectTimeout: callPatience, ReadBuffer: 512,
		})
		if err == nil {
			err = connection.Run(ctx, &listener{p, c.ledger})
			cursor = connection.Cursor()
			if ctx.Err() == nil {
				p.wonder("the client gave up: " + err.Error())
			}
		}
		_ = pause(ctx, 100*time.Millisecond+rand.N(200*time.Millisecond)) // its end ends the loop
	}
}

// wonder writes down what a client must never see.
func (p *person) wonder(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strange = append(p.strange, what)
}

// isOnline reports whether the person has a session.
func (p *person) isOnline() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.online
}

// places returns how far the person has come in each stream, in the order of names.
func (p *person) places() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.place)
}

// hasToAll reports whether the person has an event for everybody, or a newer one.
func (p *person) hasToAll(number int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.toAll >= number
}

// listener writes down what a person's client hears.
type listener struct {
	*person
	ledger *Ledger
}

func (l *listener) now() uint32 { return uint32(l.ledger.clock().Milliseconds()) }

// streamIndex returns the index of a stream; one that is not the person's gets the
// one behind the last.
func (p *person) streamIndex(stream hub.Stream) uint8 {
	for i, name := range p.names {
		if name == stream {
			return uint8(i)
		}
	}
	return uint8(len(p.names))
}

// Entry writes down an entry.
func (l *listener) Entry(stream hub.Stream, seq uint64, raw []byte) {
	id := entryID(raw)
	number, ours := eventNumber(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	event := uint32(number)
	if !ours {
		event = foreignBit | uint32(len(l.foreign))
		l.foreign = append(l.foreign, string(stream)+" "+id)
	}
	i := l.streamIndex(stream)
	l.place[i] = seq
	if ours && i == 0 {
		l.toAll = max(l.toAll, number)
	}
	l.steps = append(l.steps, step{l.now(), uint32(seq), event, i, checker.Received})
}

// Unread is never called: the client passes counts over.
func (l *listener) Unread(client.Unread) {}

// Gap writes down what the hub will not push.
func (l *listener) Gap(gap client.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.streamIndex(gap.Stream)
	l.place[i] = gap.To
	l.strange = append(l.strange, fmt.Sprintf("told of a gap, %s, in %s from %d to %d at %s by %s",
		gap.Reason, gap.Stream, gap.From, gap.To, l.ledger.clock().Round(time.Millisecond), l.node))
	l.steps = append(l.steps, step{l.now(), uint32(gap.From), uint32(gap.To), i, checker.Announced})
}

// State writes down where a new session says that the streams stand, and how one
// ended.
func (l *listener) State(state client.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !state.Connected {
		if !l.online {
			return
		}
		l.online = false
		end := closing{at: l.ledger.clock(), node: l.node}
		var closed *client.Closed
		if errors.As(state.Err, &closed) {
			end.code = closed.Code
		}
		l.closings = append(l.closings, end)
		return
	}
	l.online, l.node = true, state.Session.Node
	l.sessions++
	for _, s := range state.Session.Streams {
		l.steps = append(l.steps, step{l.now(), uint32(s.Head), 0, l.streamIndex(s.Stream), checker.Joined})
	}
}
