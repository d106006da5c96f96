package gateway

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"bongsu/internal/hub"
)

var errClosed = errors.New("the session has ended")

// Session is one client connection: whose it is, what it follows, how far it has
// been given each stream, and what waits to be written. It holds no buffers and
// no goroutine; the transport reads, the gateway's workers write.
//
// A transport calls Accept, then Connect (or Prepare and Open), hands what
// clients send to Heard, writes its own bytes with Send and calls Gone when there
// is nothing more to read. All methods may be called by any goroutine.
type Session struct {
	gateway  *Gateway
	conn     net.Conn
	raw      syscall.RawConn // nil where conn has none
	protocol Protocol
	onClose  func()
	id       uint64
	slot     int          // in the registry, guarded by its lock
	heard    atomic.Int64 // by the gateway's clock; 0 for clients that never answer

	mu        sync.Mutex
	principal *hub.Principal
	subs      []*sub // by stream
	// due lists the subs that have entries to take, oldest need first.
	dueFirst, dueLast *sub
	pending           []byte   // to write before anything else
	next              *Session // in a chain; owned by whoever holds the chain
	wrote             int64    // by the gateway's clock: the last write
	beaten            int64    // … heartbeat
	counted           int64    // … unread push
	since             int64    // … of acceptance, then of opening
	version           uint64   // of the last unread push

	state   sessionState
	closing Close
	open    bool // subscribed
	joining bool // a Connect is under way
	again   bool // became ready while it was written to
	beat    bool // a heartbeat is to be written
	recount bool // unread numbers may have changed since they were pushed
	ahead   bool // a cursor is beyond its head, and may prove wrong
	waiting bool // a goroutine waits for the blocked socket
	blocked bool // the socket has blocked since all was last written
	written bool // nothing more will be written
	read    bool // nothing more will be read
	freed   bool
}

// sessionState says who may write to the socket.
type sessionState uint8

const (
	idle    sessionState = iota
	queued               // in a chain
	writing              // by one worker, or by the goroutine of a blocked write
)

// sub is a session's place in one stream.
type sub struct {
	session *Session
	feed    *feed
	cursor  atomic.Uint64 // seq of the last entry given; changed under the session's lock
	mark    uint64        // how far the person has read
	next    *sub          // in the session's list of due subs
	index   int32         // in feed.subs, under the feed's lock
	due     bool          // in that list
	anon    bool          // the session is anonymous
	vague   bool          // the client began ahead of the node, and no owner was certain since
	live    bool          // one of the session's subs, with a cursor that holds
}

// notJoined is the sub.index of a sub that is not in feed.subs.
const notJoined = -1

// ID returns the session's name, unique among all nodes.
func (s *Session) ID() string {
	return s.gateway.nonce + "-" + strconv.FormatUint(s.id, 36)
}

// Principal returns whose session it is, nil before it is open.
func (s *Session) Principal() *hub.Principal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.principal
}

