package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// ErrTooManySessions means that the person has as many sessions on this node as
// one person may have, or the node as many anonymous ones as it may have.
var ErrTooManySessions = errors.New("too many sessions")

// Welcome is what a client is told when its session opens, or its rights change.
type Welcome struct {
	Session string `json:"session"`
	Node    string `json:"node"`
	// Nodes are the URLs of all nodes that clients may connect to, this node's
	// first. There are none where nodes have not been given any.
	Nodes       []string        `json:"nodes,omitempty"`
	HeartbeatMs int64           `json:"heartbeatMs"`
	Me          Me              `json:"me"`
	Streams     []StreamWelcome `json:"streams"`
	Unread      UnreadTotal     `json:"unread"`
}

// StreamWelcome is where a stream stands as a session opens. Without a cursor
// pushes begin after Head.
type StreamWelcome struct {
	Stream hub.Stream `json:"stream"`
	Head   uint64     `json:"head"`
	Read   uint64     `json:"read"`
	Unread uint64     `json:"unread"`
}

// UnreadTotal is an Unread without its streams.
type UnreadTotal struct {
	Total   uint64 `json:"total"`
	Version uint64 `json:"version"`
}

// Reply appends the transport's answer to a connect or a refresh. It is called
// with the session locked.
type Reply func(dst []byte, welcome Welcome, at CursorText) []byte

// Ticket is a person's admission: their streams are followed and their marks
// known. It is used by one Open, and released whether used or not.
type Ticket struct {
	gateway   *Gateway
	principal *hub.Principal
	feeds     []*feed // held
	own       *feed   // the person's own stream, one of feeds
	marks     map[hub.Stream]uint64
}

// Authenticate returns who holds the token. It blocks until the Authenticator
// answers.
func (g *Gateway) Authenticate(ctx context.Context, token string) (*hub.Principal, error) {
	p, err := g.options.Auth.Authenticate(ctx, token)
	if err != nil {
		return nil, err
	}
	if !p.Expires.IsZero() && !time.Now().Before(p.Expires) {
		return nil, hub.ErrTokenExpired
	}
	return p, nil
}

// Prepare follows the person's streams and gets their marks; of an anonymous one
// there are none. It blocks until the core has answered, and a moment longer where
// the node knows less than the client has seen, of which cursor tells. Errors wrap
// hub.ErrUnavailable where a later try can succeed, as they do at once when the node
// stops.
func (g *Gateway) Prepare(ctx context.Context, p *hub.Principal, cursor hub.Cursor) (*Ticket, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.ctx, cancel)()
	t, err := g.prepare(ctx, p, cursor)
	if err != nil && g.ctx.Err() != nil {
		return nil, errStopping
	}
	return t, err
}

func (g *Gateway) prepare(ctx context.Context, p *hub.Principal, cursor hub.Cursor) (*Ticket, error) {
	core, err := g.attached()
	if err != nil {
		return nil, err
	}
	t := &Ticket{gateway: g, principal: p}
	own := hub.AdminStream(p.Admin)
	for _, stream := range p.Streams() {
		f := g.feeds.hold(stream)
		t.feeds = append(t.feeds, f)
		if stream == own {
			t.own = f
		}
	}
	heads := make([]hub.Head, len(t.feeds))
	for i, f := range t.feeds {
		if heads[i], err = f.await(ctx); err != nil {
			t.Release()
			return nil, err
		}
	}
	if t.hope(ctx, cursor) {
		for i, f := range t.feeds {
			heads[i] = f.head()
		}
	}
	if p.Anonymous { // asking would journal the person's first marks
		return t, nil
	}
	if t.marks, err = g.person(ctx, core, p.Admin, heads); err != nil {
		t.Release()
		return nil, fmt.Errorf("read marks: %w", err)
	}
	return t, nil
}

