//go:build servers

package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"bongsu/internal/await"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/internal/testenv"
)

// server is a journal on an Apache Kafka that can be killed and paused.
func server(t *testing.T) (*testenv.KafkaServer, *bench) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	k, err := testenv.Kafka(t.Context(), t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, cfg: kafka.Config{Brokers: []string{k.Addr()}}, log: log}
	if _, err := Ensure(t.Context(), b.cfg, testShards, log); err != nil {
		t.Fatal(err)
	}
	return k, b
}

func TestAKafkaThatHangsIsToldInTime(t *testing.T) {
	k, b := server(t)
	p := b.producer()
	if err := p.Append(t.Context(), []hub.Record{record(hub.All, "before")}); err != nil {
		t.Fatal(err)
	}
	if err := k.Pause(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := p.Append(t.Context(), []hub.Record{record(hub.All, "hangs")}); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("told after %v", took)
	}
	start = time.Now()
	if err := p.Append(t.Context(), []hub.Record{record(hub.MallStream("1"), "next")}); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 100*time.Millisecond {
		t.Errorf("the next was told after %v", took)
	}
	if err := k.Resume(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "appends succeed again", func() bool {
		return p.Append(t.Context(), []hub.Record{record(hub.All, "after")}) == nil
	})
}

func TestNothingIsLostWhenKafkaIsKilled(t *testing.T) {
	k, b := server(t)
	p, got := b.producer(), newRecorder()
	b.consume(got)
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			for p.Append(context.Background(), []hub.Record{record(hub.All, fmt.Sprintf("a-%d", n))}) != nil {
				time.Sleep(20 * time.Millisecond)
			}
		}
		sent <- n
	}()
	for range 2 {
		time.Sleep(time.Second) // of load
		if err := k.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	cancel()
	want := numbered("a", <-sent)
	await.That(t, "all applied", func() bool { return len(got.ids(hub.All)) >= len(want) })
	if !slices.Equal(got.ids(hub.All), want) {
		t.Error("lost or out of order")
	}
	got.check(t)
}
