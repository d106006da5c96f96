package kafka

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
)

// topics is a client that knows of topics' partitions only.
type topics struct {
	sarama.Client
	counts map[string]int32
}

func (c topics) Partitions(topic string) ([]int32, error) {
	if c.counts[topic] == 0 {
		return nil, sarama.ErrUnknownTopicOrPartition
	}
	return make([]int32, c.counts[topic]), nil
}

func (c topics) RefreshMetadata(...string) error { return nil }

// leader returns a member that shares out the partitions of its group, which has
// no other members, and a function that does so.
func leader(t *testing.T, known topics, holds ...partition) (*member, func() error) {
	t.Helper()
	g := NewGroup(Config{}, "g", []string{"t", "u"}, slog.New(slog.DiscardHandler))
	m := &member{
		group: g, id: "m", metadata: known, held: &holdings{group: g, held: make(map[partition]*holding)},
		known: make(map[string]int32), shrunk: make(map[string]time.Time),
	}
	for _, p := range holds {
		m.held.held[p] = &holding{partition: p}
	}
	return m, func() error {
		t.Helper()
		request, err := m.joinRequest()
		if err != nil {
			t.Fatal(err)
		}
		joined := &sarama.JoinGroupResponse{LeaderId: "m", MemberId: "m", Members: []sarama.GroupMember{
			{MemberId: "m", Metadata: request.OrderedGroupProtocols[0].Metadata},
		}}
		return m.share(joined, &sarama.SyncGroupRequest{})
	}
}

// A broker that has just started may know no topics yet. What it says must not
// take everything from everybody.
func TestPartitionsAreNotTakenAwayForATopicThatIsUnknownForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := topics{counts: map[string]int32{"u": 1}}
		m, share := leader(t, known, partition{"t", 1})
		if err := share(); !errors.Is(err, errShrunk) {
			t.Errorf("shared out without what members hold: %v", err)
		}
		known.counts["t"] = 2
		if err := share(); err != nil || m.shared["t"] != 2 {
			t.Errorf("%v, %v", m.shared, err)
		}
		m.held.held = nil
		for _, count := range []int32{1, 0} { // fewer than were shared out
			known.counts["t"] = count
			if err := share(); !errors.Is(err, errShrunk) {
				t.Errorf("%d partitions, where there were 2: %v", count, err)
			}
		}
	})
}

func TestADeletedTopicHoldsUpTheOthersForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, share := leader(t, topics{counts: map[string]int32{"u": 1}}, partition{"t", 0})
		if err := share(); !errors.Is(err, errShrunk) {
			t.Error(err)
		}
		sleep(t.Context(), believed)
		if err := share(); err != nil || m.shared["t"] != 0 || m.shared["u"] != 1 {
			t.Errorf("%v, %v", m.shared, err)
		}
	})
}

func TestATopicThatNeverWasHoldsUpNobody(t *testing.T) {
	m, share := leader(t, topics{counts: map[string]int32{"u": 1}})
	if err := share(); err != nil || m.shared["u"] != 1 {
		t.Errorf("%v, %v", m.shared, err)
	}
}
