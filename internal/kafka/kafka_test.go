package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"bongsu/internal/hub"
)

func cluster(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, Config) {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, Config{Brokers: c.ListenAddrs(), ClientID: "test"}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no brokers":        {},
		"no port":           {Brokers: []string{"localhost"}},
		"unknown mechanism": {Brokers: []string{"localhost:9092"}, SASL: &SASL{Mechanism: "NTLM", User: "u", Password: "p"}},
	} {
		if _, err := cfg.Sarama(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, settings := range map[string]func() (*sarama.Config, error){
		"producer": Config{Brokers: []string{"localhost:9092"}}.Producer,
		"consumer": Config{Brokers: []string{"localhost:9092"}}.Consumer,
	} {
		s, err := settings()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignsIn(t *testing.T) {
	_, cfg := cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "plain"),
		kfake.Superuser("SCRAM-SHA-256", "u", "s256"), kfake.Superuser("SCRAM-SHA-512", "u", "s512"))
	for mechanism, password := range map[string]string{"PLAIN": "plain", "SCRAM-SHA-256": "s256", "SCRAM-SHA-512": "s512"} {
		cfg.SASL = &SASL{Mechanism: mechanism, User: "u", Password: password}
		if _, err := EnsureTopics(t.Context(), cfg, []Topic{{Name: "t", Partitions: 1}}); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
		cfg.SASL.Password = "wrong"
		if _, err := EnsureTopics(t.Context(), cfg, []Topic{{Name: "t", Partitions: 1}}); err == nil {
			t.Errorf("%s: signed in with a wrong password", mechanism)
		}
	}
}

// The library says which password it cannot prepare.
func TestAPasswordIsInNoError(t *testing.T) {
	_, cfg := cluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "u", "s512"))
	cfg.SASL = &SASL{Mechanism: "SCRAM-SHA-512", User: "u", Password: "hush\n"}
	_, err := EnsureTopics(t.Context(), cfg, []Topic{{Name: "t", Partitions: 1}})
	if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "line end") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsGetTheHubsClasses(t *testing.T) {
	for _, err := range []error{
		io.EOF, sarama.ErrOutOfBrokers, &net.OpError{Op: "dial", Err: errors.New("refused")}, sarama.ErrNotLeaderForPartition,
		sarama.ErrTopicAuthorizationFailed,
	} {
		if got := Classify(fmt.Errorf("wrapped: %w", err)); !errors.Is(got, hub.ErrUnavailable) || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if got := Classify(sarama.ErrMessageSizeTooLarge); !errors.Is(got, hub.ErrInvalid) {
		t.Errorf("too large became %v", got)
	}
	for _, err := range []error{nil, context.Canceled, hub.Invalidf("x"), hub.Unavailablef("x")} {
		if got := Classify(err); !errors.Is(got, err) || !errors.Is(err, got) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if !Disconnected(io.EOF) || Disconnected(sarama.ErrNotLeaderForPartition) ||
		!Retriable(sarama.ErrNotLeaderForPartition) || Retriable(sarama.ErrTopicAuthorizationFailed) {
		t.Error("wrong class")
	}
}

func TestTopicsAreCreatedOnceAndLeftAsTheyAre(t *testing.T) {
	c, cfg := cluster(t)
	want := []Topic{{Name: "a", Partitions: 3, Settings: map[string]string{"retention.ms": "1000"}}, {Name: "b", Partitions: 1}}
	for range 2 {
		counts, err := EnsureTopics(t.Context(), cfg, want)
		if err != nil || counts["a"] != 3 || counts["b"] != 1 {
			t.Fatalf("got %v, %v", counts, err)
		}
		want[1].Partitions = 9
	}
	if got := c.TopicInfo("a").Configs["retention.ms"]; got == nil || *got != "1000" {
		t.Errorf("settings %v", c.TopicInfo("a").Configs)
	}
	c.Close()
	if _, err := EnsureTopics(t.Context(), cfg, want); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("without Kafka: %v", err)
	}
}

// runMember runs a group member until the test ends and tells of its claims.
func runMember(t *testing.T, cfg Config, consume func(context.Context, Claim) error) *Group {
	t.Helper()
	g := NewGroup(cfg, "g", []string{"t"}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := g.Run(ctx, Handler{Consume: consume}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return g
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	var v T
	select {
	case v = <-from:
	case <-time.After(30 * time.Second):
		t.Fatal("in vain")
	}
	return v
}

func TestAClaimThatFailsIsClaimedAgain(t *testing.T) {
	_, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	claims := make(chan Claim, 16)
	first := true
	runMember(t, cfg, func(ctx context.Context, claim Claim) error {
		claims <- claim
		if first {
			first = false
			return errors.New("failed")
		}
		<-ctx.Done()
		return nil
	})
	before, after := receive(t, claims), receive(t, claims)
	if after.Generation != before.Generation || after.Claims() != 1 || after.From != 0 {
		t.Errorf("claimed again as %+v after %+v", after, before)
	}
}

// A member that was removed by mistake finds out and joins again, and what it
// commits for the old generation is refused.
func TestARemovedMemberJoinsAgain(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	claims := make(chan Claim, 16)
	g := runMember(t, cfg, func(ctx context.Context, claim Claim) error {
		claims <- claim
		<-ctx.Done()
		return nil
	})
	receive(t, claims)
	if err := g.Commit("t", map[int32]int64{0: 0}); err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	memberID := g.member
	g.mu.Unlock()
	settings, err := cfg.Sarama()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	broker, err := admin.Coordinator("g")
	if err != nil {
		t.Fatal(err)
	}
	hear := deaf(cluster) // else it may be a member again before it commits
	response, err := broker.LeaveGroup(&sarama.LeaveGroupRequest{
		Version: 3, GroupId: "g", Members: []sarama.MemberIdentity{{MemberId: memberID}},
	})
	if err != nil || response.Err != sarama.ErrNoError {
		t.Fatal(response, err)
	}
	if err := g.Commit("t", map[int32]int64{0: 0}); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("a removed member committed: %v", err)
	}
	start := time.Now()
	hear()
	receive(t, claims)
	if took := time.Since(start); took > session {
		t.Errorf("joined again after %v", took)
	}
}

func TestNothingIsCommittedOutsideASession(t *testing.T) {
	g := NewGroup(Config{Brokers: []string{"127.0.0.1:1"}}, "g", []string{"t"}, slog.New(slog.DiscardHandler))
	if err := g.Commit("t", nil); err != nil {
		t.Errorf("nothing to commit: %v", err)
	}
	if err := g.Commit("t", map[int32]int64{0: 1}); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestRunEndsWithItsContextWhileKafkaIsAway(t *testing.T) {
	g := NewGroup(Config{Brokers: []string{"127.0.0.1:1"}}, "g", []string{"t"}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := g.Run(ctx, Handler{}); err != nil {
		t.Error(err)
	}
}
