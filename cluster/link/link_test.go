package link_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bongsu/cluster/link"
	"bongsu/internal/hub"
)

var start = time.Unix(1_800_000_000, 0)

var roomy = link.Limits{Batch: 1 << 20, Credit: 4 << 20, Flight: 100, Queue: 32 << 20, Silence: 5 * time.Second}

// sized returns an item of one entry that takes about size bytes.
func sized(seq uint64, size int) link.Item {
	entry := &hub.Entry{Stream: "all", Seq: seq}
	item := link.Item{Stream: "all", Entries: []*hub.Entry{entry}}
	entry.Payload = []byte(strings.Repeat("x", size-item.Size()))
	return item
}

func put(t *testing.T, s *link.Sender, items ...link.Item) {
	t.Helper()
	for _, item := range items {
		if !s.Put(item) {
			t.Fatal("the sender did not take an item")
		}
	}
}

// next returns all batches that may go now.
func next(s *link.Sender) []link.Batch {
	var batches []link.Batch
	for batch, ok := s.Next(nil); ok; batch, ok = s.Next(nil) {
		batches = append(batches, batch)
	}
	return batches
}

func seqs(batches ...link.Batch) []uint64 {
	var out []uint64
	for _, batch := range batches {
		for _, item := range batch.Items {
			for _, entry := range item.Entries {
				out = append(out, entry.Seq)
			}
		}
	}
	return out
}

func TestWhatWaitsGoesInOneBatch(t *testing.T) {
	s := link.NewSender(7, roomy, start)
	put(t, s, sized(1, 200), sized(2, 200), link.Item{Stream: "admin:1", Marks: map[hub.Stream]uint64{"all": 2}}, sized(3, 200))
	batches := next(s)
	if len(batches) != 1 || len(batches[0].Items) != 4 || batches[0].Epoch != 7 || batches[0].Number != 1 || s.Last() != 1 {
		t.Fatalf("got %+v", batches)
	}
	if got := seqs(batches...); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("entries %v", got)
	}
	if s.Waiting() != 0 || s.Ready() {
		t.Error("something still waits")
	}
}

func TestABatchIsBoundedAndALargeItemIsCut(t *testing.T) {
	limits := roomy
	limits.Batch = 1000
	s := link.NewSender(1, limits, start)
	large := link.Item{Stream: "all"}
	for seq := uint64(1); seq <= 10; seq++ {
		large.Entries = append(large.Entries, sized(seq, 400).Entries...)
	}
	put(t, s, large, sized(11, 5000), sized(12, 300))
	batches := next(s)
	if got := seqs(batches...); !slices.Equal(got, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) {
		t.Errorf("entries %v", got)
	}
	for _, batch := range batches {
		if batch.Size > limits.Batch && len(seqs(batch)) > 1 {
			t.Errorf("a batch of %d bytes has %d entries", batch.Size, len(seqs(batch)))
		}
	}
}

func TestCreditHoldsBatchesBackUntilTheyAreAcknowledged(t *testing.T) {
	limits := roomy
	limits.Batch, limits.Credit = 1000, 2500
	s := link.NewSender(1, limits, start)
	for seq := uint64(1); seq <= 6; seq++ {
		put(t, s, sized(seq, 1000))
	}
	if got := seqs(next(s)...); !slices.Equal(got, []uint64{1, 2}) {
		t.Fatalf("sent %v on the credit of two", got)
	}
	s.Ack(1, 1, start)
	if got := seqs(next(s)...); !slices.Equal(got, []uint64{3}) {
		t.Fatalf("sent %v after one acknowledgement", got)
	}
	s.Ack(1, 1, start)  // again
	s.Ack(2, 3, start)  // of another epoch
	s.Ack(1, 99, start) // of what was never sent
	if got := seqs(next(s)...); len(got) > 0 {
		t.Fatalf("sent %v without credit", got)
	}
	s.Ack(1, 3, start)
	if got := seqs(next(s)...); !slices.Equal(got, []uint64{4, 5}) {
		t.Errorf("sent %v after all were acknowledged", got)
	}
}

func TestSmallBatchesGatherWhileTheFollowerIsSlow(t *testing.T) {
	limits := roomy
	limits.Flight = 3
	s := link.NewSender(1, limits, start)
	sent := 0
	for seq := uint64(1); seq <= 10; seq++ {
		put(t, s, sized(seq, 200))
		sent += len(next(s))
	}
	if sent != 3 {
		t.Fatalf("%d batches are on their way", sent)
	}
	s.Ack(1, 1, start)
	if batches := next(s); len(batches) != 1 || len(seqs(batches...)) != 7 {
		t.Errorf("then %d batches went", len(batches))
	}
}

func TestABatchLargerThanTheCreditStillGoes(t *testing.T) {
	limits := roomy
	limits.Batch, limits.Credit = 1000, 2500
	s := link.NewSender(1, limits, start)
	put(t, s, sized(1, 9000), sized(2, 1000))
	if got := seqs(next(s)...); !slices.Equal(got, []uint64{1}) {
		t.Errorf("sent %v", got)
	}
}

