package kafka

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/await"
)

// emptied is a batch from offset 0 up to last whose records have all been
// compacted away.
func emptied(last int32) []byte {
	b := kmsg.RecordBatch{Magic: 2, LastOffsetDelta: last, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1}
	const length, sum = 12, 21 // what these are of begins there
	b.Length = int32(len(b.AppendTo(nil)) - length)
	b.CRC = int32(crc32.Checksum(b.AppendTo(nil)[sum:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

// answerFetch answers with this for partition 0, which has more, and nothing else.
func answerFetch(request *kmsg.FetchRequest, batches []byte) kmsg.Response {
	response := request.ResponseKind().(*kmsg.FetchResponse)
	topic := kmsg.NewFetchResponseTopic()
	topic.Topic = "t"
	partition := kmsg.NewFetchResponseTopicPartition()
	partition.HighWatermark, partition.RecordBatches = 1<<20, append([]byte{}, batches...)
	topic.Partitions = append(topic.Partitions, partition)
	response.Topics = append(response.Topics, topic)
	return response
}

// asksFor returns which offset of partition 0 is asked for, -1 if none is.
func asksFor(request *kmsg.FetchRequest) int64 {
	for _, topic := range request.Topics {
		for _, p := range topic.Partitions {
			if p.Partition == 0 {
				return p.FetchOffset
			}
		}
	}
	return -1
}

// onFetch has fetches of partition 0 answered by answer, as long as that is not nil.
func onFetch(cluster *kfake.Cluster, answer func(*kmsg.FetchRequest) kmsg.Response) {
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		request := r.(*kmsg.FetchRequest)
		if asksFor(request) < 0 {
			return nil, nil, false
		}
		cluster.KeepControl()
		response := answer(request)
		return response, nil, response != nil
	})
}

// read reads partitions until the test ends, and returns what has come.
func read(t *testing.T, cfg Config, log *lines, settle func(*sarama.Config), partitions ...int32) func(partition int32) []int64 {
	t.Helper()
	settings, err := cfg.member()
	if err != nil {
		t.Fatal(err)
	}
	settle(settings)
	client, err := sarama.NewClient(cfg.Brokers, settings)
	if err != nil {
		t.Fatal(err)
	}
	f := newFetcher(client, log.log())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.run(ctx) })
	var mu sync.Mutex
	came := make(map[int32][]int64)
	for _, id := range partitions {
		s := newSource(partition{"t", id}, 0, 0, func(err error) { t.Errorf("partition %d: %v", id, err) })
		running.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case batch := <-s.batches:
					mu.Lock()
					for _, m := range batch {
						came[id] = append(came[id], m.Offset)
					}
					mu.Unlock()
				}
			}
		})
		f.add(ctx, s)
	}
	t.Cleanup(func() {
		cancel()
		_ = client.Close()
		running.Wait()
	})
	return func(id int32) []int64 {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(came[id])
	}
}

func asTheyAre(*sarama.Config) {}

func TestNoRecordIsLeftOutThatTheBrokerDoesNotGiveForAWhile(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(2, "t"))
	send := sender(t, cfg)
	for range 3 {
		send(0)
	}
	var asked atomic.Int64
	onFetch(cluster, func(request *kmsg.FetchRequest) kmsg.Response {
		if asked.Add(1) > 50 {
			return nil
		}
		return answerFetch(request, nil)
	})
	var said lines
	came := read(t, cfg, &said, asTheyAre, 0, 1)
	await.That(t, "all come", func() bool { return fmt.Sprint(came(0)) == "[0 1 2]" })
}

func TestABatchWithoutRecordsIsPassed(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	send := sender(t, cfg)
	for range 6 {
		send(0)
	}
	onFetch(cluster, func(request *kmsg.FetchRequest) kmsg.Response {
		if asksFor(request) < 4 {
			return answerFetch(request, emptied(3))
		}
		return nil
	})
	var said lines
	came := read(t, cfg, &said, asTheyAre, 0)
	await.That(t, "what is behind it comes", func() bool { return fmt.Sprint(came(0)) == "[4 5]" })
}

func TestLessIsAskedForOverASlowLink(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(1, "t"))
	sender(t, cfg)(0)
	var tries atomic.Int64
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if r.(*kmsg.FetchRequest).MaxBytes > 1<<20 {
			tries.Add(1)
			cluster.SleepControl(func() { time.Sleep(500 * time.Millisecond) })
		}
		return nil, nil, false
	})
	var said lines
	came := read(t, cfg, &said, func(s *sarama.Config) { s.Net.ReadTimeout = 350 * time.Millisecond }, 0)
	await.That(t, "it comes", func() bool { return len(came(0)) == 1 })
	if n := tries.Load(); n < 4 || n > 6 { // 16, 8, 4 and 2 MiB
		t.Errorf("%d tries with more", n)
	}
	if n := said.count("level=WARN"); n == 0 || n > 2 {
		t.Errorf("%d warnings", n)
	}
	await.That(t, "said to be over", func() bool { return said.count("fetched again") > 0 })
}

func TestACorruptBatchStopsItsPartitionOnly(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(8, "t"))
	send := sender(t, cfg)
	for id := range int32(8) {
		send(id)
	}
	var sound atomic.Bool
	onFetch(cluster, func(request *kmsg.FetchRequest) kmsg.Response {
		if sound.Load() {
			return nil
		}
		batch := emptied(0)
		batch[30] ^= 1 // in a time, which the checksum covers
		return answerFetch(request, batch)
	})
	var said lines
	a := startLogged(t, cfg, nil, said.log())
	for round := range int64(3) {
		for id := int32(1); id < 8; id++ {
			await.That(t, "the others go on", func() bool { return a.offset(id) >= round })
			send(id)
		}
	}
	await.That(t, "the claim fails, and again", func() bool { _, began, _ := a.state(); return began >= 10 })
	if n := said.count("level=ERROR"); n != 1 {
		t.Errorf("%d errors are logged:\n%s", n, &said.text)
	}
	sound.Store(true)
	await.That(t, "all go on", func() bool { return a.offset(0) == 0 && a.has(8)() })
	for id := int32(1); id < 8; id++ {
		if n := a.claims(id); n != 1 {
			t.Errorf("%d claims of partition %d began: it failed with the other", n, id)
		}
	}
}
