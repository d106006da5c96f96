package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
)

// haunt leaves in the group what a killed process of this name leaves: a member
// that never says anything again. It must not be called from the test's goroutine
// if others are in the group, who have to join for it first.
func haunt(t *testing.T, cfg Config) {
	settings, err := cfg.member()
	if err != nil {
		t.Error(err)
		return
	}
	client, err := sarama.NewClient(cfg.Brokers, settings)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = client.Close() }()
	broker, err := client.Coordinator("g")
	if err != nil {
		t.Error(err)
		return
	}
	join := &sarama.JoinGroupRequest{
		Version: 1, GroupId: "g", ProtocolType: protocolType, SessionTimeout: 60_000, RebalanceTimeout: 60_000,
	}
	if err := join.AddGroupProtocolMetadata(protocol, &sarama.ConsumerGroupMemberMetadata{Topics: []string{"t"}}); err != nil {
		t.Error(err)
		return
	}
	joined, err := broker.JoinGroup(join)
	if err != nil || joined.Err != sarama.ErrNoError {
		t.Error(joined, err)
		return
	}
	if joined.LeaderId == joined.MemberId {
		return
	}
	_, _ = broker.SyncGroup(&sarama.SyncGroupRequest{GroupId: "g", MemberId: joined.MemberId, GenerationId: joined.GenerationId})
}

func TestARestartDoesNotWaitForItsKilledPredecessor(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	cfg.ClientID = "bongsu-a"
	haunt(t, cfg)
	claims := make(chan Claim, 16)
	start := time.Now()
	runMember(t, cfg, func(ctx context.Context, claim Claim) error {
		claims <- claim
		<-ctx.Done()
		return nil
	})
	receive(t, claims)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("claimed after %v, when the predecessor's session was nearly over", took)
	}
}
