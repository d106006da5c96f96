package stomp

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/legacy"
	"bongsu/gateway/socket"
	"bongsu/internal/hub"
)

// resumeWithin is how long after CONNECTED a first subscription to a destination
// begins where the session does. Later ones, and further ones, begin at once.
const resumeWithin = 10 * time.Second

// doubtful is longer than the gateway needs to notice that a client does not
// answer: what it was sent in that time, it may not have got.
const doubtful = 70 * time.Second

// Session speaks STOMP with one client. A transport makes it with Server.Session,
// gives it to the gateway as the Protocol of a connection, binds it to the
// gateway's session and then lets it Receive what the client says, one message at
// a time.
type Session struct {
	server  *Server
	carrier Carrier
	session *gateway.Session

	// The receiver's own.
	in   decoder
	rate socket.Bucket
	over bool // the session is closed or about to be

	// mu may be taken while the gateway's session is locked; nothing is called
	// with it held but Places.
	mu        sync.Mutex
	version   version
	connected bool
	beats     bool // the client wants to hear that the server is alive
	opened    bool // Places knows the session
	closed    bool
	erred     bool               // the client has been told what is wrong
	cancel    context.CancelFunc // of a CONNECT under way
	admin     string
	user      string // the JSON of admin
	subs      []*subscription

	// How far the session has come; how far it had come at lateAt, and at a moment
	// that is doubtful before that or more. The last two are never changed, but
	// replaced.
	place, late, early track
	movedAt, lateAt    int64 // Unix milliseconds
	moves              uint64

	// Where first subscriptions begin, until a moment. Until then what no
	// subscription has taken is still to come.
	base      track
	baseUntil time.Time
	resumed   []string     // destinations that have had their first
	taken     []hub.Stream // of base, those that a subscription has taken from
}

var (
	_ gateway.Protocol = (*Session)(nil)
	_ Place            = (*Session)(nil)
)

// Bind gives the session the gateway's session that speaks through it. It is
// called before anything is received.
func (s *Session) Bind(session *gateway.Session) { s.session = session }

// OnClose is what the gateway calls when the session begins to end.
func (s *Session) OnClose() {
	s.mu.Lock()
	s.closed = true
	if s.cancel != nil {
		s.cancel()
	}
	opened := s.opened
	s.mu.Unlock()
	if opened {
		s.endPlace(s.session.Closing())
	}
}

// endPlace lets Places know where the session has ended.
func (s *Session) endPlace(why gateway.Close) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	place := s.stands(now)
	if why == gateway.CloseSlow || why == gateway.CloseSilent {
		place = s.surely(now)
	}
	s.server.options.Places.End(s.admin, s, place.cursor())
}

// stands returns how far the session has come as others are told: as long as first
// subscriptions may be made, a stream that none has taken stands where the session
// began. The caller does not change it. s.mu is held.
func (s *Session) stands(now time.Time) track {
	if now.After(s.baseUntil) || len(s.taken) == len(s.base) {
		return s.place
	}
	place := slices.Clone(s.place)
	for _, one := range s.base {
		if at := place.at(one.stream); at != nil && !slices.Contains(s.taken, one.stream) {
			*at = one.seq
		}
	}
	return place
}

// surely returns how far a client that has stopped to answer has got at least.
// s.mu is held.
func (s *Session) surely(now time.Time) track {
	switch before := now.Add(-doubtful).UnixMilli(); {
	case s.movedAt <= before:
		return s.stands(now)
	case s.lateAt <= before:
		return s.late
	}
	return s.early
}

// Name implements gateway.Protocol.
func (s *Session) Name() string { return s.carrier.Name() }

// AppendEntry implements gateway.Protocol: it appends a MESSAGE for each
// subscription that takes the entry.
func (s *Session) AppendEntry(dst []byte, frame *gateway.Frame, _ gateway.CursorText) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := frame.Entry
	s.age(time.Now())
	s.advance(e.Stream, e.Seq)
	if len(s.subs) == 0 {
		return dst
	}
	body := legacy.Packed(frame.Encoded(gateway.FormLegacy, s.server.encode))
	if len(body) == 0 {
		return dst
	}
	for _, sub := range s.subs {
		if sub.takes(e, body.Mall()) {
			start := len(dst)
			dst = sub.appendMessage(dst, s.version, e, body, s.user)
			dst = wrap(s.carrier, dst, start)
		}
	}
	return dst
}

// age keeps a memory of where the session was some time ago, as something written
// now is about to move it. s.mu is held.
func (s *Session) age(now time.Time) {
	ms := now.UnixMilli()
	if ms-s.lateAt >= doubtful.Milliseconds() {
		s.early = s.late
		s.late, s.lateAt = slices.Clone(s.stands(now)), ms
	}
	s.movedAt = max(s.movedAt, ms)
}

