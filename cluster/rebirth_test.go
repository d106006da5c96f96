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
		6400 * time.Millisecond, 12800 * time.Millisecond, 25600 * time.Millisecond, 30 * time.Second, 30 * time.Second,
	} {
		if got := d.next(now); got != want {
			t.Errorf("wait %s, want %s", got, want)
		}
		now = now.Add(want + 4*time.Second) // a life of four seconds
	}
	if got := d.next(now.Add(50 * time.Second)); got != 30*time.Second {
		t.Errorf("wait %s after a life of less than a minute", got)
	}
	if got := d.next(now.Add(3 * time.Minute)); got != 200*time.Millisecond {
		t.Errorf("wait %s after a calm minute", got)
	}
}
