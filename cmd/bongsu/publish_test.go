package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"bongsu/internal/hub"
)

const testTopic = "EVENTS"

// broker starts a Kafka with one topic and returns its address and a reader of the
// next n records.
func broker(t *testing.T) (string, func(n int) []*sarama.ConsumerMessage) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, testTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	address := cluster.ListenAddrs()[0]
	return address, func(n int) []*sarama.ConsumerMessage {
		t.Helper()
		consumer, err := sarama.NewConsumer([]string{address}, sarama.NewConfig())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = consumer.Close() }()
		claim, err := consumer.ConsumePartition(testTopic, 0, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = claim.Close() }()
		var got []*sarama.ConsumerMessage
		for len(got) < n {
			select {
			case m := <-claim.Messages():
				got = append(got, m)
			case <-time.After(10 * time.Second):
				t.Fatalf("%d records, want %d", len(got), n)
			}
		}
		return got
	}
}

func TestPublishSendsOneEvent(t *testing.T) {
	bare(t)
	address, read := broker(t)
	r := bongsu(t, "", "publish", "--brokers", address, "--topic", testTopic, "--type", "ORDER_PLACED", "-t", "mall:1001", "-t", "admin:7",
		"--title", "새 주문", "--body", "3건, 59,000원", "--link", "/orders/1", "--data", `{"orderNo":1}`, "--id", "ord-1", "--sound", "order",
		"--priority", "high", "--at", "2026-11-20T10:30:00Z", "--expires-at", "2026-12-20T00:00:00Z")
	if r.code != exitOK || r.out != testTopic+" partition 0 offset 0 id ord-1\n" {
		t.Fatalf("got %+v", r)
	}
	m := read(1)[0]
	event, err := hub.ParseEvent(m.Value)
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Key) != "mall:1001" || event.ID != "ord-1" || event.Type != "ORDER_PLACED" || len(event.Targets) != 2 ||
		event.Title != "새 주문" || event.Body != "3건, 59,000원" || event.Link != "/orders/1" || string(event.Data) != `{"orderNo":1}` ||
		event.Sound != "order" || event.Priority != "high" || event.At.Hour() != 10 || event.ExpiresAt.Day() != 20 {
		t.Fatalf("key %s, %+v", m.Key, event)
	}
}

func TestPublishMakesAnIDAndSaysIt(t *testing.T) {
	bare(t)
	address, read := broker(t)
	r := bongsu(t, "", "publish", "--brokers", address, "--topic", testTopic+",OTHER", "--type", "NOTICE", "-t", "all", "--json", "--title", "x")
	var told struct {
		Topic  string
		Offset int64
		ID     string
	}
	if err := json.Unmarshal([]byte(r.out), &told); err != nil || told.Topic != testTopic || told.ID == "" {
		t.Fatalf("got %+v, %v", r, err)
	}
	if event, err := hub.ParseEvent(read(1)[0].Value); err != nil || event.ID != told.ID {
		t.Fatalf("id %q was told, %q published (%v)", told.ID, event.ID, err)
	}
}

func TestPublishSendsTextAsItIs(t *testing.T) {
	bare(t)
	address, read := broker(t)
	if r := bongsu(t, "", "publish", "--brokers", address, "--topic", testTopic, "--text", "7:me:안녕"); r.code != exitOK {
		t.Fatalf("got %+v", r)
	}
	if m := read(1)[0]; string(m.Value) != "7:me:안녕" || m.Key != nil {
		t.Fatalf("got %s: %s", m.Key, m.Value)
	}
}

// ndjson returns n events, one a line.
func ndjson(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"id":"e%d","type":"NOTICE","targets":["mall:1"],"title":"x"}`+"\n\n", i)
	}
	return text.String()
}

func TestPublishSendsAFileInOrder(t *testing.T) {
	bare(t)
	const n = 2*publishBatch + 1
	address, read := broker(t)
	r := bongsu(t, ndjson(n), "publish", "--brokers", address, "--topic", testTopic, "--file", "-")
	if r.code != exitOK || !strings.HasPrefix(r.out, fmt.Sprintf("%d published", n)) {
		t.Fatalf("got %+v", r)
	}
	for i, m := range read(n) {
		if event, err := hub.ParseEvent(m.Value); err != nil || event.ID != fmt.Sprintf("e%d", i) {
			t.Fatalf("record %d is %s", i, m.Value)
		}
	}
}

func TestPublishEndsAtABadLine(t *testing.T) {
	bare(t)
	address, read := broker(t)
	publish := func(text string) result {
		return bongsu(t, text, "publish", "--brokers", address, "--topic", testTopic, "--file", "-")
	}
	r := publish(ndjson(2) + "{}\n" + ndjson(1))
	if r.code != exitUsage || !strings.Contains(r.err, "line 5") || !strings.Contains(r.err, "nothing is published") {
		t.Fatalf("got %+v", r)
	}
	r = publish(ndjson(publishBatch+3) + `{"type":"NOTICE"}` + "\n")
	if r.code != exitUsage || !strings.Contains(r.err, fmt.Sprintf("the %d before it are published", publishBatch+3)) {
		t.Fatalf("got %+v", r)
	}
	read(publishBatch + 3)
	r = publish(strings.Repeat("x", hub.MaxEvent+10))
	if r.code != exitUsage || !strings.Contains(r.err, "line 1") {
		t.Fatalf("got %+v", r)
	}
}

func TestAnInterruptedPublishIsNoSuccess(t *testing.T) {
	bare(t)
	address, _ := broker(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := bongsuIn(ctx, t, "", "publish", "--brokers", address, "--topic", testTopic, "--text", "x")
	if r.code != exitUnavailable || !strings.Contains(r.err, "after 0 published") {
		t.Fatalf("got %+v", r)
	}
}

func TestATopicThatIsNotThereIsNamed(t *testing.T) {
	bare(t)
	address, _ := broker(t)
	r := bongsu(t, "", "publish", "--brokers", address, "--topic", "NOWHERE", "--text", "x")
	if r.code != exitUnavailable || !strings.Contains(r.err, "NOWHERE") {
		t.Fatalf("got %+v", r)
	}
}

func TestHowToGetIntoKafkaIsHeeded(t *testing.T) {
	bare(t)
	address, _ := broker(t)
	t.Setenv("BONGSU_KAFKA_TLS", "true")
	t.Setenv("BONGSU_KAFKA_TLS_CA", "nowhere.pem")
	for _, command := range [][]string{{"publish", "--text", "all:x"}, {"load", "--secret", testSecret, "--connections", "1", "--duration", "1s"}} {
		r := bongsu(t, "", append(command, "--brokers", address, "--topic", testTopic)...)
		if r.code != exitUsage || !strings.Contains(r.err, "nowhere.pem") {
			t.Errorf("%s: got %+v", command[0], r)
		}
	}
}
