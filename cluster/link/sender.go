package link

import "time"

// Limits bound a sender.
type Limits struct {
	// Batch is the most bytes of a batch that holds more than one entry.
	Batch int
	// Credit is how many bytes may be on their way without an acknowledgement. One
	// batch always may.
	Credit int
	// Flight is how many batches may be, so that small ones gather while the follower
	// is slow. It must be more than a receiver lets come before it acknowledges.
	Flight int
	// Queue is how many bytes may wait for credit; one more item closes the link.
	Queue int
	// Silence is how long the follower may acknowledge nothing.
	Silence time.Duration
	// DropEvery, if it is not 0, lets each batch of that ordinal vanish without a
	// trace. It is there to show that the checks of a cluster notice.
	DropEvery uint64
}

// Batch is what goes to the follower at once.
type Batch struct {
	Epoch, Number uint64
	Items         []Item
	// Size is about how many bytes the batch takes on its way.
	Size int
}

// Sender is the owner's end of a link in one epoch. It takes items without ever
// waiting: when the follower is so slow that the queue is full, the link closes.
// Its methods must not be called at once.
type Sender struct {
	epoch  uint64
	limits Limits

	queue  []waiting // from head on
	head   int
	queued int // bytes

	number  uint64   // of the newest batch
	made    uint64   // batches made, the vanished included
	flight  []flying // not acknowledged, oldest first
	flown   int      // bytes in flight
	heard   time.Time
	isShut  bool
	overrun bool
}

type waiting struct {
	item Item
	size int
}

type flying struct {
	number uint64
	size   int
}

// NewSender returns the owner's end in an epoch that the follower has opened.
func NewSender(epoch uint64, limits Limits, now time.Time) *Sender {
	return &Sender{epoch: epoch, limits: limits, heard: now}
}

// Epoch returns the epoch that the sender lives in.
func (s *Sender) Epoch() uint64 { return s.epoch }

// Put adds an item to what waits and keeps it and what it refers to. It reports
// false when the link is closed, or closes now because too much waits.
func (s *Sender) Put(item Item) bool {
	size := item.Size()
	switch {
	case s.isShut:
		return false
	case s.queued > 0 && s.queued+size > s.limits.Queue:
		s.overrun = true
		s.Close()
		return false
	}
	s.queue = append(s.queue, waiting{item, size})
	s.queued += size
	return true
}

// Ready reports whether Next would return a batch.
func (s *Sender) Ready() bool {
	if s.head == len(s.queue) || len(s.flight) == 0 {
		return s.head < len(s.queue)
	}
	return len(s.flight) < s.limits.Flight && s.flown+min(s.queue[s.head].size, s.limits.Batch) <= s.limits.Credit
}

// Next returns the next batch that credit lets go; its items are appended to
// into, which the caller may use again once the batch is encoded.
func (s *Sender) Next(into []Item) (Batch, bool) {
	for s.Ready() {
		items, size := s.gather(into)
		s.made++
		if s.limits.DropEvery != 0 && s.made%s.limits.DropEvery == 0 {
			continue
		}
		s.number++
		s.flight = append(s.flight, flying{s.number, size})
		s.flown += size
		return Batch{Epoch: s.epoch, Number: s.number, Items: items, Size: size}, true
	}
	return Batch{}, false
}

// gather takes items off the queue until a batch is full. The first may be cut;
// one that does not fit beside others waits for the next batch.
func (s *Sender) gather(into []Item) (items []Item, size int) {
	items = into
	for s.head < len(s.queue) {
		next := &s.queue[s.head]
		if size > 0 && size+next.size > s.limits.Batch {
			break
		}
		if next.size > s.limits.Batch {
			if first, second, rest := next.item.split(s.limits.Batch); rest {
				items, size = append(items, first), size+first.Size()
				s.queued -= next.size
				*next = waiting{second, second.Size()}
				s.queued += next.size
				return items, size
			}
		}
		items, size = append(items, next.item), size+next.size
		s.queued -= next.size
		*next = waiting{} // let go of what it refers to
		s.head++
	}
	s.compact()
	return items, size
}

// compact moves the queue to the front of its memory, when that is cheap for
// what it gives back.
func (s *Sender) compact() {
	if s.head < len(s.queue) && s.head < len(s.queue)/2 {
		return
	}
	rest := copy(s.queue, s.queue[s.head:])
	clear(s.queue[rest:])
	s.queue, s.head = s.queue[:rest], 0
	const keep = 1024
	if rest == 0 && cap(s.queue) > keep {
		s.queue = nil
	}
}

// Ack notes that the follower has taken all batches up to number. What names
// another epoch, or a batch that was never sent, is ignored.
func (s *Sender) Ack(epoch, number uint64, now time.Time) {
	if epoch != s.epoch || number > s.number || s.isShut {
		return
	}
	s.heard = now
	acked := 0
	for acked < len(s.flight) && s.flight[acked].number <= number {
		s.flown -= s.flight[acked].size
		acked++
	}
	s.flight = s.flight[:copy(s.flight, s.flight[acked:])]
}

// Last returns the number of the newest batch, for the heartbeat that lets the
// follower notice that the last batches were lost.
func (s *Sender) Last() uint64 { return s.number }

// Silent reports whether the follower has acknowledged nothing for too long.
func (s *Sender) Silent(now time.Time) bool { return now.Sub(s.heard) > s.limits.Silence }

// Close lets go of everything that waits; the sender takes nothing more.
func (s *Sender) Close() {
	s.isShut = true
	s.queue, s.head, s.queued, s.flight, s.flown = nil, 0, 0, nil, 0
}

// Closed reports whether the sender has closed.
func (s *Sender) Closed() bool { return s.isShut }

// Overrun reports whether it has closed because too much waited.
func (s *Sender) Overrun() bool { return s.overrun }
