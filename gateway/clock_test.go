package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockCountsMillisecondsFromTheTimeOfDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		began := c.now()
		if began != time.Now().UnixMilli() {
			t.Errorf("began at %d", began)
		}
		time.Sleep(1500 * time.Millisecond)
		if got := c.now() - began; got != 1500 {
			t.Errorf("%d ms went by", got)
		}
		if got := time.Since(c.time(began)); got != 1500*time.Millisecond {
			t.Errorf("%v went by", got)
		}
	})
}
