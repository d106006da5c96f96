package sockjs

import (
	"slices"
	"time"
)

const (
	// marker begins a line that is a question of STOMP and not for the client. No
	// frame begins with it.
	marker = 0
	// arrival is how long before a sign of life something must have been written to
	// an answer to have arrived with a client that gives it. Such a sign comes over
	// another connection, or is that a connection ends, and so may overtake what is
	// on its way: sooner, it proves nothing.
	arrival = 3 * time.Second
	// patience is how long a living client takes at most to prove what it has got:
	// one that beats every 25 s, its beat less than arrival behind the question, and
	// with the next beat a little late. A client that never beats may take longer,
	// as long as its answer lasts, and then counts as late without being dead.
	patience = 40 * time.Second
	// asleep is how long nothing is heard of a client that beats when the end of its
	// connection is no sign of life any more: a machine that was suspended may end it
	// on waking, without having taken what was written meanwhile.
	asleep = 30 * time.Second
	// mostMarks is how many marks wait for a proof. At STOMP's pace of one a second
	// there are five.
	mostMarks = 8
)

// mark is a question that the session has come to.
type mark struct {
	question string
	at       time.Time // all that was said before it had been written to answers
}

// proof finds out what a client has got that answers no question itself. A client
// asks for another answer only when it has read the last to its end, and what was
// written long enough before a sign of life has arrived. It is not safe for use by
// several goroutines at once.
type proof struct {
	answered func(question string) // is told the newest question that is proven
	marks    []mark                // in their order; those that a proof may yet be for
	given    bool                  // something was, since all was proven
}

// give notes that something more is written to an answer.
func (p *proof) give() { p.given = true }

// reach notes that all that stands before the question has been written.
func (p *proof) reach(question string, now time.Time) {
	if !p.given {
		p.answered(question)
		return
	}
	if last := len(p.marks) - 1; last >= 0 && p.marks[last].at.Equal(now) {
		p.marks[last].question = question
		return
	}
	// What a sign of life proves from now on, the newest of the old marks says.
	if old := p.old(now); old > 1 {
		p.marks = slices.Delete(p.marks, 0, old-1)
	}
	if len(p.marks) >= mostMarks {
		p.marks = slices.Delete(p.marks, 1, 2)
	}
	p.marks = append(p.marks, mark{question, now})
}

// old returns how many marks are old enough for a sign of life to prove them.
func (p *proof) old(now time.Time) int {
	young := slices.IndexFunc(p.marks, func(m mark) bool { return now.Sub(m.at) < arrival })
	if young < 0 {
		return len(p.marks)
	}
	return young
}

// readAll notes that the client has read all that was written, to its end.
func (p *proof) readAll() {
	p.prove(len(p.marks))
	p.given = false
}

// alive notes a sign of life.
func (p *proof) alive(now time.Time) { p.prove(p.old(now)) }

// prove takes out the first n marks, which are proven.
func (p *proof) prove(n int) {
	if n == 0 {
		return
	}
	newest := p.marks[n-1].question
	p.marks = slices.Delete(p.marks, 0, n)
	p.answered(newest)
}
