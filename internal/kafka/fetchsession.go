package kafka

import (
	"math"

	"github.com/IBM/sarama"
)

// Epochs with a meaning of their own.
const (
	newSession = 0
	noSession  = -1
)

// fetchSession is what a broker remembers of a loop's requests (KIP-227), so that
// requests and answers name only the partitions that have something new: most
// fetches bring records of a few partitions of many. The zero value, and nil,
// remember nothing yet.
type fetchSession struct {
	id, epoch int32 // id is 0 while there is none
	known     map[*source]asked
}

// asked is what the broker was last asked for.
type asked struct {
	next int64
	size int32
}

func (a asked) of(s *source) bool { return a.next == s.next && a.size == s.size }

// ask puts into the request what the broker does not know yet. whole says that
// due is all that is read. Otherwise the session is left alone for this once:
// what it knows cannot be taken out of it.
func (f *fetchSession) ask(request *sarama.FetchRequest, due []*source, whole bool) {
	if f == nil || !whole {
		request.SessionEpoch = noSession
		add(request, due...)
		return
	}
	known := 0
	for _, s := range due {
		if _, ok := f.known[s]; ok {
			known++
		}
	}
	request.SessionID = f.id
	if f.id == 0 || known < len(f.known) {
		request.SessionEpoch = newSession // ends the one of this id
		f.known = make(map[*source]asked, len(due))
	} else {
		request.SessionEpoch = f.epoch
	}
	for _, s := range due {
		if a, ok := f.known[s]; !ok || !a.of(s) {
			f.known[s] = asked{s.next, s.size}
			add(request, s)
		}
	}
}

func add(request *sarama.FetchRequest, sources ...*source) {
	for _, s := range sources {
		request.AddBlock(s.topic, s.id, s.next, s.size, -1)
	}
}

// answered notes the answer, and reports whether it has anything to say. If not,
// the next request begins a new session.
func (f *fetchSession) answered(request *sarama.FetchRequest, response *sarama.FetchResponse) bool {
	switch {
	case sarama.KError(response.ErrorCode) != sarama.ErrNoError:
		f.forget()
		return false
	case request.SessionEpoch == noSession:
	case response.SessionID == 0: // the broker has no room for it
		f.forget()
	case request.SessionEpoch == newSession || request.SessionEpoch == math.MaxInt32:
		f.id, f.epoch = response.SessionID, 1
	default:
		f.epoch++
	}
	return true
}

func (f *fetchSession) forget() {
	if f != nil {
		*f = fetchSession{}
	}
}