// hope waits, for catchup.HopeFor at most, while the client has seen more of a stream than the
// node knows of and the owner has not said for certain that there is no more. It
// reports whether there was such a stream.
func (t *Ticket) hope(ctx context.Context, cursor hub.Cursor) bool {
	var behind []*feed
	for _, f := range t.feeds {
		if cursor[f.stream] > f.window.Load().Head() {
			behind = append(behind, f)
			f.doubt()
		}
	}
	if len(behind) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, catchup.HopeFor)
	defer cancel()
	look := time.NewTicker(catchup.HopeAgain)
	defer look.Stop()
	for {
		behind = slices.DeleteFunc(behind, func(f *feed) bool {
			return f.sure.Load() || cursor[f.stream] <= f.window.Load().Head()
		})
		if len(behind) == 0 {
			return true
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return true
		}
	}
}

// person returns the person's marks; a bounded number of these calls run at once.
func (g *Gateway) person(ctx context.Context, core Core, admin string, heads []hub.Head) (map[hub.Stream]uint64, error) {
	select {
	case g.joins <- struct{}{}:
		defer func() { <-g.joins }()
	case <-ctx.Done():
		return nil, hub.Unavailablef("too many connects at once: %w", ctx.Err())
	}
	return core.Person(ctx, admin, heads)
}

// Release lets go of what the ticket holds. It may be called again.
func (t *Ticket) Release() {
	for _, f := range t.feeds {
		f.release()
	}
	t.feeds = nil
}

// Connect opens the session for the holder of token, or, when it is open already,
// gives it the token's rights: streams that it no longer grants are left at once,
// new ones begin at their heads. reply is written before anything that follows
// from it. Connect blocks until ctx ends or the parts it asks have answered.
//
// Only one Connect of a session may run at a time. Errors wrap
// hub.ErrUnauthenticated, hub.ErrForbidden, hub.ErrUnavailable or
// ErrTooManySessions; the session stays as it was.
func (s *Session) Connect(ctx context.Context, token string, cursor hub.Cursor, reply Reply) error {
	s.setJoining(true)
	defer s.setJoining(false)
	p, err := s.gateway.Authenticate(ctx, token)
	if err != nil {
		return err
	}
	if before := s.Principal(); before != nil && before.Admin != p.Admin {
		return hub.Forbiddenf("the token is another person's")
	}
	ticket, err := s.gateway.Prepare(ctx, p, cursor)
	if err != nil {
		return err
	}
	defer ticket.Release()
	return s.Open(ticket, cursor, reply)
}

// setJoining stops the clock of a connection without a session while it is being
// given one.
func (s *Session) setJoining(joining bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joining = joining
	if !s.open {
		s.since = s.gateway.clock.now()
	}
}

// Open makes the session that of the ticket's person and subscribes it to
// exactly their streams, from where cursor says. It does not block. The error is
// ErrTooManySessions, or says that the session has ended.
func (s *Session) Open(t *Ticket, cursor hub.Cursor, reply Reply) error {
	subs, fresh := s.seats(t)
	t.own.mu.Lock()
	left, ready, err := s.admit(t, subs, fresh, cursor, reply)
	t.own.mu.Unlock()
	if err != nil {
		leave(fresh)
		return err
	}
	leave(left)
	if ready {
		s.gateway.queue.pushOne(s)
	}
	return nil
}

// seats returns the subs that the ticket grants, in the order of their streams,
// and those of them that are new. New ones have joined their feeds, but for the
// person's own.
func (s *Session) seats(t *Ticket) (subs, fresh []*sub) {
	slices.SortFunc(t.feeds, func(a, b *feed) int { return strings.Compare(string(a.stream), string(b.stream)) })
	subs = make([]*sub, len(t.feeds))
	seats := make([]sub, len(t.feeds)) // one allocation for all
	s.mu.Lock()
	for i, f := range t.feeds {
		if subs[i] = s.sub(f.stream); subs[i] == nil {
			subs[i] = &seats[i]
			fresh = append(fresh, subs[i])
			seats[i].session, seats[i].feed, seats[i].index = s, f, notJoined
			seats[i].anon = t.principal.Anonymous
		}
	}
	s.mu.Unlock()
	for _, sub := range fresh {
		if f := sub.feed; f != t.own {
			f.mu.Lock()
			f.join(sub)
			f.mu.Unlock()
		}
	}
	return subs, fresh
}

