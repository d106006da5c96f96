package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/outage"
)

// source is a partition that is read. Only the loop of its leader uses what is
// not safe for several goroutines.
type source struct {
	partition
	batches   chan []sarama.ConsumerMessage
	highWater atomic.Int64
	// fail ends the claim for good.
	fail func(error)

	leader int32 // guarded by the fetcher's mu
	next   int64
	size   int32 // bytes to ask for
	// starved counts fetches without records though there are some, since hunger.
	// After hungryAfter the source is fetched alone once.
	starved int
	hunger  time.Time
	away    outage.Log
}

const (
	hungryAfter = 3
	// starving is how long there may be no records, though there are some, until
	// that is logged.
	starving = 5 * time.Second
)

func newSource(p partition, next, end int64, fail func(error)) *source {
	s := &source{
		partition: p, next: next, size: fetchBytes, leader: nowhere, fail: fail,
		batches: make(chan []sarama.ConsumerMessage, waitingBatches),
	}
	s.highWater.Store(end)
	return s
}

var errOldFormat = errors.New("messages in a format older than Kafka 0.11")

// take hands out the records of a block; alone says that no other partition was
// asked for.
func (s *source) take(block *sarama.FetchResponseBlock, alone bool, log *slog.Logger) {
	s.highWater.Store(block.HighWaterMarkOffset)
	count, partial := 0, block.Partial
	for _, records := range block.RecordsSet {
		if records.RecordBatch == nil {
			s.fail(errOldFormat)
			return
		}
		partial = partial || records.RecordBatch.PartialTrailingRecord
		count += len(records.RecordBatch.Records)
	}
	if count == 0 {
		s.grow(block, partial, alone, log)
		return
	}
	s.size = fetchBytes
	s.fed(log)
	messages := make([]sarama.ConsumerMessage, 0, count)
	for _, records := range block.RecordsSet {
		messages = s.add(messages, records.RecordBatch)
	}
	if len(messages) > 0 {
		s.batches <- messages // there is room: only this loop sends
	}
}

// grow deals with a block without records: a batch that is larger than what was
// asked for, one whose records have all been compacted away, or the end.
func (s *source) grow(block *sarama.FetchResponseBlock, partial, alone bool, log *slog.Logger) {
	end, complete := endOf(block)
	switch {
	case partial && s.size >= largestBatch:
		s.fail(fmt.Errorf("a batch at offset %d has more than %d bytes", s.next, largestBatch))
	case partial:
		s.size *= 2
	case complete && end > s.next:
		s.next = end
		s.fed(log)
	case block.HighWaterMarkOffset <= s.next:
		s.fed(log)
	default:
		s.starve(alone, log)
	}
}

// starve notes that no records came though there are some: others have taken the
// room in the answer, or the broker fetches them from elsewhere first. That says
// nothing of the offset, so it is asked for again and again.
func (s *source) starve(alone bool, log *slog.Logger) {
	if s.hunger.IsZero() {
		s.hunger = time.Now()
	}
	if s.starved++; alone && s.starved > hungryAfter {
		s.starved = 0 // it is the others' turn
	}
	if time.Since(s.hunger) > starving {
		s.away.Failed(log, "a partition gives no records though there are some", errNoRecords,
			"topic", s.topic, "partition", s.id, "offset", s.next, "end", s.highWater.Load())
	}
}

var errNoRecords = errors.New("the broker sent none")

// fed notes that all is well.
func (s *source) fed(log *slog.Logger) {
	s.starved, s.hunger = 0, time.Time{}
	s.away.Over(log, "the partition gives records again")
}

// endOf returns the offset after the last batch of a block, which may have no
// records left, and false if the block has no batch. sarama's own consumer goes by
// that, but others are not given it, nor a batch without records.
func endOf(block *sarama.FetchResponseBlock) (int64, bool) {
	end := reflect.ValueOf(block).Elem().FieldByName("recordsNextOffset")
	if end.Kind() != reflect.Pointer || end.IsNil() || !end.Elem().CanInt() {
		return 0, false
	}
	return end.Elem().Int(), true
}

// add appends the records of a batch that have not been read yet.
func (s *source) add(messages []sarama.ConsumerMessage, batch *sarama.RecordBatch) []sarama.ConsumerMessage {
	if batch.PartialTrailingRecord {
		return messages
	}
	for _, r := range batch.Records {
		offset := batch.FirstOffset + r.OffsetDelta
		if offset < s.next || batch.Control {
			continue
		}
		at := batch.MaxTimestamp
		if !batch.LogAppendTime {
			at = batch.FirstTimestamp.Add(r.TimestampDelta)
		}
		messages = append(messages, sarama.ConsumerMessage{
			Topic: s.topic, Partition: s.id, Offset: offset, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: at,
		})
	}
	s.next = max(s.next, batch.LastOffset()+1)
	return messages
}
