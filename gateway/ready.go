package gateway

import "sync"

// readyBatch is how many sessions go into and out of the ready queue together.
const readyBatch = 16

// chain is a list of sessions, linked through the sessions themselves. A session
// is in one chain at most; its state says so.
type chain struct {
	first, last *Session
	count       int
}

func (c *chain) add(s *Session) {
	s.next = nil
	if c.last == nil {
		c.first = s
	} else {
		c.last.next = s
	}
	c.last = s
	c.count++
}

// take removes and returns the first session, nil when there is none.
func (c *chain) take() *Session {
	s := c.first
	if s == nil {
		return nil
	}
	c.first = s.next
	if c.first == nil {
		c.last = nil
	}
	s.next = nil
	c.count--
	return s
}

// readyQueue holds the sessions that have something to write, each once, in the
// order in which they became ready. It needs no memory of its own.
type readyQueue struct {
	mu     sync.Mutex
	some   sync.Cond
	ready  chain
	idle   int // workers that wait
	closed bool
}

func newReadyQueue() *readyQueue {
	q := &readyQueue{}
	q.some.L = &q.mu
	return q
}

// push moves all sessions of c into the queue and empties c. It never blocks.
func (q *readyQueue) push(c *chain) {
	if c.first == nil {
		return
	}
	q.mu.Lock()
	if q.ready.last == nil {
		q.ready.first = c.first
	} else {
		q.ready.last.next = c.first
	}
	q.ready.last = c.last
	q.ready.count += c.count
	wake := min(q.idle, (q.ready.count+readyBatch-1)/readyBatch)
	q.mu.Unlock()
	*c = chain{}
	for range wake {
		q.some.Signal()
	}
}

// pushOne puts one session into the queue.
func (q *readyQueue) pushOne(s *Session) {
	var c chain
	c.add(s)
	q.push(&c)
}

// pop waits for sessions and moves up to readyBatch of them into c. It reports
// false when the queue is closed.
func (q *readyQueue) pop(c *chain) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.ready.first == nil {
		if q.closed {
			return false
		}
		q.idle++
		q.some.Wait()
		q.idle--
	}
	for c.count < readyBatch {
		s := q.ready.take()
		if s == nil {
			break
		}
		c.add(s)
	}
	return true
}

// depth returns how many sessions wait.
func (q *readyQueue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ready.count
}

// close lets workers end once the queue is empty.
func (q *readyQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.some.Broadcast()
}
