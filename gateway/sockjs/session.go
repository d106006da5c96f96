package sockjs

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

// maxSends is how many requests may wait to say something in one session.
const maxSends = 8

// session is one of the transports over HTTP: a pipe, and who speaks through it.
type session struct {
	id      string
	server  *server
	pipe    *pipe
	stomp   *stomp.Session
	gateway *gateway.Session
	turn    chan struct{} // holds a token while a request speaks
	sends   chan struct{} // holds a token for each that wants to
	beats   atomic.Bool   // the client has sent a heart-beat, and so goes on to

	mu    sync.Mutex
	alone *time.Timer // ends the session of a client that has no request open
}

// registry holds the sessions over HTTP of this node, by their ids.
type registry struct {
	mu       sync.Mutex
	sessions map[string]*session
}

// find returns a session, nil if there is none.
func (r *registry) find(id string) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[id]
}

// remove removes a session.
func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, s.id)
}

// obtain returns the session of the id, which is made if there is none. The error
// wraps hub.ErrUnavailable.
func (s *server) obtain(id string) (*session, error) {
	r := &s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.sessions[id]; found != nil {
		return found, nil
	}
	if len(r.sessions) >= s.options.Sessions {
		return nil, hub.Unavailablef("the node has as many sessions as it may have")
	}
	if err := s.gateway.Admit(); err != nil {
		return nil, err
	}
	made := &session{
		id: id, server: s, stomp: s.stomp.Session(lines{}),
		turn: make(chan struct{}, 1), sends: make(chan struct{}, maxSends),
	}
	bound := make(chan struct{})
	made.pipe = newPipe(&s.budget, made.stomp.Answered, func() {
		<-bound
		made.gateway.Gone()
	})
	made.gateway = s.gateway.Accept(gateway.Accepted{
		Conn: made.pipe, Protocol: made.stomp, Answers: true, OnClose: made.stomp.OnClose,
	})
	made.stomp.Bind(made.gateway)
	close(bound)
	made.leftAlone()
	r.sessions[id] = made
	return made, nil
}

// leftAlone gives the client a moment to open its next request.
func (s *session) leftAlone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alone = time.AfterFunc(s.server.options.Alone, s.leave)
}

// visited stops the clock of leftAlone. It reports false when it is too late.
func (s *session) visited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alone.Stop()
}

// leave ends the session of a client that is gone. Nobody knows when it went: what
// is not proven to have arrived it may not have got. One that says goodbye first has
// ended the session already.
func (s *session) leave() {
	s.gateway.Close(gateway.CloseSilent)
	s.gateway.Gone()
	s.pipe.discard()
	s.server.registry.remove(s)
}

// aborted notes that the client's side has ended the connection of an answer. A
// client whose machine has died does not: it falls silent, and the gateway closes
// its session before its connection times out.
func (s *session) aborted() {
	if s.beats.Load() && time.Since(s.gateway.HeardAt()) >= asleep {
		return
	}
	s.pipe.alive()
}

// took notes that an answer has carried a frame. That is a sign of life only of a
// client that sends no heart-beats: a dead one's connection still takes some.
func (s *session) took() {
	if !s.beats.Load() {
		s.gateway.Heard()
	}
}

// say gives the session what a client says, in its turn. It reports false if the
// request ended before.
func (s *session) say(ctx context.Context, messages []string) bool {
	s.pipe.alive()
	select {
	case s.sends <- struct{}{}:
		defer func() { <-s.sends }()
	default:
		s.gateway.Close(gateway.CloseTooFast)
		return true
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return false
	}
	s.gateway.Heard()
	defer s.gateway.Heard() // it may have been us who kept the client from being heard
	for _, message := range messages {
		if message == "\n" || message == "\r\n" {
			s.beats.Store(true)
		}
		if why := s.stomp.Receive([]byte(message)); why != 0 {
			s.gateway.Close(why)
			return true
		}
	}
	return true
}
