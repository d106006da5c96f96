package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/internal/outage"
)

// Group is the consumer group that shares the ingress topics between nodes.
const Group = "bongsu-ingest"

// Journal is where records go.
type Journal interface {
	// Append returns when all records are durable. On an error some may be. An
	// error that wraps hub.ErrInvalid means that the records never can be
	// appended, and that none was.
	Append(ctx context.Context, records []hub.Record) error
}

// Options says what to ingest.
type Options struct {
	Kafka kafka.Config
	// Topics are the ingress topics. Those that do not exist are created.
	Topics []string
	// Partitions is how many partitions a created topic gets; 0 means 8.
	Partitions int32
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

// Ingester moves events from the ingress topics to the journal.
type Ingester struct {
	options Options
	journal Journal
	group   *kafka.Group
	letters *DeadLetters
	metrics *metrics
	log     *slog.Logger

	mu     sync.Mutex
	untold int       // dead letters that have not been logged
	told   time.Time // when some were
}

// New returns an ingester that does nothing yet.
func New(o Options, journal Journal, log *slog.Logger) *Ingester {
	if o.Partitions == 0 {
		o.Partitions = 8
	}
	log = log.With("part", "ingest")
	return &Ingester{
		options: o, journal: journal, log: log,
		group:   kafka.NewGroup(o.Kafka, Group, o.Topics, log),
		letters: NewDeadLetters(o.Kafka),
		metrics: newMetrics(o.Metrics),
	}
}

// Run ingests until ctx ends and returns nil. It rides out a Kafka that is away.
// It returns an error only for settings that cannot work.
//
// Events of one ingress partition for one target are appended in their order,
// each at least once; a crash repeats the last of them under the same ids. A
// record that cannot be an event is in the dead-letter topic before its offset
// is committed. While the journal refuses, the same records are tried again.
func (in *Ingester) Run(ctx context.Context) error {
	if len(in.options.Topics) == 0 {
		return errors.New("no ingress topics are given")
	}
	defer in.letters.Close()
	if err := in.ensureTopics(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	return in.group.Run(ctx, kafka.Handler{Consume: in.consume})
}

// ensureTopics tries until the topics are there or ctx ends.
func (in *Ingester) ensureTopics(ctx context.Context) error {
	var topics []kafka.Topic
	for _, name := range in.options.Topics {
		topics = append(topics,
			kafka.Topic{Name: name, Partitions: in.options.Partitions},
			kafka.Topic{Name: DeadLetterTopic(name), Partitions: 1})
	}
	var again kafka.Backoff
	var away outage.Log
	for ctx.Err() == nil {
		_, err := kafka.EnsureTopics(ctx, in.options.Kafka, topics)
		if err == nil || !hub.Temporary(err) {
			away.Over(in.log, "the ingress topics are there")
			return err
		}
		away.Failed(in.log, "cannot look at the ingress topics", err)
		again.Wait(ctx)
	}
	return nil
}

// consume moves one claim's records until the claim ends.
func (in *Ingester) consume(ctx context.Context, claim kafka.Claim) error {
	offsets := newOffsets(claim.Claims, claim.From, func(next int64) error {
		return in.group.Commit(claim.Topic, map[int32]int64{claim.Partition: next})
	})
	batches := batcher{batches: claim.Batches}
	lag := in.metrics.lag.WithLabelValues(claim.Topic, claimName(claim.Partition))
	defer lag.Set(0)
	for {
		if ctx.Err() != nil {
			return offsets.finish()
		}
		batches.perTarget = offsets.perTarget()
		b, ok := batches.next(ctx.Done(), offsets.due)
		if !ok {
			return offsets.finish()
		}
		if b == nil { // nothing came for a while
			if err := offsets.commit(); err != nil {
				return err
			}
			continue
		}
		if err := offsets.makeRoom(b); err != nil {
			return err
		}
		if err := in.move(ctx, claim, b); err != nil {
			return errors.Join(err, offsets.finish())
		}
		offsets.add(b)
		lag.Set(float64(max(0, claim.HighWater()-b.next)))
	}
}

// grace is how long an append that is under way may take on after its claim ended.
const grace = time.Second

// move appends the batch and buries its dead, again and again until both are
// done. It returns an error when ctx ends first.
func (in *Ingester) move(ctx context.Context, claim kafka.Claim, b *batch) error {
	ctx, cancel := withGrace(ctx)
	defer cancel()
	if err := in.append(ctx, claim, b); err != nil {
		return err
	}
	if err := in.bury(ctx, b.dead); err != nil {
		return err
	}
	in.metrics.events.Add(float64(len(b.events)))
	in.metrics.records.Add(float64(b.records))
	return nil
}

func (in *Ingester) append(ctx context.Context, claim kafka.Claim, b *batch) error {
	if len(b.events) == 0 {
		return nil
	}
	err := in.appendAll(ctx, claim, b.journalRecords())
	if !errors.Is(err, hub.ErrInvalid) {
		return err
	}
	// Some event cannot be journaled: find it.
	kept := b.events[:0]
	for _, e := range b.events {
		err := in.appendAll(ctx, claim, e.records)
		switch {
		case errors.Is(err, hub.ErrInvalid):
			b.dead = append(b.dead, deadLetter{e.message, err})
			b.records -= len(e.records)
		case err != nil:
			return err
		default:
			kept = append(kept, e)
		}
	}
	b.events = kept
	return nil
}

// appendAll appends until it succeeds, is refused for good, the claim is lost, or
// ctx ends. A process that was stopped and has woken up must not append what it
// has in hand if another one has the partition by now: the streams may have gone
// on for so long that they no longer know the ids again.
func (in *Ingester) appendAll(ctx context.Context, claim kafka.Claim, records []hub.Record) error {
	var again kafka.Backoff
	for {
		if err := claim.AwaitFresh(ctx); err != nil {
			return err
		}
		err := in.journal.Append(ctx, records)
		if err == nil || errors.Is(err, hub.ErrInvalid) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		in.metrics.retries.Inc()
		in.log.Debug("the journal does not take a batch; trying again", "err", err)
		again.Wait(ctx)
	}
}

// bury writes dead letters until they are written or ctx ends.
func (in *Ingester) bury(ctx context.Context, dead []deadLetter) error {
	if len(dead) == 0 {
		return nil
	}
	letters := make([]Letter, len(dead))
	for i, d := range dead {
		letters[i] = d.letter()
	}
	var again kafka.Backoff
	var away outage.Log
	for {
		err := in.letters.Write(letters)
		if err == nil {
			away.Over(in.log, "dead letters are written again")
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		away.Failed(in.log, "cannot write dead letters", err)
		again.Wait(ctx)
	}
	for _, d := range dead {
		in.metrics.dead.WithLabelValues(d.class()).Inc()
	}
	in.tell(dead)
	return nil
}

// tellEvery is how often dead letters are logged at most.
const tellEvery = time.Second

// tell logs dead letters, of which there may be very many.
func (in *Ingester) tell(dead []deadLetter) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.untold += len(dead)
	if time.Since(in.told) < tellEvery {
		return
	}
	last := dead[len(dead)-1]
	in.log.Warn("records went to the dead-letter topic", "count", in.untold, "topic", DeadLetterTopic(last.message.Topic),
		"partition", last.message.Partition, "offset", last.message.Offset, "reason", last.reason)
	in.untold, in.told = 0, time.Now()
}

// withGrace returns a context that ends some time after ctx does.
func withGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-later.Done():
		}
	})
	return later, func() {
		stop()
		cancel()
	}
}