func TestAFullQueueClosesTheLinkAndKeepsNothing(t *testing.T) {
	limits := roomy
	limits.Batch, limits.Credit, limits.Queue = 1000, 1000, 3000
	s := link.NewSender(1, limits, start)
	put(t, s, sized(1, 1000))
	next(s)
	put(t, s, sized(2, 1000), sized(3, 1000), sized(4, 1000))
	if s.Put(sized(5, 1000)) || !s.Closed() || !s.Overrun() || s.Waiting() != 0 {
		t.Error("the sender took more than its queue holds")
	}
	s.Ack(1, 1, start)
	if s.Put(sized(6, 1000)) || len(next(s)) > 0 {
		t.Error("a closed link lives on")
	}
}

func TestOneItemIsTakenHoweverLarge(t *testing.T) {
	limits := roomy
	limits.Batch, limits.Credit, limits.Queue = 1000, 1000, 3000
	s := link.NewSender(1, limits, start)
	if !s.Put(sized(1, 9000)) || !slices.Equal(seqs(next(s)...), []uint64{1}) {
		t.Error("an item larger than the queue closed the link")
	}
}

func TestASenderNoticesSilence(t *testing.T) {
	s := link.NewSender(1, roomy, start)
	at := start.Add(4 * time.Second)
	if s.Silent(at) {
		t.Error("silent too early")
	}
	s.Ack(1, 0, at)
	if s.Silent(at.Add(4*time.Second)) || !s.Silent(at.Add(6*time.Second)) {
		t.Error("an acknowledgement does not count as it should")
	}
}

func TestAReceiverTakesBatchesInOrderAndBreaksAtAHole(t *testing.T) {
	r := link.NewReceiver(2*time.Second, 1000, 10)
	if got := r.Batch(0, 1, 10, start); got != link.Ignore {
		t.Errorf("a link that is not open judged %v", got)
	}
	epoch := r.Open(start)
	if epoch != 1 || r.Open(start) != epoch {
		t.Fatal("the epoch moved although nothing broke")
	}
	if r.Batch(epoch, 1, 10, start) != link.Take || r.Batch(epoch+1, 2, 10, start) != link.Ignore || r.Batch(epoch, 2, 10, start) != link.Take {
		t.Fatal("batches in order were not taken")
	}
	if got := r.Batch(epoch, 4, 10, start); got != link.Broken {
		t.Fatalf("a hole was judged %v", got)
	}
	if r.In(epoch) || r.Batch(epoch, 3, 10, start) != link.Ignore || r.Beat(epoch, 2, start) != link.Ignore || r.Closed(epoch) != link.Ignore {
		t.Error("a broken epoch lives on")
	}
	if again := r.Open(start); again != 2 || r.Batch(again, 1, 10, start) != link.Take {
		t.Error("no new epoch")
	}
}

func TestABeatShowsThatTheLastBatchesWereLost(t *testing.T) {
	r := link.NewReceiver(2*time.Second, 1000, 10)
	epoch := r.Open(start)
	r.Batch(epoch, 1, 10, start)
	if r.Beat(epoch, 1, start) != link.Take {
		t.Error("a beat that agrees was not taken")
	}
	if r.Beat(epoch, 2, start) != link.Broken {
		t.Error("a lost tail was not noticed")
	}
}

func TestAReceiverNoticesSilenceAndTheEnd(t *testing.T) {
	r := link.NewReceiver(2*time.Second, 1000, 10)
	if r.Silent(start.Add(time.Hour)) {
		t.Error("a link that was never open is silent")
	}
	epoch := r.Open(start)
	r.Beat(epoch, 0, start.Add(time.Second))
	if r.Silent(start.Add(3*time.Second)) || !r.Silent(start.Add(4*time.Second)) {
		t.Error("a beat does not count as it should")
	}
	if r.Closed(epoch+1) != link.Ignore || r.Closed(epoch) != link.Broken {
		t.Error("the end of an epoch was misjudged")
	}
}

func TestAcknowledgementsAreOwedByBytesAndByCount(t *testing.T) {
	r := link.NewReceiver(2*time.Second, 1000, 3)
	epoch := r.Open(start)
	r.Batch(epoch, 1, 999, start)
	if r.AckDue() {
		t.Error("due too early")
	}
	r.Batch(epoch, 2, 1, start)
	if !r.AckDue() {
		t.Error("not due after so many bytes")
	}
	if e, n := r.Ack(); e != epoch || n != 2 || r.AckDue() {
		t.Errorf("acknowledged %d of %d", n, e)
	}
	for number := uint64(3); number <= 5; number++ {
		r.Batch(epoch, number, 1, start)
	}
	if !r.AckDue() {
		t.Error("not due after so many batches")
	}
}

func TestADroppedBatchLeavesNoHoleInTheNumbers(t *testing.T) {
	limits := roomy
	limits.Batch, limits.DropEvery = 500, 3
	s := link.NewSender(1, limits, start)
	for seq := uint64(1); seq <= 7; seq++ {
		put(t, s, sized(seq, 500))
	}
	batches := next(s)
	if got := seqs(batches...); !slices.Equal(got, []uint64{1, 2, 4, 5, 7}) || batches[2].Number != 3 {
		t.Errorf("got %v", got)
	}
}
