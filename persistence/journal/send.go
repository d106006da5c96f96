package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/kafka"
)

const (
	// resend is the pause before a batch is sent again.
	resend = 50 * time.Millisecond
	// probeEvery is how often a Kafka that is away is looked for.
	probeEvery = 250 * time.Millisecond
	// produceVersion is that of the produce requests; brokers from 2.1 know it.
	produceVersion = 7
	// maxSequence is where a shard takes a new identity, well before the
	// sequence numbers wrap.
	maxSequence = 1 << 30
)

// dispatch sends what is queued until ctx ends.
func (p *Producer) dispatch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
			p.round()
		}
	}
}

// round sends one request to each broker that leads a shard with something to
// send and has no request on its way.
func (p *Producer) round() {
	if !p.located() {
		if err := p.locate(); err != nil {
			p.fail(err) // shards whose leader is known go on
		}
	}
	for {
		leader, shards := p.collect()
		if len(shards) == 0 {
			return
		}
		p.running.Go(func() { p.send(leader, shards) })
	}
}

// located reports whether the leader of each shard with work is known.
func (p *Producer) located() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.shards {
		if s.leader == noLeader && (s.pending != nil || len(s.queue) > 0) {
			return false
		}
	}
	return true
}

// locate asks Kafka who leads the shards. It blocks for the answer.
func (p *Producer) locate() error {
	err := p.client.RefreshMetadata(TopicName)
	if err != nil && !errors.Is(err, sarama.ErrLeaderNotAvailable) { // which some shard may lack
		return err
	}
	led, err := p.client.WritablePartitions(TopicName)
	if err != nil {
		return err
	}
	leaders := make([]int32, len(p.shards))
	for i := range leaders {
		leaders[i] = noLeader
	}
	for _, number := range led {
		if broker, err := p.client.Leader(TopicName, number); err == nil && int(number) < len(leaders) {
			leaders[number] = broker.ID()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range p.shards {
		s.leader = leaders[i]
	}
	return nil
}

// collect picks a broker that is not busy and the shards whose batches go there.
func (p *Producer) collect() (leader int32, shards []*shard) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, size := time.Now(), 0
	p.overdueLocked(now)
	for i := range p.shards {
		s := p.shards[(p.turn+i)%len(p.shards)]
		if s.sending || p.busy[s.leader] || (len(shards) > 0 && s.leader != leader) {
			continue
		}
		ready, dropped := s.fill(now)
		p.releaseLocked(dropped)
		if !ready {
			continue
		}
		if s.leader == noLeader { // an election, perhaps
			p.retryLocked(s, noLeader, sarama.ErrLeaderNotAvailable)
			continue
		}
		leader = s.leader
		s.sending = true
		shards = append(shards, s)
		if size += s.pending.size; size >= maxRequest {
			p.turn = int(s.number) + 1 // so that no shard starves behind busy ones
			break
		}
	}
	if len(shards) > 0 {
		p.busy[leader] = true
	}
	return leader, shards
}

// send sends the pending batches of shards to their leader and settles them.
func (p *Producer) send(leader int32, shards []*shard) {
	broker, err := p.client.Leader(TopicName, shards[0].number)
	if err == nil && broker.ID() != leader {
		err = sarama.ErrNotLeaderForPartition
	}
	var response *sarama.ProduceResponse
	if err == nil {
		if response, err = p.produce(broker, shards); err != nil {
			_ = broker.Close() // the next use connects again
		}
	}
	if moved := p.settle(leader, shards, response, err); moved {
		_ = p.locate() // on an error the old leaders are tried again
	}
	p.mu.Lock()
	delete(p.busy, leader)
	p.mu.Unlock()
	p.signal()
}

func (p *Producer) produce(broker *sarama.Broker, shards []*shard) (*sarama.ProduceResponse, error) {
	if err := p.number(broker, shards); err != nil {
		return nil, err
	}
	request := &sarama.ProduceRequest{
		Version: produceVersion, RequiredAcks: sarama.WaitForAll,
		Timeout: int32(replicaPatience / time.Millisecond),
	}
	for _, s := range shards {
		request.AddBatch(TopicName, s.number, s.pending.records)
	}
	if p.late(shards) {
		return nil, fmt.Errorf("the process stood still: %w", os.ErrDeadlineExceeded)
	}
	return broker.Produce(request)
}

// late reports whether some of the batches should have been sent long ago.
func (p *Producer) late(shards []*shard) bool {
	now := time.Now()
	return slices.ContainsFunc(shards, func(s *shard) bool {
		return kafka.Elapsed(s.pending.since, now) > replicaPatience+giveUp
	})
}

// number gives the batches that have none the next sequence numbers of their
// shards. A batch that is sent again keeps its own, by which the broker knows it. An
// identity that was spoiled is not taken up again: under it the broker may take a new
// batch for one that it has.
func (p *Producer) number(broker *sarama.Broker, shards []*shard) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range shards {
		if s.next > maxSequence && s.pending.writer != s.writer { // one that is sent again keeps its number
			p.spoilLocked(s)
			p.writer = nil
		}
	}
	if p.writer == nil {
		p.mu.Unlock()
		writer, err := newIdentity(broker)
		p.mu.Lock()
		if err != nil {
			return err
		}
		p.writer = writer
	}
	for _, s := range shards {
		if s.writer == nil {
			s.writer, s.next = p.writer, 0
		}
		b := s.pending
		if b.writer == s.writer {
			continue
		}
		b.writer = s.writer
		b.records.ProducerID, b.records.ProducerEpoch, b.records.FirstSequence = s.writer.id, s.writer.epoch, s.next
		s.next += int32(len(b.records.Records))
	}
	return nil
}

