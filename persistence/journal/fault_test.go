package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/await"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// faulty is a cluster of three brokers that fails on demand.
func faulty(t *testing.T) (*kfake.Cluster, *Producer) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(testShards, TopicName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	p, err := NewProducer(kafka.Config{Brokers: cluster.ListenAddrs()}, testShards, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return cluster, p
}

// failing makes the next produce requests fail.
func failing(c *kfake.Cluster, err *kerr.Error, count int) *kfake.FaultHandle {
	return c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: TopicName, Err: err, Count: count})
}

func stored(c *kfake.Cluster, stream hub.Stream) int64 {
	return c.PartitionInfo(TopicName, stream.Shard(testShards)).HighWatermark
}

func TestPassingRefusalsAreRiddenOut(t *testing.T) {
	for _, fault := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.NotEnoughReplicas, kerr.KafkaStorageError,
		kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend, kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID,
		kerr.InvalidProducerEpoch,
	} {
		t.Run(fault.Message, func(t *testing.T) {
			cluster, p := faulty(t)
			for i := range int64(3) { // in sequence, then after each refusal
				failing(cluster, fault, int(i))
				if err := p.Append(t.Context(), []hub.Record{record(hub.All, fmt.Sprint(i))}); err != nil {
					t.Fatal(err)
				}
				if got := stored(cluster, hub.All); got != i+1 {
					t.Fatalf("%d records stored, want %d: one was lost or repeated", got, i+1)
				}
			}
		})
	}
}

func TestALastingRefusalIsToldAndForgotten(t *testing.T) {
	for _, fault := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.NotEnoughReplicas} {
		var p *Producer
		var handle *kfake.FaultHandle
		await.AtMost(t, 3*time.Second, func() time.Duration {
			var cluster *kfake.Cluster
			cluster, p = faulty(t)
			handle = failing(cluster, fault, -1)
			start := time.Now()
			if err := p.Append(t.Context(), []hub.Record{record(hub.All, "x")}); !errors.Is(err, hub.ErrUnavailable) {
				t.Errorf("%s: got %v", fault.Message, err)
			}
			return time.Since(start)
		})
		handle.Remove()
		await.That(t, "appends succeed again", func() bool {
			return p.Append(t.Context(), []hub.Record{record(hub.All, "x")}) == nil
		})
	}
}

// What follows a failed record in its shard is not sent before the caller knows.
func TestNothingOvertakesAFailedRecord(t *testing.T) {
	cluster, p := faulty(t)
	records := make([]hub.Record, 10) // of several batches
	for i := range records {
		records[i] = record(hub.All, fmt.Sprint(i))
		records[i].Payload = fmt.Appendf(nil, `{"body":"%0*d"}`, 500_000, i)
	}
	failing(cluster, kerr.TopicAuthorizationFailed, 1)
	if err := p.Append(t.Context(), records); err == nil {
		t.Fatal("appended")
	}
	if err := p.Append(t.Context(), []hub.Record{record(hub.All, "next")}); err != nil {
		t.Fatal(err)
	}
	if got := stored(cluster, hub.All); got != 1 {
		t.Errorf("%d records stored, want the next one only", got)
	}
}

func TestAHangingBrokerHoldsUpItsOwnShardsOnly(t *testing.T) {
	await.AtMost(t, 3500*time.Millisecond, func() time.Duration { return hang(t) })
}

