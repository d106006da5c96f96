package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/outage"
)

const (
	// protocol names how partitions are shared out: all members must agree.
	protocol     = "bongsu-keep"
	protocolType = "consumer"
	// metadataVersion is the first whose subscriptions tell owned partitions and
	// their generation.
	metadataVersion = 2
	// The versions of requests are ones that the oldest brokers know.
	syncVersion      = 5
	heartbeatVersion = 4
	// callTimeout bounds a request that is answered at once.
	callTimeout = 2 * time.Second
	// joinPause is how long it is until a join is tried again that another one
	// has overtaken.
	joinPause = 10 * time.Millisecond
)

// member speaks for a process to the group's coordinator. All its methods are
// called from one goroutine.
//
// A rebalance stops no partition that stays where it is: the member joins with
// what it holds, and goes on consuming. Told to do without some of that, it ends
// those and joins again, and only then they are given to another member. What
// nobody holds, as after a member's death, is given at once.
type member struct {
	group    *Group
	handler  Handler
	client   sarama.Client
	metadata sarama.Client
	held     *holdings

	id         string
	generation int32
	told       int32 // the newest generation that the handler knows; 0 if we were out of the group since
	// shared are the partitions of each topic that we have shared out, if we do
	// that for this generation.
	shared map[string]int32
	// seen is when the coordinator last took us for a member.
	seen time.Time
	away outage.Log
}

// run is a member until ctx ends, and leaves.
func (m *member) run(ctx context.Context) {
	defer m.leave()
	m.evictPredecessor()
	var pause Backoff
	for ctx.Err() == nil {
		again, err := m.join(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			m.away.Over(m.group.log, "in the consumer group again")
			pause.Reset()
			if !again {
				m.stay(ctx)
			}
		case errors.Is(err, sarama.ErrMemberIdRequired): // join gave us an id
		case errors.Is(err, sarama.ErrRebalanceInProgress):
			m.seen = time.Now()
			sleep(ctx, joinPause)
		case !m.refused(err):
			m.unheard(err)
			pause.Wait(ctx)
		}
	}
}

// evictPredecessor removes what a killed process of this name has left.
func (m *member) evictPredecessor() {
	if m.group.cfg.ClientID == "" {
		return
	}
	count, err := evict(m.client, m.group.id, m.group.cfg.ClientID)
	if err != nil {
		m.group.log.Debug("what a killed process may have left in the consumer group stays until it times out", "err", err)
	} else if count > 0 {
		m.group.log.Info("removed what a killed process of this name had left in the consumer group", "members", count)
	}
}

// refused reports whether err says that we are not in the group, or not in its
// generation. Then our claims are others' by now, and end.
func (m *member) refused(err error) bool {
	switch {
	case errors.Is(err, sarama.ErrUnknownMemberId):
		m.id = ""
	case errors.Is(err, sarama.ErrIllegalGeneration):
	default:
		return false
	}
	m.lose(err)
	return true
}

// unheard deals with a coordinator that does not answer, or not as such. When it
// has been silent for so long that it may have removed us, our claims end, and
// unheard reports true.
func (m *member) unheard(err error) bool {
	m.away.Failed(m.group.log, "cannot reach the consumer group", err)
	if err := m.client.RefreshCoordinator(m.group.id); err != nil {
		m.group.log.Debug("cannot ask for the group's coordinator", "err", err)
	}
	if len(m.held.held) == 0 || time.Since(m.seen) < session {
		return false
	}
	m.lose(err)
	return true
}

// lose ends all claims: nothing is ours any more.
func (m *member) lose(why error) {
	m.group.setMember("", 0)
	m.told = 0
	if count := m.held.drop(nil); count > 0 {
		m.group.log.Warn("no longer in the consumer group; joining again", "claims", count, "err", why)
	}
}

// stay says that we live until it is time to join again.
func (m *member) stay(ctx context.Context) {
	settled := time.Now().Add(settling)
	for {
		interval := heartbeat
		if time.Now().Before(settled) {
			interval = quickHeartbeat
		}
		timer := time.NewTimer(interval)
		select {
		case <-ctx.Done():
		case <-m.group.rejoin:
			m.held.drop(nil)
		case <-timer.C:
			if m.beat(ctx) {
				continue
			}
		}
		timer.Stop()
		return
	}
}