// advance notes how far the session has come. s.mu is held.
func (s *Session) advance(stream hub.Stream, seq uint64) {
	if at := s.place.at(stream); at != nil && *at != seq {
		*at = seq
		s.moves++
	}
}

// AppendEvent implements gateway.Protocol. The older pages know neither counts
// nor gaps; a gap moves the session all the same.
func (s *Session) AppendEvent(dst []byte, name string, body []byte, _ gateway.CursorText) []byte {
	if name != "gap" {
		return dst
	}
	var gap struct {
		Stream hub.Stream
		To     uint64
		Reason string
	}
	if err := json.Unmarshal(body, &gap); err != nil {
		s.server.options.Log.Error("cannot read a gap", "error", err)
		return dst
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.age(time.Now())
	s.advance(gap.Stream, gap.To)
	if gap.Reason == "reset" {
		s.reset(gap.Stream, gap.To)
	}
	return dst
}

// reset notes that the stream has begun another life, which stands at seq: what
// comes after it is new to every subscription. s.mu is held.
func (s *Session) reset(stream hub.Stream, seq uint64) {
	for _, sub := range s.subs {
		switch own, other := sub.streams(s.admin); stream {
		case own:
			sub.own = seq
		case other:
			sub.other = seq
		}
	}
	s.base = slices.Clone(s.base)
	if at := s.base.at(stream); at != nil {
		*at = seq
	}
}

// AppendHeartbeat implements gateway.Protocol.
func (s *Session) AppendHeartbeat(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.beats {
		start := len(dst)
		dst = wrap(s.carrier, append(dst, '\n'), start)
	}
	return s.carrier.AppendHeartbeat(dst)
}

// AppendClose implements gateway.Protocol. A client that has to do something about
// it is told why; the others see the connection end, as they do when it breaks.
func (s *Session) AppendClose(dst []byte, why gateway.Close) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch why {
	case gateway.CloseNormal, gateway.CloseRestarting, gateway.CloseSlow, gateway.CloseSilent, gateway.CloseReplaced:
	default:
		if !s.erred {
			start := len(dst)
			dst = wrap(s.carrier, s.version.appendError(dst, why.Reason(), ""), start)
			s.erred = true
		}
	}
	return s.carrier.AppendClose(dst, why)
}

// AppendCursor implements Place.
func (s *Session) AppendCursor(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stands(time.Now()).append(dst)
}

// Moves implements Place.
func (s *Session) Moves() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().After(s.baseUntil) {
		return s.moves + 1 // what was held at the beginning has moved
	}
	return s.moves
}

// say queues a frame, which is appended by add.
func (s *Session) say(add func(dst []byte) []byte) {
	s.session.Send(wrap(s.carrier, add(nil), 0))
}

// begin makes the session that of the person who has connected, which stands
// where the cursor says. The gateway's session is locked.
func (s *Session) begin(v version, beats bool, admin string, at hub.Cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version, s.connected, s.beats = v, true, beats
	s.admin, s.user = admin, string(legacy.AppendUser(nil, admin))
	now := time.Now()
	s.place = trackOf(at)
	s.base, s.baseUntil = slices.Clone(s.place), now.Add(resumeWithin)
	s.early, s.late, s.lateAt = s.base, s.base, now.UnixMilli()
}

// open lets Places know the session, and that it has ended if it has.
func (s *Session) open() {
	s.mu.Lock()
	s.server.options.Places.Open(s.admin, s)
	s.opened = true
	closed := s.closed
	s.mu.Unlock()
	if closed {
		s.endPlace(s.session.Closing())
	}
}

// firstPlaces returns where a first subscription to the destination begins, nil if
// it begins where the session is now.
func (s *Session) firstPlaces(destination string) track {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case time.Now().After(s.baseUntil):
		s.base, s.resumed, s.taken = nil, nil, nil
		return nil
	case slices.Contains(s.resumed, destination) || len(s.resumed) >= MaxSubscriptions:
		return nil
	}
	s.resumed = append(s.resumed, destination)
	return s.base
}

// subscribe adds the subscription, from the places of from, or from now on with
// nil. The gateway's session is locked.
func (s *Session) subscribe(sub *subscription, from track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from == nil {
		from = s.place
	}
	own, other := sub.streams(s.admin)
	sub.own, sub.other = from.seq(own), from.seq(other)
	sub.begin(s.version)
	s.subs = append(s.subs, sub)
	for _, stream := range []hub.Stream{own, other} {
		if s.base.at(stream) != nil && !slices.Contains(s.taken, stream) {
			s.taken = append(s.taken, stream)
			s.moves++
		}
		if at := s.place.at(stream); at != nil && from.seq(stream) < *at {
			s.advance(stream, from.seq(stream))
		}
	}
}
