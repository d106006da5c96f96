package ingest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/await"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// A node that wakes after a stop has a batch in its hand of a partition that has
// another owner. To the node it is as if the coordinator had not spoken for long.
func TestNothingIsAppendedForAClaimThatMayBeAnothers(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topic), kfake.SeedTopics(1, DeadLetterTopic(topic)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := kafka.Config{Brokers: cluster.ListenAddrs(), ClientID: "node"}
	b := &bench{t: t, log: slog.New(slog.DiscardHandler), options: Options{Kafka: cfg, Topics: []string{topic}}}
	var deaf atomic.Bool
	for _, key := range []kmsg.Key{kmsg.Heartbeat, kmsg.JoinGroup} { // a slow machine's node would join anew
		cluster.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			return nil, errors.New("no answer"), deaf.Load()
		})
	}
	j := &journal{}
	began, stopped := make(chan struct{}), make(chan struct{})
	first := true
	b.run(appendFunc(func(ctx context.Context, records []hub.Record) error {
		if first { // the first try fails, and the process is stopped before the next
			first = false
			deaf.Store(true)
			close(began)
			<-stopped
			return hub.Unavailablef("away")
		}
		return j.Append(ctx, records)
	}))
	b.publish(0, jsonEvent("stopped", "all"))
	<-began
	time.Sleep(1500 * time.Millisecond) // in which the coordinator might have given the partition away
	close(stopped)
	time.Sleep(500 * time.Millisecond) // of trying again
	if ids := j.ids(hub.All); len(ids) > 0 {
		t.Errorf("appended %v", ids)
	}
	deaf.Store(false)
	await.That(t, "appended", func() bool { return slices.Equal(j.ids(hub.All), []string{"stopped"}) })
}

// appendFunc is a Journal.
type appendFunc func(ctx context.Context, records []hub.Record) error

func (f appendFunc) Append(ctx context.Context, records []hub.Record) error { return f(ctx, records) }
