package embedded

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/kafka"
)

func start(t *testing.T, addr, dir string) *Broker {
	t.Helper()
	return startWith(t, Options{Addr: addr, Dir: dir})
}

func startWith(t *testing.T, o Options) *Broker {
	t.Helper()
	b, err := Start(t.Context(), o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, b) })
	return b
}

func stop(t *testing.T, b *Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, addr, topic, value string) {
	t.Helper()
	settings, err := kafka.Config{Brokers: []string{addr}}.Producer()
	if err != nil {
		t.Fatal(err)
	}
	settings.Metadata.AllowAutoTopicCreation = true
	producer, err := sarama.NewSyncProducer([]string{addr}, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = producer.Close() }()
	if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)}); err != nil {
		t.Fatal(err)
	}
}

// count returns how many records the topic holds.
func count(t *testing.T, addr, topic string) int64 {
	t.Helper()
	settings, err := kafka.Config{Brokers: []string{addr}}.Sarama()
	if err != nil {
		t.Fatal(err)
	}
	client, err := sarama.NewClient([]string{addr}, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	partitions, err := client.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, p := range partitions {
		head, err := client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			t.Fatal(err)
		}
		total += head
	}
	return total
}

func TestAnyClientUsesItAndRecordsOutliveIt(t *testing.T) {
	for _, sync := range []bool{false, true} {
		o := Options{Addr: "127.0.0.1:0", Dir: t.TempDir(), Sync: sync}
		b := startWith(t, o)
		o.Addr = b.Addr()
		produce(t, o.Addr, "made-by-its-first-use", "one")
		stop(t, b)

		b = startWith(t, o)
		if b.Addr() != o.Addr {
			t.Fatalf("listens on %s, want %s again", b.Addr(), o.Addr)
		}
		produce(t, o.Addr, "made-by-its-first-use", "two")
		if got := count(t, o.Addr, "made-by-its-first-use"); got != 2 {
			t.Errorf("%d records, want 2", got)
		}
	}
}

func TestATakenPortOrDirectoryNamesTheSetting(t *testing.T) {
	dir := t.TempDir()
	b := start(t, "127.0.0.1:0", dir)
	for name, o := range map[string]Options{
		"BONGSU_KAFKA_EMBEDDED_ADDR": {Addr: b.Addr(), Dir: t.TempDir()},
		"BONGSU_DATA_DIR":            {Addr: "127.0.0.1:0", Dir: dir},
	} {
		_, err := Start(t.Context(), o, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that names %s", err, name)
		}
	}
	if _, err := Start(t.Context(), Options{Addr: "nowhere", Dir: dir}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an address without a port was accepted")
	}
}

func TestCloseTwiceIsHarmless(t *testing.T) {
	b := start(t, "127.0.0.1:0", t.TempDir())
	stop(t, b)
	stop(t, b)
}
