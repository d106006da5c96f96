package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/internal/hub"
)

// history is what one person was given over all of their sessions.
type history struct {
	places hub.Cursor
}

// read checks the lines of one session: every stream goes on where it was, and
// jumps only over a gap that was announced.
func (h *history) read(lines []string) error {
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "entry":
			var stream hub.Stream
			var seq uint64
			if _, err := fmt.Sscanf(rest, "%s %d", &stream, &seq); err != nil {
				return err
			}
			if want := h.places[stream] + 1; seq != want {
				return fmt.Errorf("%s: entry %d where %d was due", stream, seq, want)
			}
			h.places[stream] = seq
		case "close":
			return fmt.Errorf("closed: %s", rest)
		case "gap":
			var gap struct {
				Stream   hub.Stream
				From, To uint64
				Reason   string
			}
			if err := json.Unmarshal([]byte(rest), &gap); err != nil {
				return err
			}
			if gap.Reason != "behind" || gap.From != h.places[gap.Stream]+1 || gap.To < gap.From {
				return fmt.Errorf("gap %s at %d", rest, h.places[gap.Stream])
			}
			h.places[gap.Stream] = gap.To
		}
	}
	return nil
}

// live connects, listens for a while and leaves without a word, again and again.
func (h *history) live(t *testing.T, g *gateway.Gateway, core *gatewaytest.Core, token string, stop <-chan struct{}) error {
	for {
		c := connect(t, g, token, h.places)
		last := false
		select {
		case <-time.After(time.Duration(rand.IntN(80)) * time.Millisecond):
		case <-stop:
			last = true
		}
		if last {
			return h.settle(c, core)
		}
		_ = c.Close()
		if err := h.read(c.said()); err != nil {
			return fmt.Errorf("%w in %q", err, c.said())
		}
	}
}

// settle waits until the session is where the streams, at rest now, stand.
func (h *history) settle(c *client, core *gatewaytest.Core) error {
	heads, err := core.Heads(context.Background(), c.session.Principal().Streams())
	if err != nil {
		return err
	}
	behind := func(head hub.Head) bool { return h.places[head.Stream] != head.Seq }
	var seen int
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		lines := c.said()
		if err := h.read(lines[seen:]); err != nil {
			return fmt.Errorf("%w in %q", err, lines)
		}
		seen = len(lines)
		if !slices.ContainsFunc(heads, behind) {
			return nil
		}
	}
	return fmt.Errorf("stuck at %v, not %v", h.places, heads)
}

// disturb publishes, and breaks everything that can break, for a while.
func disturb(core *gatewaytest.Core, during time.Duration) {
	streams := []hub.Stream{hub.All, "mall:1", "admin:1", "admin:2"}
	core.Lose(func(hub.Stream) bool { return rand.IntN(10) == 0 })
	core.Refuse(func(hub.Stream) error {
		if rand.IntN(5) == 0 {
			return hub.Unavailablef("not now")
		}
		return nil
	})
	ctx := context.Background()
	for end := time.Now().Add(during); time.Now().Before(end); {
		stream := streams[rand.IntN(len(streams))]
		switch n := rand.IntN(100); {
		case n < 90:
			core.Publish(stream, 1+rand.IntN(6))
		case n < 97:
			core.Move(stream)
		default:
			heads, _ := core.Heads(ctx, []hub.Stream{stream})
			core.Retain(stream, heads[0].Seq-min(heads[0].Seq, 20))
		}
		if rand.IntN(4) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	core.Lose(nil)
	core.Refuse(nil)
	for _, stream := range streams { // a hole at the end shows with the next entry
		core.Publish(stream, 1)
	}
}

func TestNothingIsLostDoubledOrReorderedWhateverHappens(t *testing.T) {
	for _, catchUp := range []int{1000, 30} {
		t.Run(fmt.Sprint("catch up ", catchUp), func(t *testing.T) {
			g, core := start(t, gateway.Options{CatchUp: catchUp})
			stop := make(chan struct{})
			people := make([]history, 12)
			failures := make(chan error, len(people))
			var group sync.WaitGroup
			for i := range people {
				people[i].places = hub.Cursor{hub.All: 0, "mall:1": 0, "admin:1": 0, "admin:2": 0}
				group.Go(func() {
					if err := people[i].live(t, g, core, fmt.Sprintf("%d mall:1", 1+i%2), stop); err != nil {
						failures <- err
					}
				})
			}
			disturb(core, 2*time.Second)
			close(stop)
			group.Wait()
			close(failures)
			for err := range failures {
				t.Error(err)
			}
		})
	}
}
