package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	// batch aside, which always comes whole; fetchTotal, of all; firstTotal, at the
	// beginning of claims, over the connection of commits.
	fetchBytes = 256 << 10
	fetchTotal = 16 << 20
	firstTotal = 1 << 20
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
	// fetchTimeout is how long an answer may take on a slow link. A broker that
	// hangs is found out by it too, about when Kafka does.
	fetchTimeout = 10 * time.Second
	// corruptSaid is how long it is until a partition is said again to be corrupt.
	corruptSaid = time.Minute
)

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
	loops   map[int32]*loop
	corrupt map[partition]time.Time // when they were last said to be
}

func newFetcher(client sarama.Client, log *slog.Logger) *fetcher {
	return &fetcher{
		client: client, log: log, homeless: make(chan struct{}, 1),
		sources: make(map[*source]struct{}), loops: make(map[int32]*loop), corrupt: make(map[partition]time.Time),
	}
}

// run reads until ctx ends.
func (f *fetcher) run(ctx context.Context) {
	defer f.running.Wait()
	pause := Backoff{Max: quick}
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
			if Disconnected(err) { // it would not be known of the others either
				return false
			}
			all = false
			continue
		}
		f.mu.Lock()
		if s.leader == nowhere { // else somebody else was faster
			s.leader = leader.ID()
		}
		reader := f.loops[s.leader]
		if reader == nil {
			reader = newLoop(f, s.leader)
			f.loops[s.leader] = reader
			f.running.Go(func() { reader.run(ctx) })
		}
		f.mu.Unlock()
		wake(reader.added)
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

// terms are those of a fetch.
type terms struct {
	// whole says that it is for everything that is read from the broker.
	whole bool
	// wait is how long the broker may wait for records, total the most bytes.
	wait  time.Duration
	total int32
	// memory is what the broker knows already; nil for nothing.
	memory *fetchSession
}

// errCorrupt means that an answer has come that cannot be decoded.
var errCorrupt = errors.New("what the broker sent cannot be decoded")

// fetch reads once, and hands out what came. An error is of the connection, or
// errCorrupt.
func (f *fetcher) fetch(broker *sarama.Broker, due []*source, t terms) error {
	if i := hungry(due); i >= 0 {
		due, t.whole = due[i:i+1], t.whole && len(due) == 1
	}
	request := &sarama.FetchRequest{
		Version: fetchVersion, MaxWaitTime: int32(t.wait.Milliseconds()), MinBytes: 1, MaxBytes: t.total,
	}
	t.memory.ask(request, due, t.whole)
	response, err := broker.Fetch(request)
	if err != nil {
		t.memory.forget()
		if connected, _ := broker.Connected(); connected && !Disconnected(err) {
			return fmt.Errorf("%w: %w", errCorrupt, err)
		}
		_ = broker.Close() // the next call connects again
		return err
	}
	if !t.memory.answered(request, response) {
		return nil
	}
	var moved []*source
	for _, s := range due {
		block := response.GetBlock(s.topic, s.id)
		switch {
		case block == nil: // nothing new
		case block.Err == sarama.ErrNoError:
			s.take(block, len(due) == 1, f.log)
		case block.Err == sarama.ErrOffsetOutOfRange:
			f.remove(s)
			s.fail(fmt.Errorf("offset %d: %w", s.next, block.Err))
		case block.Err == sarama.ErrInvalidMessage:
			f.giveUp(s, block.Err)
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

// giveUp ends a claim whose next batch is corrupt. It begins anew later, as the
// broker may have a sound copy by then.
func (f *fetcher) giveUp(s *source, err error) {
	f.remove(s)
	f.mu.Lock()
	now := time.Now()
	say := now.Sub(f.corrupt[s.partition]) >= corruptSaid
	if say {
		f.corrupt[s.partition] = now
	}
	f.mu.Unlock()
	if say {
		f.log.Error("a batch is corrupt: its partition stands still until it can be read",
			"topic", s.topic, "partition", s.id, "offset", s.next, "err", err)
	}
	s.fail(fmt.Errorf("offset %d: %w", s.next, err))
}

// hungry returns the index of a source to be fetched alone, -1 if there is none.
func hungry(sources []*source) int {
	for i, s := range sources {
		if s.starved >= hungryAfter {
			return i
		}
	}
	return -1
}
