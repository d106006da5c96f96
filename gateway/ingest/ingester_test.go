package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/await"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/internal/testenv"
)

const topic = "BACKOFFICE-NOTIFICATIONS"

// journal is a Journal in memory that can refuse.
type journal struct {
	mu      sync.Mutex
	records map[hub.Stream][]string // ids
	calls   int
	refuse  func(call int, records []hub.Record) error
}

func (j *journal) Append(_ context.Context, records []hub.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.records == nil {
		j.records = map[hub.Stream][]string{}
	}
	j.calls++
	if j.refuse != nil {
		if err := j.refuse(j.calls, records); err != nil {
			return err
		}
	}
	for _, r := range records {
		j.records[r.Stream] = append(j.records[r.Stream], r.ID)
	}
	return nil
}

// ids returns the ids of the stream in order, as appended.
func (j *journal) ids(stream hub.Stream) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.records[stream])
}

// bench is a Kafka to publish to and an ingester to run.
type bench struct {
	t       testing.TB
	broker  testenv.Broker
	options Options
	log     *slog.Logger
}

func newBench(t testing.TB) *bench {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("BONGSU_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	broker := testenv.NewBroker(t)
	b := &bench{t: t, broker: broker, log: log, options: Options{
		Kafka: kafka.Config{Brokers: []string{broker.Addr()}}, Topics: []string{topic}, Partitions: 2,
	}}
	in := New(b.options, &journal{}, log)
	if err := in.ensureTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// run runs an ingester until the returned function is called or the test ends.
func (b *bench) run(j Journal) (stop func()) {
	in := New(b.options, j, b.log)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := in.Run(ctx); err != nil {
			b.t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
	b.t.Cleanup(stop)
	return stop
}

// publish appends records to one partition of the ingress topic, in order.
func (b *bench) publish(partition int32, values ...string) {
	b.t.Helper()
	settings, err := b.options.Kafka.Producer()
	if err != nil {
		b.t.Fatal(err)
	}
	settings.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(b.options.Kafka.Brokers, settings)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = producer.Close() }()
	messages := make([]*sarama.ProducerMessage, len(values))
	for i, value := range values {
		messages[i] = &sarama.ProducerMessage{
			Topic: topic, Partition: partition, Key: sarama.StringEncoder("key"), Value: sarama.StringEncoder(value),
			Headers: []sarama.RecordHeader{{Key: []byte("trace"), Value: []byte("7")}},
		}
	}
	if err := producer.SendMessages(messages); err != nil {
		b.t.Fatal(err)
	}
}

// dead returns what is in the dead-letter topic.
func (b *bench) dead(want int) []*sarama.ConsumerMessage {
	b.t.Helper()
	settings, err := b.options.Kafka.Consumer()
	if err != nil {
		b.t.Fatal(err)
	}
	settings.Consumer.Return.Errors = false
	consumer, err := sarama.NewConsumer(b.options.Kafka.Brokers, settings)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = consumer.Close() }()
	partition, err := consumer.ConsumePartition(DeadLetterTopic(topic), 0, sarama.OffsetOldest)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = partition.Close() }()
	var letters []*sarama.ConsumerMessage
	timeout := time.After(30 * time.Second)
	for len(letters) < want {
		select {
		case m := <-partition.Messages():
			letters = append(letters, m)
		case <-timeout:
			b.t.Fatalf("%d dead letters, want %d", len(letters), want)
		}
	}
	return letters
}

func jsonEvent(id string, targets ...string) string {
	return fmt.Sprintf(`{"id":%q,"type":"T","title":"t","targets":["%s"]}`, id, strings.Join(targets, `","`))
}

// series returns the events prefix-0 … prefix-(n-1) and their ids.
func series(prefix string, n int, targets ...string) (values, ids []string) {
	for i := range n {
		id := fmt.Sprintf("%s-%d", prefix, i)
		ids = append(ids, id)
		values = append(values, jsonEvent(id, targets...))
	}
	return values, ids
}

