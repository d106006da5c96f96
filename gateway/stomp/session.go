package stomp

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/legacy"
	"bongsu/gateway/socket"
	"bongsu/internal/hub"
)

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
	left      bool // the client has said goodbye

	progress progress
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

// endPlace lets Places know where the session has ended. A client that has been
// told of the end is taken to have got what it was sent before, unless it looked
// dead already.
func (s *Session) endPlace(why gateway.Close) {
	s.mu.Lock()
	now := time.Now()
	broken := why == gateway.CloseNormal && !s.left && s.progress.asks()
	place := s.progress.stands(now)
	if broken || why == gateway.CloseSlow || why == gateway.CloseSilent || s.progress.isLate(now) {
		place = s.progress.surely(now)
	}
	cursor := place.cursor()
	s.mu.Unlock() // Places asks the session
	s.server.options.Places.End(s.admin, s, cursor)
}

// Left notes that the client has said goodbye in the transport's way.
func (s *Session) Left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
}

// Answered notes that the client has answered the transport's ping that carried
// the text.
func (s *Session) Answered(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress.answered(text)
}

// Ask implements Place.
func (s *Session) Ask() {
	s.mu.Lock()
	ping := s.appendQuestion(nil, time.Now())
	if len(ping) > 0 && s.beats { // pages do not see pings, for which the gateway takes it that they heard
		ping = append(wrap(s.carrier, []byte{'\n'}, 0), ping...)
	}
	s.mu.Unlock() // the gateway takes its own lock before this one
	if len(ping) > 0 {
		s.session.Send(ping)
	}
}

// appendQuestion appends a ping if one is due. s.mu is held.
func (s *Session) appendQuestion(dst []byte, now time.Time) []byte {
	if number, due := s.progress.ask(now); due {
		var room [20]byte
		dst = s.carrier.(Pinger).AppendPing(dst, strconv.AppendUint(room[:0], number, 10))
	}
	return dst
}

// Name implements gateway.Protocol.
func (s *Session) Name() string { return s.carrier.Name() }

// AppendEntry implements gateway.Protocol: it appends a MESSAGE for each
// subscription that takes the entry.
func (s *Session) AppendEntry(dst []byte, frame *gateway.Frame, _ gateway.CursorText) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, now := frame.Entry, time.Now()
	body := legacy.Packed(frame.Encoded(gateway.FormLegacy, s.server.encode))
	if len(body) == 0 {
		s.progress.write(e.Stream, e.Seq, false, now)
		return dst
	}
	before := len(dst)
	for _, sub := range subscriptionsOf(s.subs, body.Mall()) {
		if sub.takes(e) {
			start := len(dst)
			dst = sub.appendMessage(dst, s.version, e, body, s.user)
			dst = wrap(s.carrier, dst, start)
		}
	}
	carried := len(dst) > before
	s.progress.write(e.Stream, e.Seq, carried, now)
	if carried {
		return s.appendQuestion(dst, now)
	}
	if e.Stream.Kind() == hub.KindAdmin && len(body.Mall()) > 0 { // of a mall that may yet be subscribed to
		s.progress.hold(e.Stream, e.Seq-1, now)
	}
	return dst
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
	s.progress.write(gap.Stream, gap.To, false, time.Now())
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
	s.progress.reset(stream, seq)
}

// TellsGaps implements gateway.Protocol.
func (s *Session) TellsGaps() bool { return false }

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
	now := time.Now()
	if s.progress.asks() {
		return s.progress.surely(now).append(dst)
	}
	return s.progress.stands(now).append(dst)
}

// Moves implements Place.
func (s *Session) Moves() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().After(s.progress.baseUntil) {
		return s.progress.moves + 1 // what was held at the beginning has moved
	}
	return s.progress.moves
}

// Life implements Place.
func (s *Session) Life() Life {
	var heard time.Time
	if s.session != nil {
		heard = s.session.HeardAt()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.progress
	return Life{Answers: p.answers, Owes: p.owesSince(), Late: p.isLate(time.Now()), Heard: heard}
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
	var patience time.Duration
	if pinger, ok := s.carrier.(Pinger); ok {
		patience = pinger.Patience()
	}
	s.progress = progressFrom(at, patience, time.Now())
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

// begins returns whether a subscription to the destination is a first one, and where
// it begins then.
func (s *Session) begins(destination string) (at track, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = s.progress.first(destination, time.Now())
	return s.progress.base, first
}

// subscribe adds the subscription, as a first one or from now on. The gateway's
// session is locked.
func (s *Session) subscribe(sub *subscription, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.progress.place
	if first {
		from = s.progress.base
	}
	own, other := sub.streams(s.admin)
	sub.own, sub.other = from.seq(own), from.seq(other)
	sub.begin(s.version)
	s.subs = addSubscription(s.subs, sub)
	for _, stream := range []hub.Stream{own, other} {
		s.progress.take(stream, from.seq(stream), time.Now())
	}
}