// IsOpen reports whether the session follows its person's streams.
func (s *Session) IsOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Closing returns why the session ends or has ended, 0 while it does neither.
func (s *Session) Closing() Close {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// Heard notes that the client is alive.
func (s *Session) Heard() { s.heard.Store(s.gateway.clock.now()) }

// HeardAt returns when the client was heard of last. It stays comparable when the
// machine's clock is set.
func (s *Session) HeardAt() time.Time { return s.gateway.clock.time(s.heard.Load()) }

// Send queues bytes of the transport, copied, to be written in order and before
// entries that come later. It never blocks. A client with too much waiting is
// closed as slow.
func (s *Session) Send(p []byte) {
	s.mu.Lock()
	if s.closing != 0 || s.written {
		s.mu.Unlock()
		return
	}
	if len(s.pending) > s.gateway.options.OutboxBytes {
		s.mu.Unlock()
		s.Close(CloseSlow)
		return
	}
	s.pending = append(s.pending, p...)
	ready := s.rouse()
	s.mu.Unlock()
	if ready {
		s.gateway.queue.pushOne(s)
	}
}

// Close ends the session: what Send has queued is written, then the farewell,
// then the connection is closed. Only the first call counts. It never blocks.
func (s *Session) Close(why Close) {
	s.mu.Lock()
	if s.closing != 0 {
		s.mu.Unlock()
		return
	}
	s.closing = why
	subs := s.subs
	for _, sub := range subs {
		sub.live = false
	}
	s.subs, s.dueFirst, s.dueLast = nil, nil, nil
	ready := s.rouse()
	s.mu.Unlock()

	s.gateway.metrics.closes.WithLabelValues(s.protocol.Name(), strconv.Itoa(why.Code())).Inc()
	leave(subs)
	if ready {
		s.gateway.queue.pushOne(s)
	}
	if s.onClose != nil {
		s.onClose()
	}
}

// Gone says that the transport will read no more: the client has left, or has
// answered the farewell, or failed to. The connection is closed as soon as what
// is queued has been written.
func (s *Session) Gone() {
	s.Close(CloseNormal)
	s.mu.Lock()
	s.read = true
	stuck := s.waiting
	s.mu.Unlock()
	if stuck {
		_ = s.conn.Close() // frees whoever is blocked in writing to it
	}
	s.release()
}

// broken ends the session of a connection that cannot be written to.
func (s *Session) broken() {
	s.Close(CloseNormal)
	s.mu.Lock()
	s.written = true
	s.state = idle
	s.pending = nil
	s.mu.Unlock()
	_ = s.conn.Close() // the transport's reader notices, and calls Gone
	s.release()
}

// said notes that the farewell is written. The client gets a moment to answer it,
// so that closing does not destroy what is still on its way.
func (s *Session) said() {
	s.mu.Lock()
	s.written = true
	s.state = idle
	s.mu.Unlock()
	_ = s.conn.SetReadDeadline(time.Now().Add(farewell))
	s.release()
}

// release frees the connection when both directions are done.
func (s *Session) release() {
	s.mu.Lock()
	free := s.written && s.read && !s.freed
	s.freed = s.freed || free
	opened := s.principal
	s.mu.Unlock()
	if free {
		_ = s.conn.Close()
		s.gateway.forget(s, opened)
	}
}

// rouse makes the session ready to be written to and reports whether the caller
// has to put it into the queue. s.mu is held.
func (s *Session) rouse() bool {
	switch {
	case s.written:
		return false
	case s.state == idle:
		s.state = queued
		return true
	case s.state == writing:
		s.again = true
	}
	return false
}

// enlist puts a sub into the list of those that have entries to take. s.mu is held.
func (s *Session) enlist(sub *sub) {
	if sub.due {
		return
	}
	sub.due = true
	if s.dueLast == nil {
		s.dueFirst = sub
	} else {
		s.dueLast.next = sub
	}
	s.dueLast = sub
}

// entriesCame notes that the sub's stream has newer entries, and reports whether
// the caller has to put the session into the queue.
func (s *Session) entriesCame(sub *sub) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sub.live || s.closing != 0 || sub.cursor.Load() >= sub.feed.window.Load().Head() {
		return false
	}
	s.enlist(sub)
	return s.rouse()
}

// marked takes grown marks of the person and reports whether the caller has to
// put the session into the queue, to push the counts.
func (s *Session) marked(marks map[hub.Stream]uint64, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream, seq := range marks {
		if sub := s.sub(stream); sub != nil && seq > sub.mark {
			sub.mark = seq
			s.recount = true
		}
	}
	if !s.open || s.closing != 0 || !s.countable(now) {
		return false
	}
	return s.rouse()
}

// floorMoved notes that retention has moved past entries of the sub's stream.
func (s *Session) floorMoved(sub *sub, floor uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recount = s.recount || sub.mark < floor
}

// heads returns where the session's streams stand.
func (s *Session) heads() []hub.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	heads := make([]hub.Head, len(s.subs))
	for i, sub := range s.subs {
		heads[i] = sub.feed.head()
	}
	return heads
}

// judgeLater lets the next sweep look for cursors beyond the head of their stream.
func (s *Session) judgeLater() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = true
}

// countable reports whether the counts are to be pushed now: they may have
// changed, and the last push is long enough ago. s.mu is held.
func (s *Session) countable(now int64) bool {
	return s.recount && now-s.counted >= s.gateway.options.UnreadEvery.Milliseconds()
}

// sub returns the session's place in a stream, or nil. s.mu is held.
func (s *Session) sub(stream hub.Stream) *sub {
	i, found := slices.BinarySearchFunc(s.subs, stream, func(sub *sub, stream hub.Stream) int {
		return strings.Compare(string(sub.feed.stream), string(stream))
	})
	if !found {
		return nil
	}
	return s.subs[i]
}

// AppendCursor appends what the session has been given, in a cursor's text form.
// It is for the session's Protocol.
func (s *Session) AppendCursor(dst []byte) []byte {
	for i, sub := range s.subs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, sub.feed.stream...)
		dst = append(dst, '=')
		dst = strconv.AppendUint(dst, sub.cursor.Load(), 10)
	}
	return dst
}

func leave(subs []*sub) {
	for _, sub := range subs {
		sub.feed.leave(sub)
	}
}
