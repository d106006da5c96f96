package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

const (
	// protocol names how partitions are shared out, with the cluster's fingerprint
	// behind it: all members must agree.
	protocol     = "bongsu-keep"
	protocolType = "consumer"
	// metadataVersion is the first whose subscriptions tell owned partitions and
	// their generation.
	metadataVersion = 2
	// syncVersion is one that the oldest brokers know.
	syncVersion = 5
	// believed is how long a topic must have fewer partitions than it had, or be
	// unknown, until that is taken for the truth.
	believed = 30 * time.Second
)

// errShrunk means that partitions seem to have gone, as it looks while a broker
// that has just started does not know them yet.
var errShrunk = errors.New("a topic has fewer partitions than before")

// protocolName returns the name of the protocol that the members of the cluster
// with this fingerprint agree on.
func protocolName(fingerprint string) string {
	if fingerprint == "" {
		return protocol
	}
	return protocol + "-" + fingerprint
}

// join takes part in a rebalance and makes of our claims what comes of it. It
// reports whether it has ended some, so that we must join again.
func (m *member) join(ctx context.Context) (again bool, err error) {
	request, err := m.joinRequest()
	if err != nil {
		return false, err
	}
	stop := m.beatMeanwhile(ctx, m.generation)
	joined, err := call(ctx, m, joinTimeout+callTimeout, func(b *sarama.Broker) (*sarama.JoinGroupResponse, error) {
		return b.JoinGroup(request)
	})
	stop()
	if err != nil {
		return false, err
	}
	if joined.Err == sarama.ErrMemberIdRequired || joined.Err == sarama.ErrNoError {
		m.id = joined.MemberId
	}
	if joined.Err != sarama.ErrNoError {
		return false, joined.Err
	}
	sent := time.Now()
	stop = m.beatMeanwhile(ctx, joined.GenerationId)
	given, err := m.sync(ctx, joined)
	stop()
	if err != nil {
		return false, err
	}
	m.seen, m.generation = time.Now(), joined.GenerationId
	m.group.setMember(m.id, m.generation, sent)
	return m.adopt(given), nil
}

// beatMeanwhile says that we live while a join waits for others, or a sync for the
// leader, for our claims to stay fresh, until the returned function is called. The
// generation is the one that the coordinator is in then. It has another connection:
// that of the join answers nothing before.
func (m *member) beatMeanwhile(ctx context.Context, generation int32) (stop func()) {
	if len(m.held.held) == 0 {
		return func() {}
	}
	ctx, stop = context.WithCancel(ctx)
	ours, request := m.generation, m.heartbeat()
	request.GenerationId = generation
	m.held.running.Go(func() {
		// One join may follow another so soon that there would never be a beat.
		for sleep(ctx, heartbeat-m.group.silence()); ctx.Err() == nil; sleep(ctx, heartbeat) {
			coordinator, err := m.metadata.Coordinator(m.group.id)
			if err != nil {
				continue
			}
			sent := time.Now()
			response, err := coordinator.Heartbeat(request)
			if err != nil {
				_ = coordinator.Close() // the next call connects again
				continue
			}
			// While the leader shares out, another rebalance is one that goes on without us.
			balancing := response.Err == sarama.ErrRebalanceInProgress && generation == ours
			if response.Err == sarama.ErrNoError || balancing {
				m.group.hear(request.MemberId, ours, sent)
			}
		}
	})
	return stop
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
	return request, request.AddGroupProtocolMetadata(protocolName(m.group.cfg.Fingerprint), subscription)
}

// sync shares the partitions out, if that is ours to do, and returns our share.
func (m *member) sync(ctx context.Context, joined *sarama.JoinGroupResponse) ([]partition, error) {
	name, kind := protocolName(m.group.cfg.Fingerprint), protocolType
	request := &sarama.SyncGroupRequest{
		Version: syncVersion, GroupId: m.group.id, MemberId: m.id, GenerationId: joined.GenerationId,
		ProtocolType: &kind, ProtocolName: &name,
	}
	m.shared = nil
	if joined.LeaderId != joined.MemberId {
		clear(m.shrunk)
	} else if err := m.share(joined, request); err != nil {
		return nil, err
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
		if topics[topic], err = m.count(topic, subscriptions); err != nil {
			return err
		}
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

// count returns how many partitions a topic has, 0 if there is no such topic. It
// is an error if there were more a moment ago.
func (m *member) count(topic string, members []subscription) (int32, error) {
	partitions, err := m.metadata.Partitions(topic)
	if err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return 0, err
	}
	count, before := int32(len(partitions)), m.known[topic]
	for _, s := range members {
		for _, p := range s.owned {
			if p.topic == topic {
				before = max(before, p.id+1)
			}
		}
	}
	if count < before {
		now := time.Now()
		m.shrunk[topic] = cmp.Or(m.shrunk[topic], now)
		if now.Sub(m.shrunk[topic]) < believed {
			return 0, errors.Join(fmt.Errorf("%s: %d of %d: %w", topic, count, before, errShrunk), m.metadata.RefreshMetadata(topic))
		}
	}
	delete(m.shrunk, topic)
	m.known[topic] = count
	return count, nil
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
	_, ended, begun := Adopt(m.held.owned(), given)
	m.held.drop(ended)
	if m.generation != m.told {
		m.group.log.Info("in the consumer group", "generation", m.generation, "claims", len(given), "ended", len(ended))
		m.tell(given)
	}
	m.held.take(begun, m.generation)
	return len(ended) > 0
}

// tell tells the handler of the generation, once what was taken away has ended.
func (m *member) tell(given []partition) {
	tellings := Tellings(m.told, m.generation, m.held.owned(), given)
	m.told = m.generation
	if m.handler.Assigned == nil {
		return
	}
	for _, t := range tellings {
		m.handler.Assigned(t.Generation, byTopic(t.Claims))
	}
}
