package journal

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

const (
	// applyBatch is the most messages that go to the handler at once.
	applyBatch = 512
	// releaseTimeout is how long a handler has to let go of a shard. The shard's
	// next owner waits for it.
	releaseTimeout = time.Second
	// askEvery is how often a handler is asked whether it still has its shard: one
	// that has lost it can say so only when it is called.
	askEvery = time.Second
)

// Handler receives the shards that this node owns. Calls for one shard come one
// at a time and in this order: Own, any number of Apply, Release. Calls for
// different shards come at once from different goroutines.
type Handler interface {
	// Assigned says, at each new generation of the group and before any Own of
	// it, which shards are this node's from now on, ascending: none, too, when
	// there are more nodes than shards. Of those that it had before, Apply goes on
	// all the while; of new ones Own follows. Those that were taken away have been
	// released, unless Release has taken too long. Generations follow each other by
	// one while this node stays in the group; if one is left out, another node may
	// have had any of the shards meanwhile. No Own is under way. It must not block.
	Assigned(generation int32, shards []int32)

	// Own says that the shard is this node's from now on. Records follow from
	// offset from, the committed one or the oldest there is; those below end were
	// in the journal before, and may have been applied by an earlier owner.
	// generation is that of the newest Assigned. A shard that stays this node's
	// across a rebalance goes on without a new Own. After an error the shard is
	// released, and owned anew a little later, in the same or a later generation.
	Own(ctx context.Context, shard, generation int32, from, end int64) error

	// Apply hands over the next records in the order of the journal, Offset and
	// Time set; they are the handler's to keep. next is the offset after the last
	// message read, which may lie beyond the last record, and records may be
	// empty: messages that are no records are left out, and about once a second it
	// comes with the same next as before, so that the error of a handler that cannot
	// go on does not wait for a record. Blocking holds back this shard and no other.
	// An error acts as that of Own. ctx ends with the claim.
	Apply(ctx context.Context, shard int32, records []hub.Record, next int64) error

	// Release says that the claim has ended, by a rebalance or the end of Run, or
	// after an error. The handler flushes and commits what it can before ctx
	// ends, a second later, and returns: another node, or this one again, owns the
	// shard next, and waits for it that long. Later commits are refused.
	Release(ctx context.Context, shard int32)
}

// Consumer is a member of the consumer group that owns the journal's shards.
// Its methods may be called at once from many goroutines.
type Consumer struct {
	group   *kafka.Group
	shards  int32
	log     *slog.Logger
	skipped prometheus.Counter

	// ownership is held for reading by Own, for writing by Assigned, so that Own
	// tells the generation that is known.
	ownership  sync.RWMutex
	generation int32

	mu     sync.Mutex
	claims map[int32]*progress
}

// progress is how far a claim has been read.
type progress struct {
	next      int64
	highWater func() int64
}

// NewConsumer returns a consumer for a journal of the given number of shards. It
// does no I/O. metrics may be nil.
func NewConsumer(cfg kafka.Config, shards int32, metrics prometheus.Registerer, log *slog.Logger) *Consumer {
	log = log.With("part", "journal consumer")
	c := &Consumer{
		group:  kafka.NewGroup(cfg, Group, []string{TopicName}, log),
		shards: shards, log: log, claims: make(map[int32]*progress),
		skipped: promauto.With(metrics).NewCounter(prometheus.CounterOpts{
			Name: "bongsu_journal_skipped_total", Help: "Journal messages that are no records and were left out.",
		}),
	}
	promauto.With(metrics).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bongsu_journal_lag_records", Help: "Records of this node's shards that have not been applied yet.",
	}, func() float64 {
		var total int64
		for _, lag := range c.Lag() {
			total += lag
		}
		return float64(total)
	})
	return c
}

// Run owns shards and hands their records to h until ctx ends; then it releases
// them, leaves the group and returns nil. It rides out a Kafka that is away. It
// returns an error only for settings that cannot work.
func (c *Consumer) Run(ctx context.Context, h Handler) error {
	return c.group.Run(ctx, kafka.Handler{
		Assigned: func(generation int32, claims map[string][]int32) {
			c.ownership.Lock()
			defer c.ownership.Unlock()
			c.generation = generation
			h.Assigned(generation, slices.Sorted(slices.Values(claims[TopicName])))
		},
		Consume: func(ctx context.Context, claim kafka.Claim) error {
			return c.consume(ctx, claim, h)
		},
	})
}

