package journal

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// Methods that end in Locked want p.mu held.

// acknowledgeLocked counts the shard's batch as done.
func (p *Producer) acknowledgeLocked(s *shard) {
	for _, part := range s.pending.parts {
		part.call.acknowledge(len(part.records))
		p.releaseLocked(part.size)
	}
	s.pending, p.acked = nil, time.Now()
	p.refusal.Over(p.log, "Kafka takes journal batches again")
}

// splitLocked puts a batch that is too large for Kafka back in front of the queue,
// to be sent in smaller ones: a record must not fail for the company it was in.
func (p *Producer) splitLocked(s *shard) {
	s.limit = s.pending.size / 2
	p.log.Warn("Kafka's limit for a batch is below the journal's; sending smaller ones", "shard", s.number, "bytes", s.limit)
	s.queue = append(s.pending.parts, s.queue...)
	s.pending = nil
	p.spoilLocked(s)
}

// retryLocked has the shard's batch sent again, or gives up on the shard, and on
// all others of the leader that it was sent to if that is not to be reached.
func (p *Producer) retryLocked(s *shard, leader int32, err error) {
	now := time.Now()
	if now.Sub(s.pending.since)+resend < giveUp {
		s.after = now.Add(resend)
		time.AfterFunc(resend, p.signal)
		return
	}
	away := hub.Unavailablef("Kafka is away: %w", err)
	p.downLocked(s, away)
	if !kafka.Disconnected(err) {
		return
	}
	for _, other := range p.shards {
		if other.leader == leader && !other.sending {
			p.downLocked(other, away)
		}
	}
}

// downLocked fails what waits in the shard, and from now on its appends at once,
// until the probe finds it back.
func (p *Producer) downLocked(s *shard, away error) {
	if s.down == nil {
		s.down = away
		p.log.Debug("journal shard is down", "shard", s.number, "err", away)
	}
	p.failLocked(s, away)
}

// failLocked tells the callers of all that waits in the shard.
func (p *Producer) failLocked(s *shard, err error) {
	if s.pending != nil && !s.sending {
		p.refuseLocked(s, err)
	}
	for _, part := range s.queue {
		part.call.finish(err)
		p.releaseLocked(part.size)
	}
	s.queue = nil
	if s.sending { // what becomes of the batch is not known, but its callers need not wait
		for _, part := range s.pending.parts {
			part.call.finish(err)
		}
	}
}

// refuseLocked fails the shard's batch. Whether Kafka has it may not be known,
// so that the next batch cannot continue its sequence.
func (p *Producer) refuseLocked(s *shard, err error) {
	for _, part := range s.pending.parts {
		part.call.finish(err)
		p.releaseLocked(part.size)
	}
	s.pending = nil
	p.spoilLocked(s)
}

// spoilLocked makes the shard take a new identity for its next batch.
func (p *Producer) spoilLocked(s *shard) {
	if p.writer == s.writer {
		p.writer = nil
	}
	s.writer = nil
}

func (p *Producer) releaseLocked(size int) {
	if size > 0 {
		p.queued -= size
		p.room.Broadcast()
	}
}

// fail counts a failed look-up of the leaders against each shard that waits for one.
func (p *Producer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, s := range p.shards {
		if s.sending || s.leader != noLeader {
			continue
		}
		ready, dropped := s.fill(now)
		p.releaseLocked(dropped)
		if ready {
			p.retryLocked(s, noLeader, err)
		}
	}
}

// probe looks, while a shard is down, whether its leader answers again.
func (p *Producer) probe(ctx context.Context) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		down := p.down()
		if len(down) > 0 && !away {
			away = true
			p.log.Warn("Kafka is away: appends to the journal fail at once", "shards", len(down), "err", down[0].err)
		}
		if len(down) > 0 {
			p.revive(down)
		}
		if away && len(p.down()) == 0 {
			away = false
			p.log.Info("Kafka is back: the journal takes records again")
		}
	}
}

// watch looks for shards that wait too long, and never waits itself.
func (p *Producer) watch(ctx context.Context) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.mu.Lock()
			p.overdueLocked(time.Now())
			p.mu.Unlock()
		}
	}
}

// overdueLocked gives up on shards that wait too long for an answer that may not come,
// such as that of a broker that hangs. Waiting behind others for one's turn does
// not count while Kafka acknowledges anything.
func (p *Producer) overdueLocked(now time.Time) {
	p.wakeLocked(now)
	for _, s := range p.shards {
		since := s.waiting()
		if s.pending == nil && since.Before(p.acked) && !since.IsZero() {
			since = p.acked
		}
		if s.down == nil && !since.IsZero() && now.Sub(since) > replicaPatience+probeEvery {
			p.downLocked(s, hub.Unavailablef("Kafka does not answer"))
		}
	}
}

// wakeLocked fails what has been waiting since before the process stood still, if it
// has: another may have appended it meanwhile. While the process runs, watch looks several
// times a second.
func (p *Producer) wakeLocked(now time.Time) {
	still := kafka.Elapsed(p.ran, now)
	p.ran = now
	if still < stoodStill {
		return
	}
	p.log.Warn("this process stood still; what waited for Kafka is not sent", "for", still)
	for _, s := range p.shards {
		since := s.waiting()
		if !since.IsZero() && kafka.Elapsed(since, now) >= stoodStill-2*probeEvery {
			p.failLocked(s, hub.Unavailablef("the process stood still"))
		}
	}
}

type downShard struct {
	number int32
	err    error
}

func (p *Producer) down() []downShard {
	p.mu.Lock()
	defer p.mu.Unlock()
	var down []downShard
	for _, s := range p.shards {
		if s.down != nil {
			down = append(down, downShard{s.number, s.down})
		}
	}
	return down
}

// revive opens the shards again whose leader answers.
func (p *Producer) revive(down []downShard) {
	if err := p.locate(); err != nil {
		return
	}
	answers := make(map[int32]bool)
	for _, d := range down {
		broker, err := p.client.Leader(TopicName, d.number)
		if err != nil {
			continue
		}
		if _, asked := answers[broker.ID()]; !asked {
			answers[broker.ID()] = answersNow(broker)
		}
		if answers[broker.ID()] {
			p.mu.Lock()
			p.shards[d.number].down = nil
			p.mu.Unlock()
		}
	}
}

func answersNow(broker *sarama.Broker) bool {
	_, err := broker.GetMetadata(&sarama.MetadataRequest{Version: 4, Topics: []string{TopicName}})
	if err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		_ = broker.Close()
	}
	return err == nil
}