// distinct drops repetitions, as a stream does.
func distinct(ids []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

func TestEventsReachEachTargetInOrder(t *testing.T) {
	b, j := newBench(t), &journal{}
	values, ids := series("e", 500, "mall:1", "admin:7")
	b.publish(0, values...)
	stop := b.run(j)
	for _, stream := range []hub.Stream{"mall:1", "admin:7"} {
		await.That(t, "all appended", func() bool { return len(j.ids(stream)) == len(ids) })
		if !slices.Equal(j.ids(stream), ids) {
			t.Errorf("%s: out of order", stream)
		}
	}
	stop()
	more, _ := series("more", 3, "mall:1")
	b.publish(0, more...)
	b.run(j)
	await.That(t, "the rest appended", func() bool { return len(j.ids("mall:1")) >= len(ids)+3 })
	if got := j.ids("mall:1"); len(got) != len(ids)+3 {
		t.Errorf("%d records were appended again after an orderly stop", len(got)-len(ids)-3)
	}
}

func TestMalformedRecordsGoToTheDeadLetterTopic(t *testing.T) {
	b, j := newBench(t), &journal{}
	const many = 10_000
	bad := make([]string, many)
	for i := range bad {
		bad[i] = fmt.Sprintf(`{"broken":%d`, i)
	}
	b.publish(1, jsonEvent("before", "all"))
	b.publish(1, bad...)
	b.publish(1, jsonEvent("after", "all"))
	start := time.Now()
	b.run(j)
	await.That(t, "the good ones appended", func() bool { return slices.Equal(j.ids(hub.All), []string{"before", "after"}) })
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("%d malformed records took %v", many, took)
	}
	letters := b.dead(many)
	last := letters[many-1]
	headers := map[string]string{}
	for _, h := range last.Headers {
		headers[string(h.Key)] = string(h.Value)
	}
	if string(last.Value) != bad[many-1] || string(last.Key) != "key" || headers["trace"] != "7" {
		t.Errorf("the letter is not the record: %s %s %v", last.Key, last.Value, headers)
	}
	if headers[headerTopic] != topic || headers[headerPartition] != "1" || headers[headerOffset] != fmt.Sprint(many) ||
		!strings.HasPrefix(headers[headerReason], "not JSON") {
		t.Errorf("headers %v", headers)
	}
}

func TestARecordOfALongValueIsCutAndBlocksNothing(t *testing.T) {
	b, j := newBench(t), &journal{}
	b.publish(0, strings.Repeat("x", 950_000), jsonEvent("after", "all"))
	b.run(j)
	await.That(t, "the next appended", func() bool { return len(j.ids(hub.All)) == 1 })
	if letter := b.dead(1)[0]; len(letter.Value) != cutTo {
		t.Errorf("the letter has %d bytes", len(letter.Value))
	}
}

func TestWhatTheJournalCannotTakeIsADeadLetter(t *testing.T) {
	b := newBench(t)
	j := &journal{refuse: func(_ int, records []hub.Record) error {
		if slices.ContainsFunc(records, func(r hub.Record) bool { return r.ID == "e-3" }) {
			return hub.Invalidf("too long")
		}
		return nil
	}}
	values, ids := series("e", 10, "all")
	b.publish(0, values...)
	b.run(j)
	want := slices.Delete(slices.Clone(ids), 3, 4)
	await.That(t, "the others appended", func() bool { return slices.Equal(j.ids(hub.All), want) })
	b.dead(1)
}

func TestAJournalThatIsAwayDelaysAndLosesNothing(t *testing.T) {
	b := newBench(t)
	j := &journal{refuse: func(call int, _ []hub.Record) error {
		if call%3 != 0 {
			return hub.Unavailablef("away")
		}
		return nil
	}}
	values, ids := series("e", 200, "all")
	stop := b.run(j)
	for part := range slices.Chunk(values, 20) {
		b.publish(0, part...)
	}
	await.That(t, "all appended", func() bool { return len(j.ids(hub.All)) >= len(ids) })
	stop()
	if !slices.Equal(j.ids(hub.All), ids) {
		t.Error("lost, repeated or out of order")
	}
}

func TestStoppingDoesNotWaitForAJournalThatIsAway(t *testing.T) {
	b := newBench(t)
	called := make(chan struct{}, 1000)
	j := &journal{refuse: func(int, []hub.Record) error {
		called <- struct{}{}
		return hub.Unavailablef("away")
	}}
	b.publish(0, jsonEvent("e", "all"))
	stop := b.run(j)
	<-called
	start := time.Now()
	stop()
	if took := time.Since(start); took > grace+3*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if n := len(called); n > 20 {
		t.Errorf("%d attempts in %v: a busy loop", n, grace)
	}
}

func TestNothingIsLostOrReorderedWhenKafkaGoesAway(t *testing.T) {
	b, j := newBench(t), &journal{}
	values, ids := series("e", 3000, "all", "mall:1")
	b.run(j)
	for i, part := range slices.Collect(slices.Chunk(values, 1000)) {
		b.publish(0, part...)
		await.That(t, "some appended", func() bool { return len(distinct(j.ids(hub.All))) > i*1000+100 })
		b.broker.Stop()
		time.Sleep(100 * time.Millisecond)
		b.broker.Start()
	}
	for _, stream := range []hub.Stream{hub.All, "mall:1"} {
		await.That(t, "all appended", func() bool { return len(distinct(j.ids(stream))) == len(ids) })
		if got := j.ids(stream); !slices.Equal(distinct(got), ids) {
			t.Errorf("%s: out of order", stream)
		} else if repeated := len(got) - len(ids); repeated > 3*maxUncommitted {
			t.Errorf("%s: %d records repeated", stream, repeated)
		}
	}
}

func TestRunWaitsForKafka(t *testing.T) {
	b, j := newBench(t), &journal{}
	b.publish(0, jsonEvent("e", "all"))
	b.broker.Stop()
	b.run(j)
	time.Sleep(300 * time.Millisecond) // of trying
	b.broker.Start()
	await.That(t, "appended", func() bool { return len(j.ids(hub.All)) == 1 })
}
