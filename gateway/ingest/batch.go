package ingest

import (
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
)

// Limits of a batch. An event alone may go beyond maxRecords and maxBytes.
const (
	// maxRecords is the most journal records of a batch.
	maxRecords = 5000
	// maxMessages is the most ingress records of a batch.
	maxMessages = 2000
	// maxBytes is the most bytes of payloads of a batch.
	maxBytes = 8 << 20
)

// batch is what is appended, and then committed, at once.
type batch struct {
	// events are the decoded records, in order.
	events []event
	// dead are the records that could not be decoded.
	dead []deadLetter
	// records is how many journal records the events have; bytes, their payloads'.
	records, bytes int
	// targets counts the records of each stream.
	targets map[hub.Stream]int
	// messages is how many ingress records the batch stands for.
	messages int
	// next is the offset after the last of them.
	next int64
}

// event is an ingress record as journal records.
type event struct {
	message *sarama.ConsumerMessage
	records []hub.Record
}

// deadLetter is an ingress record that goes to the dead-letter topic.
type deadLetter struct {
	message *sarama.ConsumerMessage
	reason  error
}

// newEvent decodes an ingress record.
func newEvent(m *sarama.ConsumerMessage) (event, error) {
	e, err := Decode(message(m))
	if err != nil {
		return event{}, err
	}
	return event{message: m, records: e.Records(publishedAt(m))}, nil
}

func message(m *sarama.ConsumerMessage) Message {
	out := Message{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Time: m.Timestamp, Key: m.Key, Value: m.Value,
	}
	if len(m.Headers) > 0 {
		out.Headers = make([]Header, len(m.Headers))
		for i, h := range m.Headers {
			out.Headers[i] = Header{Name: string(h.Key), Value: h.Value}
		}
	}
	return out
}

// publishedAt is when the record was published, as far as Kafka knows.
func publishedAt(m *sarama.ConsumerMessage) time.Time {
	if year := m.Timestamp.UTC().Year(); year < 1970 || year > 9999 {
		return time.Now()
	}
	return m.Timestamp
}

// takes reports whether the event fits into the batch; an empty batch takes any.
func (b *batch) takes(e event, perTarget int) bool {
	if b.records == 0 {
		return true
	}
	if b.records+len(e.records) > maxRecords || b.bytes+len(e.records[0].Payload) > maxBytes {
		return false
	}
	for i := range e.records {
		if b.targets[e.records[i].Stream] >= perTarget {
			return false
		}
	}
	return true
}

// add takes the event in.
func (b *batch) add(e event) {
	b.events = append(b.events, e)
	b.records += len(e.records)
	b.bytes += len(e.records[0].Payload)
	if b.targets == nil {
		b.targets = make(map[hub.Stream]int)
	}
	for i := range e.records {
		b.targets[e.records[i].Stream]++
	}
	b.read(e.message)
}

// bury takes an undecodable record in.
func (b *batch) bury(m *sarama.ConsumerMessage, reason error) {
	b.dead = append(b.dead, deadLetter{m, reason})
	b.bytes += len(m.Value)
	b.read(m)
}

func (b *batch) read(m *sarama.ConsumerMessage) {
	b.messages++
	b.next = m.Offset + 1
}

// full reports whether the batch should not grow.
func (b *batch) full() bool {
	return b.messages >= maxMessages || b.records >= maxRecords || b.bytes >= maxBytes
}

// journalRecords returns the records of all events in order.
func (b *batch) journalRecords() []hub.Record {
	if len(b.events) == 1 {
		return b.events[0].records
	}
	records := make([]hub.Record, 0, b.records)
	for _, e := range b.events {
		records = append(records, e.records...)
	}
	return records
}

// batcher cuts a claim's messages into batches.
type batcher struct {
	batches <-chan []sarama.ConsumerMessage
	// perTarget is the most records of one stream in a batch.
	perTarget int
	// fetched are messages that have come and are in no batch yet.
	fetched []sarama.ConsumerMessage
	// carried is an event that did not fit into the last batch.
	carried *event
}

// next waits for a record and takes with it those that are there already. It
// returns no batch when due comes first, and false when done does: the claim has
// ended.
func (r *batcher) next(done <-chan struct{}, due <-chan time.Time) (*batch, bool) {
	b := &batch{}
	if r.carried != nil {
		b.add(*r.carried)
		r.carried = nil
	} else if len(r.fetched) == 0 {
		select {
		case <-done:
			return nil, false
		case <-due:
			return nil, true
		case r.fetched = <-r.batches:
		}
	}
	for !b.full() && r.carried == nil {
		if len(r.fetched) == 0 {
			select {
			case r.fetched = <-r.batches:
			default:
				return b, true
			}
		}
		r.take(b, &r.fetched[0])
		r.fetched = r.fetched[1:]
	}
	return b, true
}

// take puts the record into the batch, or carries it to the next.
func (r *batcher) take(b *batch, m *sarama.ConsumerMessage) {
	e, err := newEvent(m)
	switch {
	case err != nil:
		b.bury(m, err)
	case b.takes(e, r.perTarget):
		b.add(e)
	default:
		r.carried = &e
	}
}
