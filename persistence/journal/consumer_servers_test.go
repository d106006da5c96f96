//go:build servers

package journal

import (
	"context"
	"sync"
	"testing"
	"time"

	"bongsu/internal/await"
	"bongsu/internal/testenv"
)

// readyAgain starts the Kafka, which was ended, and returns how long after it takes
// requests every shard has had a record.
func readyAgain(t *testing.T, k *testenv.KafkaServer, s *service) time.Duration {
	t.Helper()
	began := time.Now()
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ready := time.Now()
	for {
		s.mu.Lock()
		served, last := true, time.Time{}
		for _, shard := range s.last {
			served = served && shard.at.After(began)
			if shard.at.After(last) {
				last = shard.at
			}
		}
		s.mu.Unlock()
		if served {
			t.Logf("Kafka took %v to start", ready.Sub(began).Round(time.Millisecond))
			return time.Since(ready)
		}
		if time.Since(ready) > time.Minute {
			t.Fatal("some shard is not served again")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Kafka is killed under load and comes back: within the session of the members,
// who keep their shards then, and long after it.
func TestServiceAfterKafkaWasKilled(t *testing.T) {
	k, cfg := manyOn(t)
	s := &service{}
	for _, name := range []string{"a", "b", "c"} {
		s.member(t, cfg, name)
	}
	time.Sleep(5 * time.Second)
	for _, away := range []time.Duration{0, 4 * time.Second, 10 * time.Second} {
		if err := k.Kill(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(away)
		took := readyAgain(t, k, s)
		t.Logf("killed for %v: every shard is served %v after Kafka takes requests", away, took.Round(time.Millisecond))
		if took > 5*time.Second {
			t.Error("too long")
		}
		time.Sleep(5 * time.Second)
	}
}

// The coordinator itself keeps nodes of another cluster out.
func TestANodeOfAnotherClusterOwnsNothing(t *testing.T) {
	b := newBench(t)
	member := func(fingerprint string) *Consumer {
		cfg := b.cfg
		cfg.ClientID, cfg.Fingerprint = "node", fingerprint
		c := NewConsumer(cfg, testShards, nil, b.log)
		ctx, cancel := context.WithCancel(context.Background())
		var done sync.WaitGroup
		done.Go(func() { _ = c.Run(ctx, &watched{name: fingerprint, service: &service{}}) })
		t.Cleanup(func() {
			cancel()
			done.Wait()
		})
		return c
	}
	first := member("first")
	await.That(t, "the first owns all", func() bool { return len(first.Lag()) == testShards })
	second := member("second")
	for range 40 {
		if n, m := len(first.Lag()), len(second.Lag()); n != testShards || m != 0 {
			t.Fatalf("the first owns %d, the other %d", n, m)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
