package redis

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/hub"
)

func some(stream hub.Stream, n int) []hub.Record {
	records := make([]hub.Record, n)
	for i := range records {
		records[i] = hub.Record{Stream: stream}
	}
	return records
}

// However much a stream gets, a node that is 2.5 s late finds its duplicates.
func TestANodeThatIsLateFindsItsDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		var when []time.Time // of each record
		for len(when) < 3000 {
			n := min(burst, 1+len(when)%burst)
			if err := p.wait(t.Context(), some("mall:1", n)); err != nil {
				t.Fatal(err)
			}
			for range n {
				when = append(when, time.Now())
			}
		}
		for i := hub.DuplicateWindow; i < len(when); i++ {
			if late := when[i].Sub(when[i-hub.DuplicateWindow]); late < 2500*time.Millisecond {
				t.Fatalf("%d records within %v", hub.DuplicateWindow, late)
			}
		}
	})
}

func TestStreamsArePacedEachForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, began := newPace(), time.Now()
		for i := range 2 * manyStreams {
			if err := p.wait(t.Context(), some(hub.MallStream(fmt.Sprint(i)), 1)); err != nil {
				t.Fatal(err)
			}
			if i%manyStreams == manyStreams-1 {
				time.Sleep(time.Second) // they are quiet
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if len(p.streams) > manyStreams {
			t.Errorf("%d streams are remembered", len(p.streams))
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	p := newPace()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = p.wait(t.Context(), some("mall:1", burst))
	if p.wait(ctx, some("mall:1", burst)) == nil {
		t.Error("it did not wait")
	}
	if err := (*pace)(nil).wait(ctx, some("mall:1", burst)); err != nil {
		t.Errorf("a node that is alone waits: %v", err)
	}
}