// hang appends to a shard whose broker hangs, and meanwhile to one of another broker. It
// returns how long it took until the first was told.
func hang(t *testing.T) time.Duration {
	t.Helper()
	cluster, p := faulty(t)
	leader := cluster.LeaderFor(TopicName, hub.All.Shard(testShards))
	var other hub.Stream
	for i := 0; other == "" || cluster.LeaderFor(TopicName, other.Shard(testShards)) == leader; i++ {
		other = hub.MallStream(fmt.Sprint(i))
	}
	for _, stream := range []hub.Stream{hub.All, other} {
		if err := p.Append(t.Context(), []hub.Record{record(stream, "warm")}); err != nil {
			t.Fatal(err)
		}
	}
	release := make(chan struct{})
	defer close(release)
	hangs := make(chan struct{}, 1)
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if cluster.CurrentNode() == leader {
			select {
			case hangs <- struct{}{}:
			default:
			}
			cluster.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	told := make(chan time.Duration, 1)
	go func() {
		start := time.Now()
		if err := p.Append(t.Context(), []hub.Record{record(hub.All, "hangs")}); !errors.Is(err, hub.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		told <- time.Since(start)
	}()
	<-hangs
	const many = 10
	for i := range many {
		if err := p.Append(t.Context(), []hub.Record{record(other, fmt.Sprint(i))}); err != nil {
			t.Error(err)
		}
		if len(told) > 0 {
			t.Errorf("%d of %d appends to a shard of another broker, while it hung", i, many)
			break
		}
	}
	return <-told
}

func TestOrderSurvivesMovingLeaders(t *testing.T) {
	cluster, p := faulty(t)
	got := newRecorder()
	b := &bench{t: t, cfg: kafka.Config{Brokers: cluster.ListenAddrs()}, log: slog.New(slog.DiscardHandler)}
	b.consume(got)
	const n = 600
	for i := range n {
		if i%50 == 0 {
			cluster.ShufflePartitionLeaders()
		}
		if err := p.Append(t.Context(), []hub.Record{record(hub.All, fmt.Sprintf("a-%d", i))}); err != nil {
			t.Fatal(err)
		}
	}
	await.That(t, "all applied", func() bool { return len(got.ids(hub.All)) == n })
	got.mu.Lock()
	defer got.mu.Unlock()
	for i, r := range got.records[hub.All][:n] {
		if want := fmt.Sprintf("a-%d", i); r.ID != want {
			t.Fatalf("%s at %d", r.ID, i)
		}
	}
}

func TestARecordDoesNotFailForTheCompanyItIsIn(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, TopicName),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "3000"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	p, err := NewProducer(kafka.Config{Brokers: cluster.ListenAddrs()}, 1, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	var records []hub.Record
	for i := range 100 {
		r := record(hub.All, fmt.Sprint(i))
		r.Payload = []byte(`{"data":"` + strings.Repeat("x", 500) + `"}`)
		records = append(records, r)
	}
	if err := p.Append(t.Context(), records); err != nil {
		t.Fatalf("Append = %v of records that Kafka takes one by one", err)
	}
	if got := cluster.PartitionInfo(TopicName, 0).HighWatermark; got != 100 {
		t.Errorf("%d records stored, want 100", got)
	}
	large := record(hub.All, "large")
	large.Payload = []byte(`{"data":"` + strings.Repeat("x", 4000) + `"}`)
	if err := p.Append(t.Context(), []hub.Record{large}); !errors.Is(err, hub.ErrInvalid) {
		t.Errorf("Append = %v of a record that Kafka never takes, want ErrInvalid", err)
	}
	if err := p.Append(t.Context(), records[:1]); err != nil {
		t.Errorf("Append = %v afterwards", err)
	}
}

func TestALeaderThatIsGoneTakesDownNoShardOfTheNext(t *testing.T) {
	_, p := faulty(t)
	p.mu.Lock()
	moved, other, stayed := p.shards[0], p.shards[1], p.shards[2]
	moved.pending = &batch{since: time.Now().Add(-time.Minute), records: &sarama.RecordBatch{}}
	moved.sending = true
	moved.leader, other.leader, stayed.leader = 2, 2, 1 // moved was led by 1 when it was sent
	p.mu.Unlock()
	p.settle(1, []*shard{moved}, nil, io.EOF)
	p.mu.Lock()
	defer p.mu.Unlock()
	if moved.down == nil || stayed.down == nil {
		t.Error("shards of a leader that is gone are not down")
	}
	if other.down != nil {
		t.Errorf("a shard of the next leader is down: %v", other.down)
	}
}
