package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
	"bongsu/internal/outage"
)

// ErrNoSession means that the group is not joined just now, so that nothing can
// be committed. It wraps hub.ErrUnavailable.
var ErrNoSession = hub.Unavailablef("not a member of the consumer group")

// Claim is a partition that the group has given to this member.
type Claim struct {
	Topic      string
	Partition  int32
	Generation int32
	// Claims is how many claims this member has in the generation.
	Claims int
	// From is the offset of the first message to come: the committed one, or the
	// oldest there is.
	From int64
	// End is the offset after the newest record at the time of the claim.
	End int64
	// Messages gives the partition's records in order. It is closed when the
	// claim ends. Leaving it unread holds back this partition only.
	Messages <-chan *sarama.ConsumerMessage
	// HighWater returns the offset after the newest record that is known of.
	HighWater func() int64
}

// Consume handles one claim. It is called in a goroutine of its own for each
// claim, and returns soon after ctx ends: the group waits for it. If it returns
// before, this member leaves its claims and joins again.
type Consume func(ctx context.Context, claim Claim) error

// Handler is what a member of a group does.
type Handler struct {
	// Assigned, if not nil, is told what the group has given to this member, by
	// topic, at each new generation, also when that is nothing. It comes before
	// the generation's first Consume and after the end of the claims that were
	// taken away. It must not block.
	Assigned func(generation int32, claims map[string][]int32)
	// Consume handles one claim.
	Consume Consume
}

// Group is a member of a consumer group. Methods may be called at once from
// many goroutines.
type Group struct {
	cfg    Config
	id     string
	topics []string
	log    *slog.Logger

	away, failing outage.Log // of Run alone: Kafka or the group; claims

	mu      sync.Mutex
	client  sarama.Client
	session sarama.ConsumerGroupSession
	rejoin  context.CancelFunc // ends the present session; nil before the first
	// committer has connections of its own: a broker answers each connection in
	// order, so a commit would wait behind the long poll of a fetch.
	committer sarama.Client
}

// NewGroup returns a member that has not joined yet. It does no I/O.
func NewGroup(cfg Config, id string, topics []string, log *slog.Logger) *Group {
	return &Group{cfg: cfg, id: id, topics: topics, log: log.With("group", id)}
}

// Run joins the group and consumes until ctx ends, then leaves the group and
// returns nil. Nothing else ends it: while Kafka is away it tries again, and
// again, at most every two seconds. It returns an error only for settings that
// cannot work. It must not be called twice at once.
func (g *Group) Run(ctx context.Context, h Handler) error {
	settings, err := g.cfg.Consumer()
	if err != nil {
		return err
	}
	var pause Backoff
	for ctx.Err() == nil {
		client, err := sarama.NewClient(g.cfg.Brokers, settings)
		if err == nil {
			err = g.join(ctx, client, h, &pause)
		}
		if err != nil && ctx.Err() == nil {
			g.away.Failed(g.log, "cannot consume", err)
		}
		pause.Wait(ctx)
	}
	return nil
}

// join consumes through one client until ctx ends or the client is of no more use.
func (g *Group) join(ctx context.Context, client sarama.Client, h Handler, pause *Backoff) error {
	defer func() { _ = client.Close() }()
	committer, err := sarama.NewClient(g.cfg.Brokers, client.Config())
	if err != nil {
		return err
	}
	defer func() { _ = committer.Close() }()
	if count, err := evict(client, g.id, g.cfg.ClientID); err != nil {
		g.log.Debug("what a killed process may have left in the consumer group stays until it times out", "err", err)
	} else if count > 0 {
		g.log.Info("removed what a killed process of this name had left in the consumer group", "members", count)
	}
	group, err := sarama.NewConsumerGroupFromClient(g.id, client)
	if err != nil {
		return err
	}
	var drained sync.WaitGroup
	drained.Go(func() {
		for err := range group.Errors() {
			g.log.Debug("consumer group", "err", err)
		}
	})
	defer drained.Wait()
	defer func() { _ = group.Close() }()
	g.mu.Lock()
	g.client, g.committer = client, committer
	g.mu.Unlock()
	for ctx.Err() == nil {
		joined := &sessionHandler{group: g, handler: h}
		session, end := context.WithCancel(ctx)
		g.mu.Lock()
		g.rejoin = end
		g.mu.Unlock()
		err := group.Consume(session, g.topics, joined)
		asked := session.Err() != nil
		end()
		if err != nil && !asked {
			g.away.Failed(g.log, "lost the consumer group; joining again", err)
			pause.Wait(ctx)
			continue
		}
		if err := joined.failure(); err != nil && ctx.Err() == nil {
			g.failing.Failed(g.log, "a claim failed; joining the consumer group again", err)
			pause.Wait(ctx)
			continue
		}
		pause.Reset()
		g.failing.Over(g.log, "claims no longer fail")
	}
	return nil
}

