package sockjs

import (
	"bytes"
	"net"
	"os"
	"sync"
	"time"

	"bongsu/gateway"
)

// pipeBytes is how much waits in a pipe before writing to it blocks. One write
// more than that may be in it.
const pipeBytes = 64 << 10

// frameBytes is about how long a frame may be that has several messages.
const frameBytes = 32 << 10

// goAway is what a client gets after the last frame.
const goAway = `c[3000,"Go away!"]`

// pipe is the connection that the gateway writes a session to, in lines. What is
// written waits until an answer takes it. Writing blocks while too much waits, and
// Close keeps what waits. Nothing can be read from it.
//
// Lines that begin with the marker are STOMP's questions. Clients are not sent them;
// the pipe answers them as far as it can be known what the client has got.
//
// Where the budget of all pipes has no room, the pipe overflows: all that waits in
// it gives way to a close frame, which is the last that the client gets.
type pipe struct {
	ready  chan struct{} // has a token when there is something to take, or no more will be
	budget *budget

	mu       sync.Mutex
	waiting  []byte // whole lines
	carried  int    // bytes that an answer has taken and is writing
	proof    proof
	room     sync.Cond
	deadline time.Time
	timer    *time.Timer // wakes a writer at the deadline
	taken    bool        // an answer takes from it
	ended    bool        // nothing more will be written: a close frame has been, or it is closed
	overflew bool
	closed   bool
	over     bool   // onEnd has been called
	onEnd    func() // called once, by a goroutine of its own, when the client has or will have no more
}

// newPipe returns a pipe with the open frame in it. answered is called, with the
// pipe locked, with the newest question that all the client has got stands before.
func newPipe(b *budget, answered func(question string), onEnd func()) *pipe {
	p := &pipe{ready: make(chan struct{}, 1), budget: b, proof: proof{answered: answered}, onEnd: onEnd}
	p.room.L = &p.mu
	p.replace([]byte("o\n"))
	return p
}

// replace lets these lines wait instead of what does. Few bytes have room always.
// p.mu is held.
func (p *pipe) replace(lines []byte) {
	p.budget.used.Add(int64(len(lines) - len(p.waiting)))
	p.waiting = lines
}

// Write implements net.Conn. It takes all of b, whole lines, or nothing. Of a pipe
// that overflows the deadline is over: the gateway closes its session as slow.
func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) >= pipeBytes && !p.closed {
		if !p.deadline.IsZero() && !time.Now().Before(p.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		p.room.Wait()
	}
	switch {
	case p.closed:
		return 0, net.ErrClosed
	case p.overflew:
		return len(b), nil // the client starts over
	case !p.budget.take(len(b)):
		p.overflow()
		return 0, os.ErrDeadlineExceeded
	}
	p.waiting = append(p.waiting, b...)
	p.signal()
	last := p.waiting[bytes.LastIndexByte(p.waiting[:len(p.waiting)-1], '\n')+1:]
	p.ended = p.ended || last[0] == 'c'
	return len(b), nil
}

// overflow gives up what waits: the next session is sent it again. p.mu is held.
func (p *pipe) overflow() {
	p.overflew, p.ended = true, true
	p.replace(lines{}.AppendClose(nil, gateway.CloseSlow))
	p.signal()
}

// end lets the session know that this was all. p.mu is held.
func (p *pipe) end() {
	p.ended = true
	if !p.over {
		p.over = true
		go p.onEnd()
	}
}

// signal wakes the answer. p.mu is held.
func (p *pipe) signal() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// Close implements net.Conn. What waits can still be taken.
func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.end()
	p.room.Broadcast()
	p.signal()
	return nil
}

// discard closes the pipe, and lets go of what waits.
func (p *pipe) discard() {
	_ = p.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replace(nil)
	p.carry(0)
}

// SetWriteDeadline implements net.Conn.
func (p *pipe) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if !t.IsZero() {
		p.timer = time.AfterFunc(time.Until(t), p.wake)
	}
	return nil
}

