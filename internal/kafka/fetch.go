package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

const (
	// fetchVersion is one that the oldest brokers know.
	fetchVersion = 11
	// fetchWait is how long a fetch without records is held at the broker. A
	// partition that is added meanwhile waits for it, so it is short.
	fetchWait = 100 * time.Millisecond
	// lookAgain is how long it is while partitions are left out whose batches
	// nobody has taken yet.
	lookAgain = 10 * time.Millisecond
	// fetchBytes is the most that one fetch brings of one partition, the first
	// batch aside, which always comes whole; fetchTotal, of all.
	fetchBytes = 256 << 10
	fetchTotal = 16 << 20
	// largestBatch is the largest batch that is asked for again whole.
	largestBatch = 64 << 20
	// waitingBatches is how many batches of a partition wait for its reader. Then
	// it is fetched no more until one is taken.
	waitingBatches = 2
	// electing is how long it is until the leaders of partitions are asked for
	// that have lost theirs.
	electing = 50 * time.Millisecond
	// nowhere is the leader of a source whose leader has to be found.
	nowhere = -1
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
	// starved counts fetches without records though there are some.
	starved int
}

func newSource(p partition, next, end int64, fail func(error)) *source {
	s := &source{
		partition: p, next: next, size: fetchBytes, leader: nowhere, fail: fail,
		batches: make(chan []sarama.ConsumerMessage, waitingBatches),
	}
	s.highWater.Store(end)
	return s
}

// fetcher reads partitions by one loop a broker, so that a fetch wakes the
// readers of those partitions only that have records.
type fetcher struct {
	client sarama.Client // its connections are busy with waiting fetches
	log    *slog.Logger

	// homeless wakes the one that looks for leaders.
	homeless chan struct{}
	running  sync.WaitGroup

	mu      sync.Mutex
	sources map[*source]struct{}
	loops   map[int32]chan struct{} // wakes the loop of a broker
}

func newFetcher(client sarama.Client, log *slog.Logger) *fetcher {
	return &fetcher{
		client: client, log: log, sources: make(map[*source]struct{}),
		loops: make(map[int32]chan struct{}), homeless: make(chan struct{}, 1),
	}
}

// run reads until ctx ends.
func (f *fetcher) run(ctx context.Context) {
	defer f.running.Wait()
	var pause Backoff
	for ctx.Err() == nil {
		if f.house(ctx) {
			pause.Reset()
			select {
			case <-ctx.Done():
			case <-f.homeless:
				sleep(ctx, electing) // an old leader's answer comes before the new one is known
			}
		} else {
			pause.Wait(ctx)
		}
		if ctx.Err() == nil {
			f.refresh()
		}
	}
}

// add begins to read.
func (f *fetcher) add(ctx context.Context, added ...*source) {
	f.mu.Lock()
	for _, s := range added {
		f.sources[s] = struct{}{}
	}
	f.mu.Unlock()
	if !f.house(ctx) {
		wake(f.homeless)
	}
}

// remove ends reading. What is fetched just now is dropped.
func (f *fetcher) remove(s *source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sources, s)
}

func wake(who chan<- struct{}) {
	select {
	case who <- struct{}{}:
	default:
	}
}

// house gives sources to the loops of their leaders, as far as the client knows
// them, and reports whether none is left.
func (f *fetcher) house(ctx context.Context) bool {
	all := true
	for _, s := range f.of(nowhere) {
		leader, _, err := f.client.LeaderAndEpoch(s.topic, s.id)
		if err != nil {
			f.log.Debug("no leader", "topic", s.topic, "partition", s.id, "err", err)
			all = false
			continue
		}
		f.mu.Lock()
		if s.leader == nowhere { // else somebody else was faster
			s.leader = leader.ID()
		}
		loop, ok := f.loops[s.leader]
		if !ok && ctx.Err() == nil {
			loop = make(chan struct{}, 1)
			f.loops[s.leader] = loop
			id := s.leader
			f.running.Go(func() { f.loop(ctx, id, loop) })
		}
		f.mu.Unlock()
		wake(loop)
	}
	return all
}

// refresh asks anew who leads the partitions that have no leader.
func (f *fetcher) refresh() {
	topics := map[string]bool{}
	for _, s := range f.of(nowhere) {
		if !topics[s.topic] {
			topics[s.topic] = true
			if err := f.client.RefreshMetadata(s.topic); err != nil {
				f.log.Debug("cannot ask for leaders", "topic", s.topic, "err", err)
			}
		}
	}
}

