package journal

import (
	"context"
	"errors"
	"testing"
	"time"

	"bongsu/internal/hub"
)

// A process that was stopped and goes on finds calls in its queues whose callers
// have been told long ago, perhaps by another node, that they failed.
func TestWhatNobodyWaitsForAnyMoreIsNotSent(t *testing.T) {
	queued := time.Now()
	patient, late, live := mustCall(t, "patient"), mustCall(t, "late"), mustCall(t, "live")
	late.until = queued.Add(time.Second)
	live.until = queued.Add(time.Minute)
	s := &shard{limit: maxBatch}
	for _, c := range []*call{patient, late, live} {
		s.queue = append(s.queue, c.parts...)
	}

	ready, dropped := s.fill(queued.Add(time.Second))
	if !ready || dropped != late.parts[0].size {
		t.Fatalf("ready %v, dropped %d bytes, want true and the %d of the late call", ready, dropped, late.parts[0].size)
	}
	if got := len(s.pending.parts); got != 2 || s.pending.parts[0].call != patient || s.pending.parts[1].call != live {
		t.Fatalf("the batch holds %d calls, want the patient and the live one", got)
	}
	<-late.done
	if !errors.Is(late.err, context.DeadlineExceeded) {
		t.Errorf("the late call ended with %v", late.err)
	}
	if patient.left != 1 || live.left != 1 {
		t.Error("a call that is on its way has ended")
	}
}

// Its caller may wait for ever, but another process may have appended the records while
// this one stood still.
func TestWhatWaitedWhileTheProcessStoodStillIsNotSent(t *testing.T) {
	for name, still := range map[string]time.Duration{"ran on": 0, "stood still": stoodStill} {
		p := newBench(t).producer()
		c := mustCall(t, "waiting")
		p.mu.Lock()
		now := c.since.Add(stoodStill)
		p.ran = now.Add(-still)
		s := p.shards[c.parts[0].shard]
		s.leader, s.queue = 1, c.parts
		p.wakeLocked(now)
		waits := len(s.queue) > 0
		p.mu.Unlock()
		if waits != (still == 0) {
			t.Errorf("the process %s: the call waits: %v", name, waits)
		}
		if !waits && !errors.Is(c.err, hub.ErrUnavailable) {
			t.Errorf("the call ended with %v", c.err)
		}
	}
}

// Nor is a batch sent again whose fate nobody knew for so long.
func TestABatchThatWasLeftLyingIsNotSentAgain(t *testing.T) {
	p := newBench(t).producer()
	c := mustCall(t, "left lying")
	p.mu.Lock()
	s := p.shards[c.parts[0].shard]
	s.leader, s.queue = 1, c.parts
	ready, _ := s.fill(c.since)
	s.pending.since = time.Now().Add(-time.Minute) // the process stood still
	p.mu.Unlock()
	if _, shards := p.collect(); !ready || len(shards) > 0 {
		t.Errorf("ready %v, then %d shards are sent", ready, len(shards))
	}
	<-c.done
	if !errors.Is(c.err, hub.ErrUnavailable) {
		t.Errorf("the call ended with %v", c.err)
	}
}

func TestAShardOfLateCallsHasNothingToSend(t *testing.T) {
	late := mustCall(t, "late")
	late.until = time.Now()
	s := &shard{limit: maxBatch, queue: late.parts}
	if ready, dropped := s.fill(late.until); ready || dropped == 0 || s.queue != nil || s.pending != nil {
		t.Errorf("ready %v, dropped %d, queue %v, pending %v", ready, dropped, s.queue, s.pending)
	}
}

func mustCall(t *testing.T, id string) *call {
	t.Helper()
	c, err := newCall([]hub.Record{record(hub.All, id)}, testShards)
	if err != nil {
		t.Fatal(err)
	}
	c.since = time.Now()
	return c
}