// beat says that we live, and reports whether all is as it was.
func (m *member) beat(ctx context.Context) bool {
	response, err := call(ctx, m, callTimeout, func(b *sarama.Broker) (*sarama.HeartbeatResponse, error) {
		return b.Heartbeat(&sarama.HeartbeatRequest{
			Version: heartbeatVersion, GroupId: m.group.id, MemberId: m.id, GenerationId: m.generation,
		})
	})
	if err == nil && response.Err != sarama.ErrNoError {
		err = response.Err
	}
	switch {
	case err == nil:
		m.seen = time.Now()
		m.away.Over(m.group.log, "in the consumer group again")
		return !m.grown()
	case errors.Is(err, sarama.ErrRebalanceInProgress):
		m.seen = time.Now()
		return false
	case m.refused(err):
		return false
	}
	return ctx.Err() != nil || !m.unheard(err)
}

// grown reports whether there are other partitions than those shared out by us.
func (m *member) grown() bool {
	for topic, count := range m.shared {
		if partitions, err := m.metadata.Partitions(topic); err == nil && int32(len(partitions)) != count {
			return true
		}
	}
	return false
}

// leave ends all claims and tells the group that we go.
func (m *member) leave() {
	m.held.drop(nil)
	m.group.setMember("", 0)
	if m.id == "" {
		return
	}
	_, err := call(context.Background(), m, callTimeout, func(b *sarama.Broker) (*sarama.LeaveGroupResponse, error) {
		return b.LeaveGroup(&sarama.LeaveGroupRequest{
			Version: leaveVersion, GroupId: m.group.id, Members: []sarama.MemberIdentity{{MemberId: m.id}},
		})
	})
	if err != nil {
		m.group.log.Debug("cannot leave the consumer group", "err", err)
	}
	m.id = ""
}

// join takes part in a rebalance and makes of our claims what comes of it. It
// reports whether it has ended some, so that we must join again.
func (m *member) join(ctx context.Context) (again bool, err error) {
	request, err := m.joinRequest()
	if err != nil {
		return false, err
	}
	joined, err := call(ctx, m, joinTimeout+callTimeout, func(b *sarama.Broker) (*sarama.JoinGroupResponse, error) {
		return b.JoinGroup(request)
	})
	if err != nil {
		return false, err
	}
	if joined.Err == sarama.ErrMemberIdRequired || joined.Err == sarama.ErrNoError {
		m.id = joined.MemberId
	}
	if joined.Err != sarama.ErrNoError {
		return false, joined.Err
	}
	given, err := m.sync(ctx, joined)
	if err != nil {
		return false, err
	}
	m.seen, m.generation = time.Now(), joined.GenerationId
	m.group.setMember(m.id, m.generation)
	return m.adopt(given), nil
}

// joinRequest tells the group what we hold.
func (m *member) joinRequest() (*sarama.JoinGroupRequest, error) {
	request := sarama.NewJoinGroupRequest(oldestBroker)
	request.GroupId, request.MemberId, request.ProtocolType = m.group.id, m.id, protocolType
	request.SessionTimeout = int32(session.Milliseconds())
	request.RebalanceTimeout = int32(joinTimeout.Milliseconds())
	subscription := &sarama.ConsumerGroupMemberMetadata{
		Version: metadataVersion, Topics: m.group.topics, GenerationID: m.generation,
	}
	for _, p := range m.held.owned() {
		last := len(subscription.OwnedPartitions) - 1
		if last < 0 || subscription.OwnedPartitions[last].Topic != p.topic {
			subscription.OwnedPartitions = append(subscription.OwnedPartitions, &sarama.OwnedPartition{Topic: p.topic})
			last++
		}
		owned := subscription.OwnedPartitions[last]
		owned.Partitions = append(owned.Partitions, p.id)
	}
	return request, request.AddGroupProtocolMetadata(protocol, subscription)
}