// of returns the sources of one leader.
func (f *fetcher) of(leader int32) []*source {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []*source
	for s := range f.sources {
		if s.leader == leader {
			found = append(found, s)
		}
	}
	return found
}

// unhouse takes sources from the loop that calls it, to look for their leaders.
func (f *fetcher) unhouse(sources []*source) {
	f.mu.Lock()
	for _, s := range sources {
		s.leader = nowhere
	}
	f.mu.Unlock()
	wake(f.homeless)
}

// loop reads the partitions that one broker leads.
func (f *fetcher) loop(ctx context.Context, id int32, added <-chan struct{}) {
	var due []*source
	var pause Backoff
	memory := &fetchSession{}
	for ctx.Err() == nil {
		all := f.of(id)
		if len(all) == 0 {
			select {
			case <-ctx.Done():
			case <-added:
			}
			continue
		}
		wait := fetchWait
		due = due[:0]
		for _, s := range all {
			if len(s.batches) < cap(s.batches) {
				due = append(due, s)
			} else {
				wait = lookAgain
			}
		}
		if len(due) == 0 {
			sleep(ctx, lookAgain)
			continue
		}
		broker, err := f.client.Broker(id)
		if err == nil {
			err = f.fetch(broker, due, len(due) == len(all), wait, memory)
		}
		if err != nil && ctx.Err() == nil {
			f.log.Debug("cannot fetch", "broker", id, "err", err)
			pause.Wait(ctx)
			f.unhouse(all)
			continue
		}
		pause.Reset()
	}
}

// fetch reads once, and hands out what came. whole says that due is everything
// that is read from this broker; memory may be nil. An error is of the connection.
func (f *fetcher) fetch(broker *sarama.Broker, due []*source, whole bool, wait time.Duration, memory *fetchSession) error {
	if i := hungry(due); i >= 0 {
		due, whole = due[i:i+1], whole && len(due) == 1
	}
	request := &sarama.FetchRequest{
		Version: fetchVersion, MaxWaitTime: int32(wait.Milliseconds()), MinBytes: 1, MaxBytes: fetchTotal,
	}
	memory.ask(request, due, whole)
	response, err := broker.Fetch(request)
	if err != nil {
		memory.forget()
		_ = broker.Close() // the next call connects again
		return err
	}
	if !memory.answered(request, response) {
		return nil
	}
	var moved []*source
	for _, s := range due {
		block := response.GetBlock(s.topic, s.id)
		switch {
		case block == nil: // nothing new
		case block.Err == sarama.ErrNoError:
			s.take(block, len(due) == 1)
		case block.Err == sarama.ErrOffsetOutOfRange:
			f.remove(s)
			s.fail(fmt.Errorf("offset %d: %w", s.next, block.Err))
		default:
			f.log.Debug("cannot read", "topic", s.topic, "partition", s.id, "err", block.Err)
			moved = append(moved, s)
		}
	}
	if len(moved) > 0 {
		f.unhouse(moved)
	}
	return nil
}

// hungry returns the index of a source to be fetched alone, -1 if there is none.
func hungry(sources []*source) int {
	for i, s := range sources {
		if s.starved >= 3 {
			return i
		}
	}
	return -1
}

var errOldFormat = errors.New("messages in a format older than Kafka 0.11")

// take hands out the records of a block; alone says that no other partition was
// asked for.
func (s *source) take(block *sarama.FetchResponseBlock, alone bool) {
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
		s.grow(block, partial, alone)
		return
	}
	s.size, s.starved = fetchBytes, 0
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
func (s *source) grow(block *sarama.FetchResponseBlock, partial, alone bool) {
	switch {
	case partial && s.size >= largestBatch:
		s.fail(fmt.Errorf("a batch at offset %d has more than %d bytes", s.next, largestBatch))
	case partial:
		s.size *= 2
	case block.HighWaterMarkOffset <= s.next:
		s.starved = 0
	case alone && s.starved >= 3:
		// A broker that has a batch with records returns it whole if nothing else
		// was asked for, so there is none at this offset.
		s.next, s.starved = s.next+1, 0
	default:
		s.starved++
	}
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
