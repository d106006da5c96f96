package timelinetest

import (
	"fmt"
	"math/rand/v2"

	"bongsu/internal/hub"
)

// epoch is the time of the first entry that a journal makes.
const epoch = int64(1_790_000_000_000)

// journal makes entries as the journal would number them: seqs without gaps,
// offsets that grow, times that never decrease.
type journal struct {
	random *rand.Rand
	heads  map[hub.Stream]uint64
	offset int64
	time   int64
}

func newJournal(seed uint64) *journal {
	return &journal{random: rand.New(rand.NewPCG(seed, 17)), heads: map[hub.Stream]uint64{}, offset: 100, time: epoch}
}

var entryTypes = [...]string{"ORDER_PLACED", "NOTICE", "CLAIM_FILED"}

// next returns the stream's next entry. Offsets skip some numbers, as they do
// where a shard holds many streams, and one entry in two has the time of the
// one before it.
func (j *journal) next(stream hub.Stream) *hub.Entry {
	j.heads[stream]++
	j.offset += 1 + j.random.Int64N(3)
	if j.random.IntN(2) == 0 {
		j.time += j.random.Int64N(40)
	}
	seq := j.heads[stream]
	return &hub.Entry{
		Stream: stream, Seq: seq, Offset: j.offset, Time: j.time, Kind: hub.Notification,
		ID:      fmt.Sprintf("ord-%06d", j.offset),
		Type:    entryTypes[j.random.IntN(len(entryTypes))],
		Payload: fmt.Appendf(nil, `{"title":"새 주문","body":"주문 %d, 59,000원","n":%d}`, j.offset, seq),
	}
}

// some returns n entries, each of a stream chosen at random.
func (j *journal) some(n int, streams ...hub.Stream) []*hub.Entry {
	entries := make([]*hub.Entry, n)
	for i := range entries {
		entries[i] = j.next(streams[j.random.IntN(len(streams))])
	}
	return entries
}

// many returns n streams of malls.
func many(n int) []hub.Stream {
	streams := make([]hub.Stream, n)
	for i := range streams {
		streams[i] = hub.MallStream(fmt.Sprintf("m%04d", i))
	}
	return streams
}
