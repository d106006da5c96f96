package journal

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/internal/outage"
)

// Limits of the producer.
const (
	// maxQueue is how many bytes of records may wait; callers beyond it wait to
	// be let in. One call is let in whole, however large.
	maxQueue = 64 << 20
	// maxBatch and maxBatchRecords bound one batch, which is of one shard.
	maxBatch        = MaxRecord
	maxBatchRecords = 8192
	// maxRequest is about how many bytes of batches go to a broker at once.
	maxRequest = 4 << 20
	// giveUp is how long a batch is tried again before its callers are told. They
	// can try again themselves, and want to know at once.
	giveUp = 700 * time.Millisecond
	// stoodStill is for how long the producer has not run if the process was stopped, or
	// the machine suspended: soon after, others may do its work.
	stoodStill = 2 * time.Second
	// replicaPatience is how long a broker may wait for its replicas.
	replicaPatience = 2 * time.Second
	// recordOverhead is about what a waiting record costs beside its value.
	recordOverhead = 160
)

// Producer appends records to the journal. It writes the produce requests
// itself, through sarama's brokers, instead of using sarama's producer, because
// two promises need it: a record that follows a failed one of the same shard is
// never sent before the failure is known to its caller, and records that wait
// for a broker go out together in one request. A batch is sent again under the
// same sequence number, so that the broker drops it if it has it already.
//
// Methods may be called at once from many goroutines.
type Producer struct {
	log     *slog.Logger
	client  sarama.Client
	metrics *producerMetrics
	wake    chan struct{} // holds a token when the queues may have work
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	room    *sync.Cond // signalled when queued shrinks or the producer closes
	queued  int
	closed  bool
	shards  []*shard
	busy    map[int32]bool // brokers with a request on its way
	turn    int            // the shard that the next request starts with
	acked   time.Time      // when Kafka last acknowledged anything
	ran     time.Time      // when the producer last looked at its shards
	writer  *identity      // for shards that have none of their own yet
	refusal outage.Log     // of batches that Kafka refuses for good
}

// NewProducer returns a producer for a journal of the given number of shards. It
// does no I/O, so that it starts while Kafka is away. Close it after use.
// metrics may be nil.
func NewProducer(cfg kafka.Config, shards int32, metrics prometheus.Registerer, log *slog.Logger) (*Producer, error) {
	settings, err := cfg.Sarama()
	if err != nil {
		return nil, err
	}
	settings.Metadata.Retry.Max = 0 // retries are this producer's own affair
	settings.Metadata.Full = false  // no I/O before the first append
	client, err := sarama.NewClient(cfg.Brokers, settings)
	if err != nil {
		return nil, kafka.Classify(err)
	}
	p := &Producer{
		log: log.With("part", "journal producer"), client: client,
		wake: make(chan struct{}, 1), shards: make([]*shard, shards), busy: make(map[int32]bool),
		ran: time.Now(),
	}
	p.room = sync.NewCond(&p.mu)
	for i := range p.shards {
		p.shards[i] = &shard{number: int32(i), leader: noLeader, limit: maxBatch}
	}
	p.metrics = newProducerMetrics(metrics, p)
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	p.running.Go(func() { p.dispatch(ctx) })
	p.running.Go(func() { p.probe(ctx) })
	p.running.Go(func() { p.watch(ctx) })
	return p, nil
}

// Append appends records and returns when all in-sync replicas have all of them.
// On an error some of them may have been appended, or be appended later. Records
// of one stream keep their order, within a call and between calls of which one
// returned before the other was made.
//
// An error that wraps hub.ErrInvalid means that one of the records never can be
// appended. Nothing was then, unless Kafka's own limit is below MaxRecord: the
// other records may have been. One that wraps hub.ErrUnavailable means that Kafka is
// away: the first call to find that out ends within about three seconds, the
// others at once until Kafka is back, or that the process stood still for two seconds or
// more: it does not append on waking what another may have appended instead. When ctx
// ends first, Append returns its error, and what was not on its way when ctx's deadline
// passed is not appended. The payloads must not change until Append has returned
// without an error of ctx.
func (p *Producer) Append(ctx context.Context, records []hub.Record) error {
	if len(records) == 0 {
		return nil
	}
	start := time.Now()
	c, err := newCall(records, int32(len(p.shards)))
	if err != nil {
		return err
	}
	c.until, _ = ctx.Deadline()
	if err := p.enqueue(ctx, c); err != nil {
		p.metrics.failed.Add(float64(len(records)))
		return err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.err != nil {
		p.metrics.failed.Add(float64(len(records)))
		return c.err
	}
	p.metrics.appended.Add(float64(len(records)))
	p.metrics.seconds.Observe(time.Since(start).Seconds())
	return nil
}

// enqueue lets the call in when there is room for it.
func (p *Producer) enqueue(ctx context.Context, c *call) error {
	stop := context.AfterFunc(ctx, p.wakeWaiting)
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.closed {
			return hub.Unavailablef("the journal's producer is closed")
		}
		for _, part := range c.parts {
			if down := p.shards[part.shard].down; down != nil {
				return down
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.queued < maxQueue {
			break
		}
		p.room.Wait()
	}
	c.since = time.Now()
	for _, part := range c.parts {
		s := p.shards[part.shard]
		s.queue = append(s.queue, part)
		p.queued += part.size
	}
	p.signal()
	return nil
}

func (p *Producer) wakeWaiting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room.Broadcast()
}

// signal tells the dispatcher to look again.
func (p *Producer) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Close fails what is still waiting, ends what the producer runs and closes its
// connections. Appends from then on fail. It blocks for the requests on their
// way, which are bounded by their time-outs.
func (p *Producer) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	for _, s := range p.shards {
		p.failLocked(s, hub.Unavailablef("the journal's producer is closed"))
	}
	p.mu.Unlock()
	p.stop()
	p.running.Wait()
	return p.client.Close()
}
