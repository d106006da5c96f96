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

	"bongsu/internal/hub"
	"bongsu/internal/outage"
)

const (
	// commitTimeout is how long a commit waits for a rebalance to be over, which
	// it looks at again after commitAgain.
	commitTimeout = 2 * time.Second
	commitAgain   = 50 * time.Millisecond
)

// ErrNoSession means that the group is not joined just now, or that it has not
// given a partition to this member, so that nothing can be committed. It wraps
// hub.ErrUnavailable.
var ErrNoSession = hub.Unavailablef("not a member of the consumer group")

// Claim is a partition that the group has given to this member. It goes on
// across generations for as long as the member keeps the partition.
type Claim struct {
	Topic     string
	Partition int32
	// Generation is the group's at the claim's beginning.
	Generation int32
	// Claims returns how many claims this member has now.
	Claims func() int
	// From is the offset of the first message to come: the committed one, or the
	// oldest there is.
	From int64
	// End is the offset after the newest record at the time of the claim.
	End int64
	// Batches gives the partition's records in order, never an empty batch. It is
	// not closed: the claim ends with its context. Leaving it unread holds back
	// this partition only.
	Batches <-chan []sarama.ConsumerMessage
	// HighWater returns the offset after the newest record that is known of.
	HighWater func() int64
	// AwaitFresh returns nil as soon as it is certain enough that the partition is
	// still this member's for what can be done about it within two seconds: the
	// coordinator has said so in the last second. It usually has, and AwaitFresh
	// does not block. It waits in a process that was stopped and has woken up, or
	// one that cannot reach the coordinator. It returns an error once the claim has
	// been lost, or taken away and not ended for a second, or when ctx ends. A
	// claim that has ended just now may be fresh still: nobody else has it yet.
	AwaitFresh func(ctx context.Context) error
}

// Handler is what a member of a group does.
type Handler struct {
	// Assigned, if not nil, is told what the group has given to this member, by
	// topic, at each new generation, also when that is nothing. It comes after
	// the end of the claims that were taken away, and before the first Consume of
	// those that are new; claims that stay go on meanwhile. A generation that was
	// over before the member had its share is told too, with what it kept all the
	// while: if one is left out, the member was not in the group. It must not block.
	Assigned func(generation int32, claims map[string][]int32)
	// Consume handles one claim. It is called in a goroutine of its own for each
	// claim, and returns soon after ctx ends: whoever has the partition next waits
	// for it, but no longer than about a second; what it commits later is refused.
	// If it returns before, it is called again a little later with a new claim. It
	// is never called for a partition before an earlier call for it has returned.
	Consume func(ctx context.Context, claim Claim) error
}

// Group is a member of a consumer group. A rebalance takes no claim from a
// member that is to keep it. Methods may be called at once from many goroutines.
type Group struct {
	cfg    Config
	id     string
	topics []string
	log    *slog.Logger
	rejoin chan struct{}
	out    atomic.Bool // by Withdraw, until Rejoin

	mu         sync.Mutex
	member     string // our id in the group, "" while not in it
	generation int32
	changed    chan struct{}          // closed when these change
	claimed    map[partition]*holding // whose offsets are ours to commit
	waiting    chan struct{}          // closed when heard or claimed change; nil if nobody waits
	// heard is when the last request was sent that the coordinator took us for a
	// member in.
	heard time.Time
	// control has connections of its own: a broker answers each connection in
	// order, so a commit would wait behind the long poll of a fetch, or a join.
	control sarama.Client
}

// NewGroup returns a member that has not joined yet. It does no I/O.
func NewGroup(cfg Config, id string, topics []string, log *slog.Logger) *Group {
	return &Group{
		cfg: cfg, id: id, topics: topics, log: log.With("group", id),
		rejoin: make(chan struct{}, 1), claimed: make(map[partition]*holding), changed: make(chan struct{}),
	}
}

// Run joins the group and consumes until ctx ends, then leaves the group and
// returns nil when the last Consume has returned. Nothing else ends it: while
// Kafka is away it tries again and again, a few times a second. It returns
// an error only for settings that cannot work. It must not be called twice at
// once.
func (g *Group) Run(ctx context.Context, h Handler) error {
	settings, err := g.cfg.member()
	if err != nil {
		return err
	}
	pause := Backoff{Max: quick}
	var away outage.Log
	for ctx.Err() == nil {
		c, err := connect(g.cfg.Brokers, settings)
		if err != nil {
			away.Failed(g.log, "cannot consume", err)
			pause.Wait(ctx)
			continue
		}
		away.Over(g.log, "Kafka is there")
		g.consume(ctx, h, c)
		c.close()
	}
	return nil
}

// connections are a member's clients, each with its own connections.
type connections struct {
	joiner  sarama.Client // waits for joins, and says that we live
	fetcher sarama.Client // waits for records
	control sarama.Client // everything that is answered at once
}

func connect(brokers []string, settings *sarama.Config) (*connections, error) {
	patient := *settings // a join is answered when the last member has come
	patient.Net.ReadTimeout = joinTimeout + callTimeout
	c := &connections{}
	var errs [3]error
	c.joiner, errs[0] = sarama.NewClient(brokers, &patient)
	slow := *settings
	slow.Net.ReadTimeout = fetchTimeout
	c.fetcher, errs[1] = sarama.NewClient(brokers, &slow)
	c.control, errs[2] = sarama.NewClient(brokers, settings)
	if err := errors.Join(errs[:]...); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *connections) close() {
	for _, client := range []sarama.Client{c.joiner, c.fetcher, c.control} {
		if client != nil {
			_ = client.Close()
		}
	}
}

