package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/outage"
)

const (
	// heartbeatVersion is one that the oldest brokers know.
	heartbeatVersion = 4
	// callTimeout bounds a request that is answered at once.
	callTimeout = 2 * time.Second
	// joinPause is how long it is until a join is tried again that another one
	// has overtaken.
	joinPause = 10 * time.Millisecond
	// strangersPause is how long it is until a join is tried again that the
	// group's members have nothing in common with, strangersSaid until that is
	// logged again.
	strangersPause = 2 * time.Second
	strangersSaid  = time.Minute
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
	// told is the newest generation that the handler knows, 0 if we were out of the
	// group since.
	told int32
	// shared are the partitions of each topic that we have shared out, if we do
	// that for this generation.
	shared map[string]int32
	// known are the partitions that topics had when we last shared them out, shrunk
	// says since when they seem to have fewer.
	known  map[string]int32
	shrunk map[string]time.Time
	// seen is when the coordinator last took us for a member.
	seen time.Time
	away outage.Log
	// evicted says that nothing is left of the process that had this name before.
	evicted bool
	// strangers is when the group was last said to be another cluster's.
	strangers time.Time
}

// run is a member until ctx ends, and leaves.
func (m *member) run(ctx context.Context) {
	defer m.leave()
	pause := Backoff{Max: quick}
	for ctx.Err() == nil {
		m.sitOut(ctx)
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
			m.evictPredecessor()
		case errors.Is(err, errShrunk):
			m.seen = time.Now() // the coordinator waits for our answer
			m.away.Failed(m.group.log, "cannot share out the partitions", err)
			pause.Wait(ctx)
		case errors.Is(err, sarama.ErrInconsistentGroupProtocol):
			m.excluded(err)
			sleep(ctx, strangersPause)
		case errors.Is(err, sarama.ErrRebalanceInProgress):
			m.seen = time.Now()
			sleep(ctx, joinPause)
		case !m.refused(err):
			m.unheard(err)
			pause.Wait(ctx)
		}
	}
}

// sitOut stays out of the group while this member is withdrawn.
func (m *member) sitOut(ctx context.Context) {
	if !m.group.out.Load() {
		return
	}
	m.leave()
	m.told = 0
	for m.group.out.Load() && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-m.group.rejoin:
		}
	}
}

// evictPredecessor removes, once, what a killed process of this name has left. By
// giving us an id the coordinator has said that the members speak our protocol,
// with our fingerprint: it throws out nobody of another cluster.
func (m *member) evictPredecessor() {
	if m.evicted || m.group.cfg.ClientID == "" {
		return
	}
	m.evicted = true
	count := 0
	left, err := membersOf(m.client, m.group.id, m.group.cfg.ClientID, m.group.cfg.Fingerprint)
	if err == nil {
		count, err = remove(m.client, m.group.id, left)
	}
	if err != nil {
		m.group.log.Debug("what a killed process may have left in the consumer group stays until it times out", "err", err)
	} else if count > 0 {
		m.group.log.Info("removed what a killed process of this name had left in the consumer group", "members", count)
	}
}

// excluded deals with a group whose members are another cluster's: nothing in it
// is ours.
func (m *member) excluded(err error) {
	m.id = ""
	m.lose(err)
	if now := time.Now(); now.Sub(m.strangers) >= strangersSaid {
		m.strangers = now
		m.group.log.Error("another cluster has this consumer group, so this node gets nothing to do: "+
			"give all nodes of one cluster the same secret, and clusters of their own a Kafka of their own", "err", err)
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
	m.group.setMember("", 0, time.Time{})
	m.told = 0
	if owned := m.held.owned(); len(owned) > 0 {
		m.held.drop(owned)
		m.group.log.Warn("no longer in the consumer group; joining again", "claims", len(owned), "err", why)
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
			m.held.drop(m.held.owned())
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
	sent := time.Now()
	response, err := call(ctx, m, callTimeout, func(b *sarama.Broker) (*sarama.HeartbeatResponse, error) {
		return b.Heartbeat(m.heartbeat())
	})
	if err == nil && response.Err != sarama.ErrNoError {
		err = response.Err
	}
	if err == nil || errors.Is(err, sarama.ErrRebalanceInProgress) {
		m.group.hear(m.id, m.generation, sent)
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

func (m *member) heartbeat() *sarama.HeartbeatRequest {
	return &sarama.HeartbeatRequest{
		Version: heartbeatVersion, GroupId: m.group.id, MemberId: m.id, GenerationId: m.generation,
	}
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
	m.held.drop(m.held.owned())
	m.group.setMember("", 0, time.Time{})
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
