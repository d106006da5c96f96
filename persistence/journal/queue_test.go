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
	return c
}
