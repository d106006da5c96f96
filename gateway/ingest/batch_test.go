package ingest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
)

func claim(values ...string) []sarama.ConsumerMessage {
	messages := make([]sarama.ConsumerMessage, len(values))
	for i, value := range values {
		messages[i] = sarama.ConsumerMessage{Topic: topic, Offset: int64(i), Value: []byte(value), Timestamp: time.Now()}
	}
	return messages
}

// one is how many claims there are.
func one() int { return 1 }

// batches cuts everything in messages, which come in fetches of some.
func batches(t *testing.T, messages []sarama.ConsumerMessage, perTarget int) []*batch {
	t.Helper()
	fetches := make(chan []sarama.ConsumerMessage, len(messages))
	for fetch := range slices.Chunk(messages, 1+rand.N(len(messages))) {
		fetches <- fetch
	}
	over := make(chan time.Time)
	r := batcher{batches: fetches, perTarget: perTarget}
	var all []*batch
	for {
		if len(fetches) == 0 && len(r.fetched) == 0 && r.carried == nil {
			close(over)
		}
		b, ok := r.next(nil, over)
		switch {
		case !ok:
			t.Fatal("the claim has not ended")
		case b == nil:
			return all
		}
		all = append(all, b)
	}
}

func TestABatchHasFewRecordsOfOneStream(t *testing.T) {
	var values []string
	for i := range 500 {
		values = append(values, jsonEvent(fmt.Sprint(i), []string{"all", "mall:1", "mall:2"}[rand.N(3)], fmt.Sprint("admin:", i)))
	}
	var next int64
	events := 0
	for _, b := range batches(t, claim(values...), 8) {
		for stream, count := range b.targets {
			if count > 8 {
				t.Errorf("%d records of %s", count, stream)
			}
		}
		for _, e := range b.events {
			if e.message.Offset != int64(events) {
				t.Fatalf("offset %d, want %d", e.message.Offset, events)
			}
			events++
		}
		if b.next <= next {
			t.Errorf("next %d after %d", b.next, next)
		}
		next = b.next
	}
	if events != 500 || next != 500 {
		t.Errorf("%d events up to %d", events, next)
	}
}

func TestALargeEventIsABatchOfItsOwn(t *testing.T) {
	targets := make([]string, hub.MaxTargets)
	for i := range targets {
		targets[i] = fmt.Sprint("mall:", i)
	}
	got := batches(t, claim(jsonEvent("a", "all"), jsonEvent("large", targets...), "{", jsonEvent("b", "all")), 8)
	var sizes []int
	for _, b := range got {
		sizes = append(sizes, b.records)
	}
	if fmt.Sprint(sizes) != "[1 10000 1]" && fmt.Sprint(sizes) != "[1 10000]" {
		t.Errorf("batches of %v records", sizes)
	}
	if last := got[len(got)-1]; last.next != 4 {
		t.Errorf("ends before %d", last.next)
	}
}

func TestOffsetsAreCommittedInOrderAndNeverTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var committed int64
		appended := map[hub.Stream][]int64{} // offsets, uncommitted
		o := newOffsets(one, 0, func(next int64) error {
			time.Sleep(rand.N(20 * time.Millisecond))
			mu.Lock()
			defer mu.Unlock()
			if next <= committed {
				t.Errorf("committed %d after %d", next, committed)
			}
			committed = next
			return nil
		})
		var next int64
		for range 3000 {
			b := &batch{targets: map[hub.Stream]int{}}
			for range rand.N(10) {
				b.targets[hub.All] = min(b.targets[hub.All]+1, o.perTarget())
				next++
			}
			next++
			b.next = next
			if err := o.makeRoom(b); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			for range b.targets[hub.All] {
				appended[hub.All] = append(appended[hub.All], b.next)
			}
			for len(appended[hub.All]) > 0 && appended[hub.All][0] <= committed {
				appended[hub.All] = appended[hub.All][1:]
			}
			if n := len(appended[hub.All]); n > maxUncommitted {
				t.Fatalf("%d records of one stream uncommitted", n)
			}
			mu.Unlock()
			o.add(b)
			select {
			case <-o.due:
				if err := o.commit(); err != nil {
					t.Fatal(err)
				}
			case <-time.After(rand.N(5 * time.Millisecond)):
			}
		}
		if err := o.finish(); err != nil {
			t.Fatal(err)
		}
		if committed != next {
			t.Errorf("committed %d of %d", committed, next)
		}
	})
}

func TestACommitIsDueSoonAfterTheFirstRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffsets(one, 5, func(int64) error { return nil })
		start := time.Now()
		o.add(&batch{next: 6})
		time.Sleep(commitAfter / 2)
		o.add(&batch{next: 7})
		<-o.due
		if took := time.Since(start); took != commitAfter {
			t.Errorf("due after %v", took)
		}
	})
}

func TestAFailedCommitEndsTheClaim(t *testing.T) {
	gone := errors.New("gone")
	o := newOffsets(one, 0, func(int64) error { return gone })
	o.add(&batch{next: 1})
	if err := o.commit(); err != nil {
		t.Fatal(err)
	}
	if err := o.finish(); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}
