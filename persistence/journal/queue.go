package journal

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
)

// noLeader is the leader of a shard whose leader is not known.
const noLeader = -1

// call is one Append on its way. The producer's mutex guards it until done.
type call struct {
	parts []part
	// since is when the call was let in.
	since time.Time
	// until is when its caller stops waiting, the zero time if never. What has not
	// been sent by then is not sent any more.
	until time.Time
	// left is how many records have not been acknowledged.
	left int
	err  error
	done chan struct{} // closed once err is final
}

// part is what is left to send of one call's records for one shard.
type part struct {
	call    *call
	shard   int32
	size    int
	records []*sarama.Record
}

// newCall encodes the records. Records that share a payload share the value.
func newCall(records []hub.Record, shards int32) (*call, error) {
	c := &call{left: len(records), done: make(chan struct{})}
	messages := make([]sarama.Record, len(records))
	places := make(map[int32]int, 1) // shard → index in c.parts
	var value []byte
	for i := range records {
		r := &records[i]
		if err := checkStream(r.Stream); err != nil {
			return nil, err
		}
		size := recordOverhead
		if i == 0 || !sameValue(r, &records[i-1]) { //nolint:gosec // i-1 is not below 0
			var err error
			if value, err = encodeValue(r); err != nil {
				return nil, err
			}
			size += len(value)
		}
		messages[i] = sarama.Record{Key: []byte(r.Stream), Value: value}
		number := r.Stream.Shard(shards)
		place, ok := places[number]
		if !ok {
			place = len(c.parts)
			places[number] = place
			c.parts = append(c.parts, part{call: c, shard: number})
		}
		c.parts[place].records = append(c.parts[place].records, &messages[i])
		c.parts[place].size += size
	}
	return c, nil
}

func sameValue(a, b *hub.Record) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.Type == b.Type &&
		len(a.Payload) == len(b.Payload) && len(a.Payload) > 0 && &a.Payload[0] == &b.Payload[0]
}

// finish gives the call its result, once.
func (c *call) finish(err error) {
	if c.left == 0 {
		return
	}
	c.left, c.err = 0, err
	close(c.done)
}

func (c *call) overdue(now time.Time) bool {
	return !c.until.IsZero() && !now.Before(c.until)
}

// acknowledge counts records that Kafka has.
func (c *call) acknowledge(records int) {
	if c.left == 0 {
		return // failed by another shard
	}
	if c.left -= records; c.left == 0 {
		close(c.done)
	}
}

// shard is the queue of one journal partition. The producer's mutex guards it.
type shard struct {
	number int32
	queue  []part
	// pending is the batch that is on its way or waits to be sent again. What is
	// queued stays behind it.
	pending *batch
	sending bool
	// after is when pending may be sent again.
	after time.Time
	// leader is the broker that the last attempt was for.
	leader int32
	// limit is how large a batch may be: maxBatch, or less once Kafka has refused one.
	limit int
	// down is why appends fail at once; nil while they do not.
	down error
	// writer numbers the batches.
	writer *identity
	next   int32
}

// identity is a producer id that the brokers know sequence numbers under.
type identity struct {
	id    int64
	epoch int16
}

// batch is records of one shard that are sent together.
type batch struct {
	parts   []part
	records *sarama.RecordBatch
	size    int
	// since is when it was first sent.
	since time.Time
	// writer is what records is numbered under, nil while it is not.
	writer *identity
}

// waiting returns since when the shard's oldest record has been waiting, the zero
// time if none is.
func (s *shard) waiting() time.Time {
	switch {
	case s.pending != nil:
		return s.pending.since
	case len(s.queue) > 0:
		return s.queue[0].call.since
	}
	return time.Time{}
}

// fill takes the next batch off the queue, if none is pending. It reports whether
// there is something to send now, and how many bytes of records it dropped
// because their callers have been told of a failure elsewhere or wait no longer.
func (s *shard) fill(now time.Time) (ready bool, dropped int) {
	if s.pending != nil {
		return !now.Before(s.after), 0
	}
	b := &batch{since: now, records: &sarama.RecordBatch{
		Version: 2, ProducerID: -1, ProducerEpoch: -1, FirstTimestamp: now, MaxTimestamp: now,
	}}
	for len(s.queue) > 0 {
		head := &s.queue[0]
		if head.call.overdue(now) {
			head.call.finish(context.DeadlineExceeded)
		}
		if head.call.left == 0 {
			dropped += head.size
		} else if b.take(head, s.limit); len(head.records) > 0 {
			break // full
		}
		s.queue[0] = part{}
		s.queue = s.queue[1:]
	}
	if len(s.queue) == 0 {
		s.queue = nil
	}
	if len(b.parts) == 0 {
		return false, dropped
	}
	for i, r := range b.records.Records {
		r.OffsetDelta = int64(i)
	}
	b.records.LastOffsetDelta = int32(len(b.records.Records) - 1)
	s.pending, s.after = b, time.Time{}
	return true, dropped
}

// take moves records from the part to the batch while there is room for them
// within limit bytes. A first record is taken however large.
func (b *batch) take(from *part, limit int) {
	count := 0
	for _, r := range from.records {
		size := len(r.Key) + len(r.Value) + recordOverhead/4
		if len(b.records.Records)+count >= maxBatchRecords || (b.size > 0 && b.size+size > limit) {
			break
		}
		b.size += size
		count++
	}
	if count == 0 {
		return
	}
	b.records.Records = append(b.records.Records, from.records[:count]...)
	taken := part{call: from.call, shard: from.shard, records: from.records[:count]}
	if from.records = from.records[count:]; len(from.records) == 0 {
		taken.size, from.size = from.size, 0
	}
	b.parts = append(b.parts, taken)
}
