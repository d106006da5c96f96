package cluster

import (
	"testing"
	"time"
)

func TestTheWaitBeforeARebirthDoublesUntilThereWasCalm(t *testing.T) {
	var d damping
	now := time.Unix(1_800_000_000, 0)
	for _, want := range []time.Duration{
		200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 3200 * time.Millisecond,
		rebirthMost, rebirthMost,
	} {
		if got := d.next(now); got != want {
			t.Errorf("wait %s, want %s", got, want)
		}
		now = now.Add(want + 4*time.Second) // a life of four seconds
	}
	if got := d.next(now.Add(rebirthCalm / 2)); got != rebirthMost {
		t.Errorf("wait %s after a short life", got)
	}
	if got := d.next(now.Add(3 * rebirthCalm)); got != rebirthPause {
		t.Errorf("wait %s after a calm life", got)
	}
}