// admit makes the seats take effect, all at once, and returns the subs that the
// session has lost and whether the caller has to queue it. The lock of the
// person's own feed is held, so that no mark is missed in between.
func (s *Session) admit(t *Ticket, subs, fresh []*sub, cursor hub.Cursor, reply Reply) (left []*sub, ready bool, err error) {
	for _, sub := range fresh {
		if sub.feed != t.own {
			continue
		}
		if t.seated() {
			return nil, false, ErrTooManySessions
		}
		t.own.join(sub)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing != 0 {
		return nil, false, errClosed
	}
	if !s.open && !s.gateway.opened(t.principal) {
		return nil, false, ErrTooManySessions
	}
	for _, sub := range s.subs {
		if !slices.Contains(subs, sub) {
			sub.live = false
			left = append(left, sub)
		}
	}
	if !s.open {
		s.since = s.gateway.clock.now()
	}
	s.subs, s.principal, s.open = subs, t.principal, true
	for _, sub := range subs {
		stream := sub.feed.stream
		sub.mark = max(sub.mark, t.marks[stream], t.own.marks[stream])
	}
	gaps := s.place(fresh, cursor)
	s.pending = reply(s.pending, s.welcome(), s)
	for _, gap := range gaps {
		s.pending = s.appendGap(s.pending, gap)
	}
	for _, sub := range fresh {
		sub.live = true
		if sub.cursor.Load() < sub.feed.window.Load().Head() {
			s.gateway.metrics.catchups.Inc()
			s.enlist(sub)
		}
	}
	return left, s.rouse(), nil
}

// place sets the cursors of new subs and returns the gaps that the client is to
// be told of. s.mu is held.
func (s *Session) place(fresh []*sub, cursor hub.Cursor) (gaps []gap) {
	for _, sub := range fresh {
		at := sub.feed.window.Load()
		seq, named := cursor[sub.feed.stream]
		if !named {
			seq = at.Head()
		}
		place, how := at.Begin(seq, uint64(s.gateway.options.CatchUp))
		switch how {
		case catchup.Ahead:
			s.ahead, sub.vague = true, true // perhaps we are late: it is judged later
		case catchup.Behind:
			gaps = append(gaps, gap{sub, seq + 1, place, gapBehind})
			if s.protocol.TellsGaps() {
				place = seq // until it is told: the connection may break before that
			}
		}
		sub.cursor.Store(place)
	}
	return gaps
}

// welcome describes the session. s.mu is held.
func (s *Session) welcome() Welcome {
	w := Welcome{
		Session:     s.ID(),
		Node:        s.gateway.options.Node,
		Nodes:       s.gateway.options.Nodes(),
		HeartbeatMs: s.gateway.options.Heartbeat.Milliseconds(),
		Me:          new(Inbox).Me(s.principal),
		Streams:     make([]StreamWelcome, 0, len(s.subs)),
	}
	for _, sub := range s.subs {
		head, read := sub.stands()
		one := StreamWelcome{Stream: sub.feed.stream, Head: head, Read: read}
		if head > read {
			one.Unread = head - read
		}
		w.Unread.Total += one.Unread
		w.Unread.Version += head + read
		w.Streams = append(w.Streams, one)
	}
	s.version = w.Unread.Version
	return w
}

// Full reports whether there are as many sessions as the person, or anonymous
// ones, may have. Open decides; this is for transports that cannot say no afterwards.
func (t *Ticket) Full() bool {
	t.own.mu.Lock()
	defer t.own.mu.Unlock()
	o := &t.gateway.options
	return t.seated() || t.principal.Anonymous && t.gateway.anonymous.Load() >= int64(o.AnonymousSessions)
}

// seated reports whether all of the person's seats are taken. Anonymous sessions
// have seats of their own. The lock of the person's own feed is held.
func (t *Ticket) seated() bool {
	return t.own.seats(t.principal.Anonymous) >= t.gateway.options.PersonSessions
}
