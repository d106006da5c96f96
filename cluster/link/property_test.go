package link_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"bongsu/cluster/link"
	"bongsu/internal/hub"
)

// world is an owner with one stream, a node that follows it, and a network
// between them that a script makes lose, repeat and reorder.
type world struct {
	t      *testing.T
	now    time.Time
	limits link.Limits

	journal  uint64 // newest entry that exists
	sender   *link.Sender
	receiver *link.Receiver
	known    uint64 // newest entry that the follower has
	pushed   int    // entries that came through the link
	broken   int

	wire []any // under way
}

type (
	beat   struct{ epoch, last uint64 }
	ack    struct{ epoch, number uint64 }
	closed struct{ epoch uint64 }
)

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, now: start,
		limits:   link.Limits{Batch: 1000, Credit: 3000, Flight: 6, Queue: 6000, Silence: 5 * time.Second},
		receiver: link.NewReceiver(2*time.Second, 1500, 4),
	}
	w.follow()
	return w
}

// follow opens an epoch at both ends and fetches what is missing up to its head.
func (w *world) follow() {
	epoch := w.receiver.Open(w.now)
	if w.sender == nil || w.sender.Epoch() < epoch {
		w.sender = link.NewSender(epoch, w.limits, w.now)
	}
	w.known = w.journal
}

func (w *world) publish(entries, size int) {
	item := link.Item{Stream: "all"}
	for range entries {
		w.journal++
		item.Entries = append(item.Entries, &hub.Entry{Stream: "all", Seq: w.journal, Payload: make([]byte, size)})
	}
	was := w.sender.Closed()
	if !w.sender.Put(item) && !was {
		w.wire = append(w.wire, closed{w.sender.Epoch()})
	}
	if w.sender.Waiting() > w.limits.Queue && len(item.Entries) < 2 {
		w.t.Fatalf("%d bytes wait", w.sender.Waiting())
	}
}

func (w *world) flush() {
	for batch, ok := w.sender.Next(nil); ok; batch, ok = w.sender.Next(nil) {
		w.wire = append(w.wire, batch)
	}
}

// arrive gives one message to the end that it is for.
func (w *world) arrive(message any) {
	verdict := link.Ignore
	switch m := message.(type) {
	case link.Batch:
		if verdict = w.receiver.Batch(m.Epoch, m.Number, m.Size, w.now); verdict == link.Take {
			w.take(m)
		}
	case beat:
		if verdict = w.receiver.Beat(m.epoch, m.last, w.now); verdict == link.Take {
			w.acknowledge()
		}
	case closed:
		verdict = w.receiver.Closed(m.epoch)
	case ack:
		w.sender.Ack(m.epoch, m.number, w.now)
	}
	if verdict == link.Broken {
		w.lose()
	}
}

// take checks the one promise of a link: what is taken goes on where it ended.
func (w *world) take(b link.Batch) {
	if b.Epoch != w.sender.Epoch() {
		w.t.Fatalf("took a batch of epoch %d in epoch %d", b.Epoch, w.sender.Epoch())
	}
	for _, item := range b.Items {
		for _, entry := range item.Entries {
			if entry.Seq != w.known+1 {
				w.t.Fatalf("entry %d came after %d", entry.Seq, w.known)
			}
			w.known++
			w.pushed++
		}
	}
	if w.receiver.AckDue() {
		w.acknowledge()
	}
}

func (w *world) acknowledge() {
	epoch, number := w.receiver.Ack()
	w.wire = append(w.wire, ack{epoch, number})
}

func (w *world) lose() {
	w.broken++
	w.follow()
}

// tick lets time go on, with what both ends do by the clock.
func (w *world) tick() {
	w.now = w.now.Add(500 * time.Millisecond)
	if w.sender.Silent(w.now) {
		w.sender.Close()
	}
	if w.sender.Closed() {
		w.wire = append(w.wire, closed{w.sender.Epoch()})
	} else {
		w.wire = append(w.wire, beat{w.sender.Epoch(), w.sender.Last()})
	}
	if w.receiver.Silent(w.now) && w.receiver.Break() == link.Broken {
		w.lose()
	}
}

