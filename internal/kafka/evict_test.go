package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/await"
	"bongsu/internal/hub"
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

// Several nodes find one dead that lives, and is back before all have removed it.
func TestWhoLivesAfterAllIsRemovedOnce(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	a := startWatch(t, named(cfg, "a"), nil)
	await.That(t, "a has it", a.has(1))
	find := func() *Remains { return Find(t.Context(), cfg, []string{"g", "unknown"}, "a") }
	first, second := find(), find()
	if removed, err := first.Remove(t.Context()); err != nil || removed != 1 {
		t.Fatal(removed, err)
	}
	await.That(t, "a has it again", func() bool {
		_, began, _ := a.state()
		return began == 2 && a.has(1)()
	})
	for range 2 {
		if removed, err := second.Remove(t.Context()); err != nil || removed != 0 {
			t.Errorf("removed %d of its next life: %v", removed, err)
		}
	}
}

func TestWhatCouldNotBeLookedUpIsWhenItIsRemoved(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	a := startWatch(t, named(cfg, "a"), nil)
	await.That(t, "a has it", a.has(1))
	var away atomic.Bool
	away.Store(true)
	cluster.ControlKey(int16(kmsg.DescribeGroups), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, errors.New("away"), away.Load() // ends the connection
	})
	found := Find(t.Context(), cfg, []string{"g"}, "a")
	if removed, err := found.Remove(t.Context()); removed != 0 || !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("removed %d: %v", removed, err)
	}
	away.Store(false)
	if removed, err := found.Remove(t.Context()); err != nil || removed != 1 {
		t.Errorf("removed %d: %v", removed, err)
	}
}
