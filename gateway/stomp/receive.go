package stomp

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-stomp/stomp/v3/frame"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// refusal is why a client's frame ends its session.
type refusal struct {
	why     gateway.Close
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(why gateway.Close, message string) error { return &refusal{why, message} }

// Receive takes a message of the client, which the session owns from then on: any
// number of frames, or parts of frames, and heart-beats. It returns why the session
// has to be closed, 0 if it may go on. It blocks while the client is connected
// and is not to be called by two goroutines at once.
func (s *Session) Receive(message []byte) gateway.Close {
	if s.over {
		return 0
	}
	s.in.add(message)
	for beat := true; ; beat = false {
		f, err := s.in.next()
		if err != nil {
			return s.end(refuse(gateway.CloseProtocol, err.Error()), "")
		}
		if (f != nil || beat) && !s.rate.Allow() {
			return s.end(refuse(gateway.CloseTooFast, gateway.CloseTooFast.Reason()), "")
		}
		if f == nil {
			return 0
		}
		if err := s.handle(f); err != nil {
			return s.end(err, f.Header.Get(frame.Receipt))
		}
	}
}

// end tells the client why the session ends and returns the code for it.
func (s *Session) end(err error, receipt string) gateway.Close {
	s.over = true
	var why *refusal
	if !errors.As(err, &why) {
		why = &refusal{gateway.CloseProtocol, err.Error()}
	}
	if why.why == gateway.CloseNormal {
		return why.why
	}
	s.mu.Lock()
	s.erred = true
	v := s.version
	s.mu.Unlock()
	s.say(func(dst []byte) []byte { return v.appendError(dst, why.message, receipt) })
	return why.why
}

// handle does what a frame asks for. An error ends the session.
func (s *Session) handle(f *frame.Frame) error {
	switch connect := f.Command == frame.CONNECT || f.Command == frame.STOMP; {
	case connect && s.connected:
		return refuse(gateway.CloseProtocol, "connected already")
	case connect:
		return s.connect(f)
	case !s.connected:
		return refuse(gateway.CloseProtocol, "the first frame is CONNECT")
	}
	switch f.Command {
	case frame.SUBSCRIBE:
		return s.onSubscribe(f)
	case frame.UNSUBSCRIBE:
		s.onUnsubscribe(f)
	case frame.ACK, frame.NACK:
	case frame.DISCONNECT:
		s.Left()
		s.acknowledge(f)
		return refuse(gateway.CloseNormal, "")
	case frame.SEND:
		return refuse(gateway.CloseForbidden, "nothing can be sent to this server")
	case frame.BEGIN, frame.COMMIT, frame.ABORT:
		return refuse(gateway.CloseProtocol, "there are no transactions")
	default:
		return refuse(gateway.CloseProtocol, f.Command+" is not a client's")
	}
	s.acknowledge(f)
	return nil
}

// acknowledge answers a frame that asks for it.
func (s *Session) acknowledge(f *frame.Frame) {
	if receipt := f.Header.Get(frame.Receipt); receipt != "" {
		s.say(func(dst []byte) []byte { return s.version.appendReceipt(dst, receipt) })
	}
}

// connect opens the session.
func (s *Session) connect(f *frame.Frame) error {
	v, ok := negotiate(f.Header.Get(frame.AcceptVersion))
	if !ok {
		return refuse(gateway.CloseProtocol, "the versions are "+versions)
	}
	beats, ok := wantsBeats(f.Header.Get(frame.HeartBeat))
	if !ok {
		return refuse(gateway.CloseProtocol, "heart-beat: want two numbers of milliseconds")
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.server.options.ConnectTimeout)
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	token := bearer(f.Header.Get("Authorization"))
	cursor, giveBack, err := s.cursor(ctx, f, token)
	if err == nil {
		err = s.session.Connect(ctx, token, cursor, func(dst []byte, w gateway.Welcome, at gateway.CursorText) []byte {
			return s.welcome(dst, v, beats, w, string(at.AppendCursor(nil)))
		})
	}
	s.mu.Lock()
	s.cancel = nil
	s.mu.Unlock()
	if err == nil {
		if _, given := f.Header.Contains("cursor"); given { // it goes on from its own place, not a next page
			s.server.options.Places.Resume(ctx, s.admin, s)
		}
		s.in.version = v
		s.open()
		s.rate.Grant(len(s.session.Principal().Malls)) // pages subscribe to all at once
		return nil
	}
	giveBack()
	return s.connectError(err)
}

// cursor returns where the session begins: what the client says, or else where
// another session of the person was. giveBack is called if the session does not open.
func (s *Session) cursor(ctx context.Context, f *frame.Frame, token string) (at hub.Cursor, giveBack func(), err error) {
	nothing := func() {}
	if text, given := f.Header.Contains("cursor"); given {
		at, err = hub.ParseCursor(text)
		return at, nothing, err
	}
	p, err := s.server.gateway.Authenticate(ctx, token)
	if err != nil {
		return nil, nothing, err
	}
	at, giveBack = s.server.options.Places.Resume(ctx, p.Admin, s)
	return at, giveBack, nil
}

// welcome appends CONNECTED. Its values are not escaped, in any version.
func (s *Session) welcome(dst []byte, v version, beats bool, w gateway.Welcome, at string) []byte {
	cursor, err := hub.ParseCursor(at)
	if err != nil {
		s.server.options.Log.Error("cannot read a session's cursor", "error", err)
	}
	s.begin(v, beats, w.Me.Admin, cursor)
	beat := strconv.FormatInt(w.HeartbeatMs, 10)
	start := len(dst)
	dst = append(dst, "CONNECTED\nversion:"+v.String()+"\nserver:bongsu\nsession:"+w.Session+
		"\nheart-beat:"+beat+","+beat+"\nuser-name:"+w.Me.Admin+"\ncursor:"+at+"\n\n\x00"...)
	return wrap(s.carrier, dst, start)
}

// connectError returns what ends a session that could not be opened.
func (s *Session) connectError(err error) error {
	if errors.Is(err, hub.ErrInvalid) {
		return refuse(gateway.CloseProtocol, err.Error())
	}
	if why := gateway.CloseOf(err); why != 0 {
		return refuse(why, err.Error())
	}
	s.server.options.Log.Warn("STOMP session not opened", "error", err)
	return refuse(gateway.CloseRestarting, "the session cannot be opened now")
}

// bearer returns the token of an Authorization header, with or without its kind.
func bearer(value string) string {
	if kind, token, found := strings.Cut(value, " "); found && strings.EqualFold(kind, "Bearer") {
		value = token
	}
	return strings.TrimSpace(value)
}

// wantsBeats reads a client's heart-beat header: how often it can beat, and how
// often it wants the server to. The server offers both at the gateway's pace.
func wantsBeats(header string) (wants, ok bool) {
	if header == "" {
		return false, true
	}
	can, want, found := strings.Cut(header, ",")
	if _, err := strconv.ParseUint(strings.TrimSpace(can), 10, 31); err != nil || !found {
		return false, false
	}
	every, err := strconv.ParseUint(strings.TrimSpace(want), 10, 31)
	return every > 0, err == nil
}

// onSubscribe adds a subscription.
func (s *Session) onSubscribe(f *frame.Frame) error {
	destination, id := f.Header.Get(frame.Destination), f.Header.Get(frame.Id)
	switch {
	case id == "" && s.version != v10:
		return refuse(gateway.CloseProtocol, "SUBSCRIBE needs an id")
	case len(id) > maxName:
		return refuse(gateway.CloseProtocol, "the id is too long")
	case repeats(s.subs) >= MaxRepeats:
		return refuse(gateway.CloseProtocol, "too many subscriptions to what is subscribed to already")
	case slices.ContainsFunc(s.subs, func(sub *subscription) bool { return sub.is(id, destination) }):
		return refuse(gateway.CloseProtocol, "subscribed already under this id")
	}
	mall, err := parseDestination(s.session.Principal(), destination)
	if err != nil {
		return refuse(gateway.CloseForbidden, err.Error())
	}
	sub := &subscription{id: id, destination: destination, mall: mall, acks: s.version == v12 && f.Header.Get(frame.Ack) != "" && f.Header.Get(frame.Ack) != "auto"}
	from, first := s.begins(destination)
	own, other := sub.streams(s.admin)
	back := hub.Cursor{}
	if first {
		back[own], back[other] = from.seq(own), from.seq(other)
	}
	receipt := f.Header.Get(frame.Receipt)
	err = s.session.Rewind(back, func(dst []byte) []byte {
		s.subscribe(sub, first)
		if receipt == "" {
			return dst
		}
		start := len(dst)
		return wrap(s.carrier, s.version.appendReceipt(dst, receipt), start)
	})
	if err != nil {
		return refuse(gateway.CloseNormal, "") // it has ended meanwhile
	}
	return nil
}

// onUnsubscribe removes a subscription, if there is such a one.
func (s *Session) onUnsubscribe(f *frame.Frame) {
	id, destination := f.Header.Get(frame.Id), f.Header.Get(frame.Destination)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = slices.DeleteFunc(s.subs, func(sub *subscription) bool { return sub.is(id, destination) })
}

// is reports whether the subscription is the one of the id or, without ids, of
// the destination.
func (s *subscription) is(id, destination string) bool {
	return s.id == id && (id != "" || s.destination == destination)
}
