package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/await"
)

// deaf makes the cluster's coordinator answer no heartbeat until the returned
// function is called.
func deaf(cluster *kfake.Cluster) (hear func()) {
	var over atomic.Bool
	cluster.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		if over.Load() {
			return nil, nil, false
		}
		cluster.KeepControl()
		return nil, errors.New("no answer"), true // ends the connection
	})
	return func() { over.Store(true) }
}

// firstClaim runs a member of a group and returns its first claim, which goes on.
func firstClaim(t *testing.T, cfg Config) (Claim, *Group) {
	t.Helper()
	claims := make(chan Claim, 16)
	g := runMember(t, cfg, func(ctx context.Context, claim Claim) error {
		claims <- claim
		<-ctx.Done()
		return nil
	})
	return receive(t, claims), g
}

// within returns what AwaitFresh returns within the time.
func within(t *testing.T, claim Claim, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return claim.AwaitFresh(ctx)
}

func TestAClaimIsFreshWhileTheCoordinatorAnswers(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	claim, g := firstClaim(t, cfg)
	for range 4 {
		if err := within(t, claim, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(fresh / 2)
	}
	hear := deaf(cluster)
	defer hear()
	await.That(t, "nothing was heard for too long", func() bool { return !g.Fresh() })
	if err := within(t, claim, 200*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("fresh though nothing was heard for more than %v: %v", fresh, err)
	}
	if g.Fresh() {
		t.Error("the member is fresh, and its claim is not")
	}
	hear()
	if err := within(t, claim, 10*time.Second); err != nil {
		t.Errorf("not fresh again: %v", err)
	}
	await.That(t, "the member is fresh again", g.Fresh)
}

// Who was removed has lost its claims, also when it is a member again at once.
func TestALostClaimIsNeverFreshAgain(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	claim, g := firstClaim(t, cfg)
	waiting := make(chan error, 1)
	hear := deaf(cluster)
	defer hear()
	await.That(t, "nothing was heard for too long", func() bool { return !g.Fresh() })
	go func() { waiting <- claim.AwaitFresh(t.Context()) }()
	if removed, err := Find(t.Context(), cfg, []string{"g"}, cfg.ClientID).Remove(t.Context()); err != nil || removed != 1 {
		t.Fatal(removed, err)
	}
	hear()
	if err := receive(t, waiting); !errors.Is(err, ErrNoSession) {
		t.Errorf("got %v", err)
	}
	await.That(t, "a member again", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.member != "" && len(g.claimed) == 1
	})
	if err := within(t, claim, time.Second); !errors.Is(err, ErrNoSession) {
		t.Errorf("the old claim is fresh in the new membership: %v", err)
	}
}

// A member that hangs keeps a rebalance waiting. Those who wait with it keep what
// they have, and know it.
func TestClaimsStayFreshWhileARebalanceWaits(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	claim, _ := firstClaim(t, named(cfg, "a"))
	joining := make(chan struct{}, 1)
	answer := make(chan struct{})
	var second atomic.Bool
	cluster.ControlKey(int16(kmsg.JoinGroup), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if request.(*kmsg.JoinGroupRequest).MemberID == "" || second.Swap(true) {
			return nil, nil, false
		}
		joining <- struct{}{}
		cluster.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: kerr.RebalanceInProgress})
	receive(t, joining)
	for range 8 {
		if err := within(t, claim, 2*fresh); err != nil {
			t.Errorf("not fresh: %v", err)
		}
		time.Sleep(fresh / 4)
	}
	close(answer)
}

// The leader is slow to share out. Those who wait for it hold what they held.
func TestClaimsStayFreshWhileALeaderSharesOut(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	claim, g := firstClaim(t, named(cfg, "a"))
	await.That(t, "fresh", g.Fresh)
	syncing, answer := make(chan struct{}, 1), make(chan struct{})
	var once atomic.Bool
	cluster.ControlKey(int16(kmsg.SyncGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		if once.Swap(true) {
			return nil, nil, false
		}
		syncing <- struct{}{}
		cluster.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: kerr.RebalanceInProgress})
	receive(t, syncing)
	for range 8 {
		if err := within(t, claim, 2*fresh); err != nil {
			t.Errorf("not fresh: %v", err)
		}
		await.That(t, "the member is fresh, too", g.Fresh)
		time.Sleep(fresh / 4)
	}
	close(answer)
}