// wake lets a blocked writer look at its deadline.
func (p *pipe) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room.Broadcast()
}

// SetDeadline implements net.Conn.
func (p *pipe) SetDeadline(t time.Time) error { return p.SetWriteDeadline(t) }

// SetReadDeadline implements net.Conn. There is nothing to read: it is how long
// the client has to take the farewell.
func (p *pipe) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		time.AfterFunc(time.Until(t), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.end()
		})
	}
	return nil
}

// Read implements net.Conn. There is nothing to read.
func (p *pipe) Read([]byte) (int, error) { return 0, net.ErrClosed }

// LocalAddr implements net.Conn.
func (p *pipe) LocalAddr() net.Addr { return pipeAddr{} }

// RemoteAddr implements net.Conn.
func (p *pipe) RemoteAddr() net.Addr { return pipeAddr{} }

// pipeAddr is the address of a pipe, which has none.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "sockjs" }
func (pipeAddr) String() string  { return "sockjs" }

// attach gives the pipe to an answer, whose client has read the last to its end. It
// reports false while another has it.
func (p *pipe) attach() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken {
		return false
	}
	p.taken = true
	p.proof.readAll()
	if len(p.waiting) > 0 || p.ended {
		p.signal()
	}
	return true
}

// spent reports whether the last frame has been taken.
func (p *pipe) spent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended && len(p.waiting) == 0
}

// detach takes the pipe from the answer, which has written all that it took.
func (p *pipe) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = false
	p.carry(0)
	p.passMarkers()
}

// alive notes a sign of life of the client.
func (p *pipe) alive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proof.alive(time.Now())
}

// passMarkers removes the questions that come next: what was said before them has
// been written. p.mu is held.
func (p *pipe) passMarkers() {
	now := time.Now()
	for len(p.waiting) > 0 && p.waiting[0] == marker {
		size := bytes.IndexByte(p.waiting, '\n') + 1
		p.proof.reach(string(p.waiting[1:size-1]), now)
		p.remove(size)
		p.budget.give(size)
	}
}

// remove takes the first n bytes out of what waits. p.mu is held.
func (p *pipe) remove(n int) {
	if p.waiting = p.waiting[n:]; len(p.waiting) == 0 {
		p.waiting = nil
	}
	p.room.Broadcast()
}

// carry notes how much the answer is writing now; what it wrote before is gone.
// p.mu is held.
func (p *pipe) carry(n int) {
	p.budget.give(p.carried)
	p.carried = n
}

// take removes what waits, or its beginning, and returns it as one frame; nil when
// nothing waits. last says that no frame comes after it. What was taken before has
// been written.
func (p *pipe) take() (frame []byte, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.carry(0)
	p.passMarkers()
	switch {
	case len(p.waiting) == 0 && p.ended:
		return []byte(goAway), true
	case len(p.waiting) == 0:
		return nil, false
	}
	frame, size := nextFrame(p.waiting)
	p.remove(size)
	p.carry(size)
	p.proof.give()
	if len(p.waiting) > 0 {
		p.signal()
	}
	if last = frame[0] == 'c'; last {
		p.end()
	}
	return frame, last
}

// nextFrame returns the frame that whole lines begin with, a marker not, and how many
// bytes of them it is made of: messages that follow each other go into one, up to
// about frameBytes.
func nextFrame(lines []byte) (frame []byte, size int) {
	if lines[0] != '"' {
		size = bytes.IndexByte(lines, '\n') + 1
		return bytes.Clone(lines[:size-1]), size
	}
	for size < len(lines) && lines[size] == '"' && size < frameBytes {
		size += bytes.IndexByte(lines[size:], '\n') + 1
	}
	frame = make([]byte, 0, size+2)
	frame = append(append(frame, 'a', '['), lines[:size-1]...)
	for i, c := range frame {
		if c == '\n' {
			frame[i] = ','
		}
	}
	return append(frame, ']'), size
}
