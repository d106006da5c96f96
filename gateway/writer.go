package gateway

import (
	"errors"
	"syscall"
	"time"

	"bongsu/gateway/catchup"
)

// flushBytes is about how much is written to a session before others get their turn.
const flushBytes = 16 << 10

// writer is one of the few goroutines that write to all sockets. It never waits
// for a socket: what a socket does not take at once is left to a goroutine of
// its own, which lasts as long as the socket is blocked.
type writer struct {
	gateway *Gateway
	socket  socketWriter
	buf     []byte // what is written to one session
	body    []byte // the JSON of one event
	now     int64  // by the gateway's clock, taken once a batch

	entries int   // delivered in this batch
	newest  int64 // Time of the newest pushed entry delivered in this batch
}

func (w *writer) run() {
	var batch chain
	for w.gateway.queue.pop(&batch) {
		w.now = w.gateway.clock.now()
		for s := batch.take(); s != nil; s = batch.take() {
			w.flush(s)
		}
		w.report()
	}
}

// report counts what the batch has delivered. The delay is sampled once a batch.
func (w *writer) report() {
	if w.entries > 0 {
		w.gateway.metrics.deliveries.Add(float64(w.entries))
		w.entries = 0
	}
	if w.newest > 0 {
		w.gateway.metrics.delay.Observe(float64(max(0, time.Now().UnixMilli()-w.newest)) / 1000)
		w.newest = 0
	}
}

// flush writes what the session has to write, up to about flushBytes.
func (w *writer) flush(s *Session) {
	want, last := w.gather(s)
	if want != nil && !w.lags(s) {
		want.feed.want(want)
	}
	if len(w.buf) == 0 && !last {
		s.settle(true)
		return
	}
	n, err := w.socket.write(s.raw, w.buf)
	switch {
	case err != nil:
		s.broken()
	case n < len(w.buf):
		w.gateway.leaveBlocked(s, w.buf[n:], last)
	case last:
		s.said()
	default:
		s.settle(true)
	}
	if cap(w.buf) > 16*flushBytes {
		w.buf = nil // a giant entry passed; do not keep its room
	}
}

// lags reports whether the session needs entries that have left the window
// because its client reads too slowly, and closes it if so.
func (w *writer) lags(s *Session) bool {
	s.mu.Lock()
	slow := s.blocked
	s.mu.Unlock()
	if slow {
		s.Close(CloseSlow)
	}
	return slow
}

// settle ends a write: the session goes back into the queue if there is more to
// write. fully says that the socket took everything without delay.
func (s *Session) settle(fully bool) {
	s.mu.Lock()
	more := s.again || s.dueFirst != nil || len(s.pending) > 0 || s.closing != 0
	s.waiting = false
	s.blocked = more && (s.blocked || !fully)
	if more {
		s.state = queued
	} else {
		s.state = idle
	}
	s.mu.Unlock()
	if more {
		s.gateway.queue.pushOne(s)
	}
}