// sessionHandler is sarama's view of one membership.
type sessionHandler struct {
	group   *Group
	handler Handler

	mu  sync.Mutex
	err error
}

// Setup makes the session the one that commits go through.
func (h *sessionHandler) Setup(s sarama.ConsumerGroupSession) error {
	h.group.setSession(s)
	h.group.away.Over(h.group.log, "in the consumer group again")
	h.group.log.Info("joined the consumer group", "generation", s.GenerationID(), "claims", countClaims(s.Claims()))
	if h.handler.Assigned != nil {
		h.handler.Assigned(s.GenerationID(), s.Claims())
	}
	return nil
}

// Cleanup comes after the last ConsumeClaim has returned.
func (h *sessionHandler) Cleanup(sarama.ConsumerGroupSession) error {
	h.group.setSession(nil)
	return nil
}

// ConsumeClaim hands one claim to the consumer.
func (h *sessionHandler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	claim := Claim{
		Topic: c.Topic(), Partition: c.Partition(), Generation: s.GenerationID(),
		Claims: countClaims(s.Claims()), From: c.InitialOffset(),
		Messages: c.Messages(), HighWater: c.HighWaterMarkOffset,
	}
	err := h.group.resolve(&claim)
	if err == nil {
		err = h.handler.Consume(s.Context(), claim)
	}
	if err != nil && s.Context().Err() == nil {
		h.mu.Lock()
		h.err = errors.Join(h.err, fmt.Errorf("%s/%d: %w", claim.Topic, claim.Partition, err))
		h.mu.Unlock()
	}
	return nil
}

func (h *sessionHandler) failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// resolve turns "the oldest" into an offset.
func (g *Group) resolve(claim *Claim) error {
	client, _, _ := g.current()
	var err error
	if claim.End, err = client.GetOffset(claim.Topic, claim.Partition, sarama.OffsetNewest); err != nil {
		return Classify(err)
	}
	if claim.From >= 0 {
		return nil
	}
	if claim.From, err = client.GetOffset(claim.Topic, claim.Partition, sarama.OffsetOldest); err != nil {
		return Classify(err)
	}
	return nil
}

// Rejoin ends this member's claims and joins the group again soon. It does not
// wait for that.
func (g *Group) Rejoin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rejoin != nil {
		g.rejoin()
	}
}

func (g *Group) setSession(s sarama.ConsumerGroupSession) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.session = s
}

func (g *Group) current() (client, committer sarama.Client, session sarama.ConsumerGroupSession) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.client, g.committer, g.session
}

// Commit stores, for partitions of one topic, the offset of the message to start
// from next, and returns when the group's coordinator has them. It commits as
// the member and generation that this process has now; a coordinator that knows
// of a newer generation refuses. The error wraps hub.ErrUnavailable; nothing, or
// part, may then have been stored. It blocks for some seconds at most.
func (g *Group) Commit(topic string, offsets map[int32]int64) error {
	if len(offsets) == 0 {
		return nil
	}
	_, client, session := g.current()
	if session == nil {
		return ErrNoSession
	}
	err := g.commit(client, session, topic, offsets)
	if err != nil && (Disconnected(err) || Retriable(err)) {
		if refresh := client.RefreshCoordinator(g.id); refresh == nil {
			err = g.commit(client, session, topic, offsets)
		}
	}
	if err != nil {
		return fmt.Errorf("commit: %w", Classify(err))
	}
	return nil
}

func (g *Group) commit(client sarama.Client, session sarama.ConsumerGroupSession, topic string, offsets map[int32]int64) error {
	request := &sarama.OffsetCommitRequest{
		Version:                 8,
		ConsumerGroup:           g.id,
		ConsumerID:              session.MemberID(),
		ConsumerGroupGeneration: session.GenerationID(),
	}
	for partition, next := range offsets {
		request.AddBlockWithLeaderEpoch(topic, partition, next, -1, 0, "")
	}
	coordinator, err := client.Coordinator(g.id)
	if err != nil {
		return err
	}
	response, err := coordinator.CommitOffset(request)
	if err != nil {
		_ = coordinator.Close() // the next call connects again
		return err
	}
	for _, partitions := range response.Errors {
		for _, code := range partitions {
			if code != sarama.ErrNoError {
				return code
			}
		}
	}
	return nil
}

func countClaims(claims map[string][]int32) int {
	count := 0
	for _, partitions := range claims {
		count += len(partitions)
	}
	return count
}