// consume is a member until ctx ends.
func (g *Group) consume(ctx context.Context, h Handler, c *connections) {
	g.mu.Lock()
	g.control = c.control
	g.mu.Unlock()
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	fetcher := newFetcher(c.fetcher, g.log)
	var read sync.WaitGroup
	read.Go(func() { fetcher.run(reading) })
	m := &member{
		group: g, handler: h, client: c.joiner, metadata: c.control,
		known: make(map[string]int32), shrunk: make(map[string]time.Time),
		held: &holdings{
			group: g, handler: h, fetcher: fetcher, control: c.control, ctx: reading,
			held: make(map[partition]*holding), stuck: make(map[partition]*holding),
		},
	}
	m.run(ctx)
	m.held.running.Wait()
	stop()
	_ = c.fetcher.Close() // ends a fetch that waits
	read.Wait()
}

// Rejoin ends this member's claims and joins the group again soon, which gives
// it claims anew. It does not wait for that.
func (g *Group) Rejoin() {
	g.out.Store(false)
	wake(g.rejoin)
}

// Withdraw ends this member's claims and leaves the group, which gives them to
// others, until Rejoin. It does not wait for that.
func (g *Group) Withdraw() {
	g.out.Store(true)
	wake(g.rejoin)
}

// setMember says as whom offsets are committed from now on. The coordinator said
// so in answer to a request that was sent at the given time.
func (g *Group) setMember(id string, generation int32, sent time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.member, g.generation, g.heard = id, generation, sent
	g.wakeLocked()
	close(g.changed)
	g.changed = make(chan struct{})
}

// claim makes a partition's offsets this member's to commit, unless the holding
// has ended. It reports whether it did.
func (g *Group) claim(c *holding) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	g.claimed[c.partition] = c
	return true
}

// unclaim takes that back. A holding that has ended is not claimed again.
func (g *Group) unclaim(c *holding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.claimed[c.partition] == c {
		delete(g.claimed, c.partition)
		g.wakeLocked()
	}
}

// Commit stores, for partitions of one topic, the offset of the message to start
// from next, and returns when the group's coordinator has them. It commits as
// the member and generation that this process has now; a coordinator that knows
// of a newer generation, or has removed the member, refuses. What is not claimed
// is left out, and ErrNoSession returned. The error wraps hub.ErrUnavailable;
// nothing, or part, may then have been stored. It blocks for some seconds at most.
func (g *Group) Commit(topic string, offsets map[int32]int64) error {
	if len(offsets) == 0 {
		return nil
	}
	deadline := time.Now().Add(commitTimeout)
	for {
		c := g.commitRequest(topic, offsets)
		if c.request == nil {
			return ErrNoSession
		}
		err := g.commit(c.client, c.request)
		if (errors.Is(err, sarama.ErrIllegalGeneration) || errors.Is(err, sarama.ErrRebalanceInProgress)) &&
			time.Now().Before(deadline) {
			// Our claims go on across a rebalance; the new generation is known soon.
			select {
			case <-c.changed:
			case <-time.After(commitAgain):
			}
			continue
		}
		if err != nil && (Disconnected(err) || Retriable(err)) {
			if refresh := c.client.RefreshCoordinator(g.id); refresh == nil {
				err = g.commit(c.client, c.request)
			}
		}
		if err != nil {
			return fmt.Errorf("commit: %w", Classify(err))
		}
		if !c.whole {
			return ErrNoSession
		}
		return nil
	}
}

// commitment is a request for what is claimed.
type commitment struct {
	request *sarama.OffsetCommitRequest // nil if there is nothing
	whole   bool                        // nothing had to be left out
	client  sarama.Client
	changed <-chan struct{} // closed when the member or its generation is another
}

func (g *Group) commitRequest(topic string, offsets map[int32]int64) commitment {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.member == "" {
		return commitment{}
	}
	request := &sarama.OffsetCommitRequest{
		Version: 8, ConsumerGroup: g.id, ConsumerID: g.member, ConsumerGroupGeneration: g.generation,
	}
	claimed := 0
	for id, next := range offsets {
		if g.claimed[partition{topic, id}] != nil {
			request.AddBlockWithLeaderEpoch(topic, id, next, -1, 0, "")
			claimed++
		}
	}
	if claimed == 0 {
		return commitment{}
	}
	return commitment{request: request, whole: claimed == len(offsets), client: g.control, changed: g.changed}
}

func (g *Group) commit(client sarama.Client, request *sarama.OffsetCommitRequest) error {
	coordinator, err := client.Coordinator(g.id)
	if err != nil {
		return err
	}
	response, err := coordinator.CommitOffset(request)
	if err != nil {
		_ = coordinator.Close() // the next call connects again
		return err
	}
	var failed error
	for _, partitions := range response.Errors {
		for _, code := range partitions {
			if code != sarama.ErrNoError && !errors.Is(failed, code) {
				failed = errors.Join(failed, code)
			}
		}
	}
	return failed
}