// step does what one byte of a script says.
func (w *world) step(b byte) {
	at := 0
	if len(w.wire) > 0 {
		at = int(b>>4) % len(w.wire)
	}
	switch op := b & 15; {
	case op < 4:
		w.publish(1+int(b>>6), int(b>>4)*60)
	case op < 6:
		w.flush()
	case op < 7:
		w.tick()
	case len(w.wire) == 0:
	case op < 12: // the oldest arrives
		message := w.wire[0]
		w.wire = w.wire[1:]
		w.arrive(message)
	case op < 13: // another overtakes
		message := w.wire[at]
		w.wire = append(w.wire[:at:at], w.wire[at+1:]...)
		w.arrive(message)
	case op < 14: // one is lost
		w.wire = append(w.wire[:at:at], w.wire[at+1:]...)
	case op < 15: // one arrives and will arrive again
		w.arrive(w.wire[at])
	default: // the connection breaks
		w.wire = nil
	}
}

// settle lets a network that has healed run for some seconds.
func (w *world) settle() {
	for range 20 {
		w.flush()
		for len(w.wire) > 0 {
			message := w.wire[0]
			w.wire = w.wire[1:]
			w.arrive(message)
			w.flush()
		}
		w.tick()
	}
	if w.known != w.journal {
		w.t.Fatalf("the follower has %d of %d entries, and nothing goes on", w.known, w.journal)
	}
	was := w.pushed
	w.publish(1, 10)
	w.flush()
	for len(w.wire) > 0 {
		w.arrive(w.wire[0])
		w.wire = w.wire[1:]
	}
	if w.pushed != was+1 {
		w.t.Fatal("a healed link does not carry the next entry")
	}
}

func TestWhateverTheNetworkDoesEntriesComeInOrderAndLossIsNoticed(t *testing.T) {
	pushed, broken := 0, 0
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t)
		for range 300 {
			w.step(byte(random.Uint32()))
		}
		w.settle()
		pushed, broken = pushed+w.pushed, broken+w.broken
	}
	if pushed < 10_000 || broken < 3000 {
		t.Errorf("only %d entries and %d breaks: the test shows little", pushed, broken)
	}
}

func TestOnAGoodNetworkALinkNeverBreaks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t)
	for range 10_000 {
		if b := byte(random.Uint32()); b&15 < 12 && b&15 != 6 { // all but time and mischief
			w.step(b)
		}
		if w.sender.Waiting() > w.limits.Queue/4 || random.IntN(20) == 0 {
			w.settle()
		}
	}
	if w.broken > 0 || w.pushed < 2000 {
		t.Errorf("broke %d times in %d entries", w.broken, w.pushed)
	}
}

func FuzzLink(f *testing.F) {
	f.Add([]byte{0, 4, 7, 0, 13, 4, 7, 6, 7})
	f.Add([]byte("the quick brown fox jumps over the lazy dog"))
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newWorld(t)
		for _, b := range script {
			w.step(b)
		}
		w.settle()
	})
}

// A drop that closes up its numbers is what no link can notice: the check above
// the link must.
func TestTheDropOfABatchIsNoticedOnlyByItsEntries(t *testing.T) {
	limits := roomy
	limits.DropEvery = 2
	s, r := link.NewSender(1, limits, start), link.NewReceiver(2*time.Second, 1000, 4)
	r.Open(start)
	var got []uint64
	for seq := uint64(1); seq <= 4; seq++ {
		put(t, s, sized(seq, 200))
		for _, batch := range next(s) {
			if r.Batch(batch.Epoch, batch.Number, batch.Size, start) != link.Take {
				t.Fatal("the link noticed")
			}
			got = append(got, seqs(batch)...)
		}
	}
	if r.Beat(1, s.Last(), start) != link.Take || len(got) != 2 {
		t.Errorf("got %v", got)
	}
}