// gather fills w.buf with what the session is to be told. It returns a sub whose
// entries have to be fetched first, if there is one, and whether the farewell is
// in the buffer.
func (w *writer) gather(s *Session) (want *sub, last bool) {
	w.buf = w.buf[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = writing
	s.again = false
	w.buf = append(w.buf, s.pending...)
	s.pending = nil
	if s.closing != 0 {
		w.buf = s.protocol.AppendClose(w.buf, s.closing)
		return nil, true
	}
	for s.dueFirst != nil && len(w.buf) < flushBytes && want == nil {
		sub := s.dueFirst
		done, missing := w.take(s, sub)
		if missing {
			want = sub
		}
		if done {
			s.dueFirst = sub.next
			if s.dueFirst == nil {
				s.dueLast = nil
			}
			sub.due, sub.next = false, nil
		}
	}
	if s.countable(w.now) {
		w.appendUnread(s)
	}
	if s.beat {
		s.beat = false
		w.buf = s.protocol.AppendHeartbeat(w.buf)
		s.beaten = w.now
	}
	if len(w.buf) > 0 {
		s.wrote = w.now
	}
	return want, false
}

// take appends the sub's entries, in order, each once. It reports whether the sub
// has had all that there is for now, and whether entries are missing that have
// to be fetched. s.mu is held.
func (w *writer) take(s *Session, sub *sub) (done, missing bool) {
	if !sub.live {
		return true, false
	}
	at := sub.feed.window.Load()
	cursor := sub.cursor.Load()
	for cursor < at.Head() {
		if len(w.buf) >= flushBytes {
			return false, false
		}
		switch turn, frame := at.Next(cursor); turn {
		case catchup.Take:
			cursor++
			sub.cursor.Store(cursor)
			w.buf = s.protocol.AppendEntry(w.buf, frame, s)
			w.entries++
			s.recount = true
			if frame.Pushed {
				w.newest = frame.Entry.Time
			}
		case catchup.Skip:
			w.buf = s.appendGap(w.buf, gap{sub, cursor + 1, at.Cut(), gapBehind})
			cursor = at.Cut()
			s.recount = true
		default:
			return true, true
		}
	}
	return true, false
}

// appendUnread appends the counts unless they are as they were. s.mu is held.
func (w *writer) appendUnread(s *Session) {
	s.recount = false
	var version uint64
	if w.body, version = s.appendUnread(w.body[:0]); version != s.version {
		s.version, s.counted = version, w.now
		w.buf = s.protocol.AppendEvent(w.buf, "unread", w.body, s)
	}
}

// leaveBlocked hands what a socket did not take to a goroutine that waits for
// the socket. Beyond the node's limit the connection is dropped instead.
func (g *Gateway) leaveBlocked(s *Session, rest []byte, last bool) {
	size := int64(len(rest))
	if g.slowBytes.Add(size) > g.options.SlowBytes {
		g.slowBytes.Add(-size)
		s.Close(CloseSlow)
		s.broken()
		return
	}
	s.mu.Lock()
	s.waiting = true
	s.blocked = s.blocked || s.raw != nil
	gone := s.read
	s.mu.Unlock()
	if gone { // nobody is there to read the rest
		g.slowBytes.Add(-size)
		s.broken()
		return
	}
	rest = append([]byte(nil), rest...)
	go func() {
		defer g.slowBytes.Add(-size)
		s.writeBlocked(rest, last)
	}()
}

// writeBlocked writes the rest of a flush as the socket takes it. A socket that
// takes too long is closed as slow; its client still gets the rest and the
// farewell if it reads again soon.
func (s *Session) writeBlocked(rest []byte, last bool) {
	began := time.Now()
	_ = s.conn.SetWriteDeadline(began.Add(s.gateway.options.WriteTimeout))
	n, err := s.conn.Write(rest)
	if err != nil && isTimeout(err) {
		s.Close(CloseSlow)
		rest = rest[n:]
		if !last {
			rest = s.takeFarewell(rest)
			last = true
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(slowFarewell))
		_, err = s.conn.Write(rest)
	}
	if err != nil {
		s.broken()
		return
	}
	_ = s.conn.SetWriteDeadline(time.Time{})
	if last {
		s.said()
		return
	}
	// A connection that always comes here has only blocked if it took its time.
	s.settle(s.raw == nil && time.Since(began) < s.gateway.options.WriteTimeout/10)
}

// takeFarewell appends what the closed session still has to say.
func (s *Session) takeFarewell(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = append(dst, s.pending...)
	s.pending = nil
	return s.protocol.AppendClose(dst, s.closing)
}

const (
	// farewell is how long a client may take to answer the farewell.
	farewell = 2 * time.Second
	// slowFarewell is how long a slow client may take to begin to read again and
	// learn that it has been closed.
	slowFarewell = 15 * time.Second
)

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// rawConn returns the connection's own way to its file descriptor, where writing
// without waiting is known to work, else nil.
func rawConn(conn any) syscall.RawConn {
	sc, ok := conn.(syscall.Conn)
	if !ok || !canWriteRaw {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