// sync shares the partitions out, if that is ours to do, and returns our share.
func (m *member) sync(ctx context.Context, joined *sarama.JoinGroupResponse) ([]partition, error) {
	name, kind := protocol, protocolType
	request := &sarama.SyncGroupRequest{
		Version: syncVersion, GroupId: m.group.id, MemberId: m.id, GenerationId: joined.GenerationId,
		ProtocolType: &kind, ProtocolName: &name,
	}
	m.shared = nil
	if joined.LeaderId == joined.MemberId {
		if err := m.share(joined, request); err != nil {
			return nil, err
		}
	}
	response, err := call(ctx, m, joinTimeout+callTimeout, func(b *sarama.Broker) (*sarama.SyncGroupResponse, error) {
		return b.SyncGroup(request)
	})
	if err != nil {
		return nil, err
	}
	if response.Err != sarama.ErrNoError {
		return nil, response.Err
	}
	if len(response.MemberAssignment) == 0 {
		return nil, nil
	}
	assignment, err := response.GetMemberAssignment()
	if err != nil {
		return nil, err
	}
	var given []partition
	for topic, ids := range assignment.Topics {
		for _, id := range ids {
			given = append(given, partition{topic, id})
		}
	}
	return given, nil
}

// share shares out all partitions.
func (m *member) share(joined *sarama.JoinGroupResponse, request *sarama.SyncGroupRequest) error {
	all, err := joined.GetMembers()
	if err != nil {
		return err
	}
	var subscriptions []subscription
	topics := make(map[string]int32)
	for id, told := range all {
		s := subscription{member: id, topics: told.Topics, generation: told.GenerationID}
		for _, owned := range told.OwnedPartitions {
			for _, p := range owned.Partitions {
				s.owned = append(s.owned, partition{owned.Topic, p})
			}
		}
		subscriptions = append(subscriptions, s)
		for _, topic := range told.Topics {
			topics[topic] = 0
		}
	}
	for topic := range topics {
		partitions, err := m.metadata.Partitions(topic)
		if err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return err
		}
		topics[topic] = int32(len(partitions))
	}
	m.shared = topics
	for id, given := range balance(subscriptions, topics) {
		assignment := &sarama.ConsumerGroupMemberAssignment{Version: 1, Topics: byTopic(given)}
		if err := request.AddGroupAssignmentMember(id, assignment); err != nil {
			return err
		}
	}
	return nil
}

func byTopic(partitions []partition) map[string][]int32 {
	topics := make(map[string][]int32)
	for _, p := range partitions {
		topics[p.topic] = append(topics[p.topic], p.id)
	}
	return topics
}

// adopt ends what is no longer ours and begins what is. It reports whether it
// ended anything.
func (m *member) adopt(given []partition) bool {
	ended := m.held.drop(given)
	if m.generation != m.told {
		m.group.log.Info("in the consumer group", "generation", m.generation, "claims", len(given), "ended", ended)
		m.tell(given)
	}
	m.held.take(given, m.generation)
	return ended > 0
}

// tell tells the handler of the generation, and of those before that ended while
// we took part in them: we were given nothing then, and nobody else what we hold.
func (m *member) tell(given []partition) {
	before := m.told
	m.told = m.generation
	if m.handler.Assigned == nil {
		return
	}
	if before > 0 {
		for missed := before + 1; missed < m.generation; missed++ {
			m.handler.Assigned(missed, byTopic(m.held.owned()))
		}
	}
	m.handler.Assigned(m.generation, byTopic(given))
}

// call sends a request to the group's coordinator. The connection is closed if
// there is no answer by the limit, or when ctx ends.
func call[T any](ctx context.Context, m *member, limit time.Duration, send func(*sarama.Broker) (T, error)) (T, error) {
	var none T
	coordinator, err := m.client.Coordinator(m.group.id)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = coordinator.Close() })
	defer stop()
	response, err := send(coordinator)
	if err != nil {
		_ = coordinator.Close() // the next call connects again
		return none, err
	}
	return response, nil
}
