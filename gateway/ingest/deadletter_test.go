package ingest

import (
	"bytes"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

func TestALetterThatIsTooLargeForItsTopicIsCutShorter(t *testing.T) {
	dead := DeadLetterTopic(topic)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, dead),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	d := NewDeadLetters(kafka.Config{Brokers: cluster.ListenAddrs()})
	defer d.Close()
	letters := []Letter{
		{Topic: topic, Offset: 1, Value: []byte("short"), Reason: hub.Invalidf("bad")},
		{Topic: topic, Offset: 2, Value: bytes.Repeat([]byte("x"), 19_950), Reason: hub.Invalidf("bad")},
	}
	for i := range letters {
		if err := d.Write(letters[i : i+1]); err != nil {
			t.Fatalf("letter %d: %v", i, err)
		}
	}
	if got := cluster.PartitionInfo(dead, 0).HighWatermark; got != 2 {
		t.Errorf("%d letters are there, want 2", got)
	}
}

func TestALetterFromElsewhereNamesItsSource(t *testing.T) {
	l := Letter{Topic: topic, Source: "redis:order", Partition: -1, Offset: -1, Value: []byte("{"), Reason: hub.Invalidf("bad")}
	m := l.message(maxLetter)
	got := map[string]string{}
	for _, h := range m.Headers {
		got[string(h.Key)] = string(h.Value)
	}
	want := map[string]string{
		"bongsu-reason": "bad", "bongsu-topic": "redis:order", "bongsu-partition": "-1", "bongsu-offset": "-1",
	}
	if m.Topic != topic+".dead" || !maps.Equal(got, want) {
		t.Errorf("%s %v", m.Topic, got)
	}
}

func TestAFloodOfDeadLettersDoesNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		in := New(Options{}, &journal{}, slog.New(slog.NewTextHandler(&text, nil)))
		for range 2 {
			for range 100 {
				in.tell([]deadLetter{{&sarama.ConsumerMessage{Topic: topic}, hub.Invalidf("bad")}})
			}
			time.Sleep(tellEvery)
		}
		if lines := strings.Count(text.String(), "\n"); lines != 2 || !strings.Contains(text.String(), "count=100 ") {
			t.Errorf("twice 100 dead letters were told as\n%s", &text)
		}
	})
}