// newIdentity asks the broker for an identity that nobody has used.
func newIdentity(broker *sarama.Broker) (*identity, error) {
	request := &sarama.InitProducerIDRequest{Version: 4, ProducerID: -1, ProducerEpoch: -1}
	response, err := broker.InitProducerID(request)
	if err != nil {
		return nil, err
	}
	if response.Err != sarama.ErrNoError {
		return nil, response.Err
	}
	return &identity{id: response.ProducerID, epoch: response.ProducerEpoch}, nil
}

// settle decides what becomes of each batch and reports whether the leaders
// should be looked up again.
func (p *Producer) settle(leader int32, shards []*shard, response *sarama.ProduceResponse, err error) (moved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range shards {
		s.sending = false
		if p.closed {
			continue
		}
		outcome := err
		if outcome == nil {
			outcome = verdict(response, s.number)
		}
		switch {
		case outcome == nil:
			p.acknowledgeLocked(s)
		case lostSequence(outcome):
			p.log.Warn("the journal's broker lost count of this producer; numbering anew", "shard", s.number, "err", outcome)
			p.spoilLocked(s)
			p.retryLocked(s, leader, outcome)
		case errors.Is(outcome, sarama.ErrMessageSizeTooLarge) && len(s.pending.records.Records) > 1:
			p.splitLocked(s)
		case kafka.Disconnected(outcome) || kafka.Retriable(outcome):
			moved = true
			p.retryLocked(s, leader, outcome)
		default:
			p.refusal.Failed(p.log, "Kafka refuses a journal batch", outcome, "shard", s.number)
			p.refuseLocked(s, kafka.Classify(outcome))
		}
	}
	return moved
}

func verdict(response *sarama.ProduceResponse, number int32) error {
	block := response.GetBlock(TopicName, number)
	switch {
	case block == nil:
		return sarama.ErrIncompleteResponse
	case block.Err == sarama.ErrNoError, block.Err == sarama.ErrDuplicateSequenceNumber:
		return nil
	}
	return block.Err
}

func lostSequence(err error) bool {
	return errors.Is(err, sarama.ErrOutOfOrderSequenceNumber) || errors.Is(err, sarama.ErrUnknownProducerID) ||
		errors.Is(err, sarama.ErrInvalidProducerEpoch) || errors.Is(err, sarama.ErrProducerFenced)
}