// Rejoin releases all shards of this node and joins the group again soon, which
// gives it shards anew. It does not wait for that.
func (c *Consumer) Rejoin() { c.group.Rejoin() }

// Fresh reports whether the group has taken this node for a member in the last second.
func (c *Consumer) Fresh() bool { return c.group.Fresh() }

// Withdraw releases all shards of this node and leaves the group, which gives them
// to others, until Rejoin. It does not wait for that.
func (c *Consumer) Withdraw() { c.group.Withdraw() }

// Commit stores, for shards that this node owns, the offset to start from next
// time, and returns when Kafka has them. The error wraps hub.ErrUnavailable: the
// group is not joined, a newer generation exists, or Kafka is away. It blocks
// for some seconds at most.
func (c *Consumer) Commit(next map[int32]int64) error {
	return c.group.Commit(TopicName, next)
}

// Lag returns, for each shard that this node owns, how many messages have been
// appended that the handler has not taken yet, as far as is known.
func (c *Consumer) Lag() map[int32]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	lag := make(map[int32]int64, len(c.claims))
	for shard, p := range c.claims {
		lag[shard] = max(0, p.highWater()-p.next)
	}
	return lag
}

func (c *Consumer) consume(ctx context.Context, claim kafka.Claim, h Handler) error {
	shard := claim.Partition
	if owned, err := c.own(ctx, claim, h); !owned {
		return nil
	} else if err != nil {
		release(ctx, h, shard)
		return err
	}
	p := &progress{next: claim.From, highWater: claim.HighWater}
	c.mu.Lock()
	c.claims[shard] = p
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.claims, shard)
		c.mu.Unlock()
		release(ctx, h, shard)
	}()
	reader := reader{consumer: c, shard: shard}
	ask := time.NewTicker(askEvery)
	defer ask.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ask.C:
			if err := h.Apply(ctx, shard, nil, p.next); err != nil {
				return err
			}
		case messages := <-claim.Batches:
			for part := range slices.Chunk(messages, applyBatch) {
				next := part[len(part)-1].Offset + 1
				if err := h.Apply(ctx, shard, reader.read(part), next); err != nil {
					return err
				}
				c.mu.Lock()
				p.next = next
				c.mu.Unlock()
				if ctx.Err() != nil {
					return nil
				}
			}
		}
	}
}

// own begins a claim, unless it has ended: by then its shard may be another's.
func (c *Consumer) own(ctx context.Context, claim kafka.Claim, h Handler) (owned bool, err error) {
	c.ownership.RLock()
	defer c.ownership.RUnlock()
	if ctx.Err() != nil {
		return false, nil
	}
	return true, h.Own(ctx, claim.Partition, c.generation, claim.From, claim.End)
}

func release(ctx context.Context, h Handler, shard int32) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	h.Release(ctx, shard)
}

// reader turns messages of one claim into records.
type reader struct {
	consumer *Consumer
	decoder  Decoder
	shard    int32
}

// read decodes messages.
func (r *reader) read(messages []sarama.ConsumerMessage) []hub.Record {
	records := make([]hub.Record, 0, len(messages))
	for i := range messages {
		records = r.add(records, &messages[i])
	}
	return records
}

// add decodes a message. One that is no record is counted and left out: every
// reader leaves it out, so that it changes no numbers.
func (r *reader) add(records []hub.Record, m *sarama.ConsumerMessage) []hub.Record {
	record, err := r.decoder.Decode(m.Key, m.Value)
	if err == nil && record.Stream.Shard(r.consumer.shards) != r.shard {
		err = hub.Invalidf("a journal record of stream %s in the wrong shard", record.Stream)
	}
	if err != nil {
		r.consumer.skipped.Inc()
		r.consumer.log.Error("left out a journal message", "shard", r.shard, "offset", m.Offset, "err", err)
		return records
	}
	record.Offset, record.Time = m.Offset, m.Timestamp.UnixMilli()
	return append(records, record)
}
