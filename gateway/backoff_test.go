package gateway_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/coretest"
	"bongsu/gateway/gatewaytest"
	"bongsu/internal/hub"
)

// rangeless is a core whose entries cannot be fetched.
type rangeless struct {
	coretest.Core
	away  atomic.Bool
	asked atomic.Int64
}

func (c *rangeless) Range(ctx context.Context, stream hub.Stream, after uint64, limit int) ([]*hub.Entry, error) {
	c.asked.Add(1)
	if c.away.Load() {
		return nil, hub.Unavailablef("the timeline is away")
	}
	return c.Core.Range(ctx, stream, after, limit)
}

// What is pushed meanwhile waits, and hurries nobody.
func TestWhatCannotBeFetchedIsAskedForSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := gateway.New(gateway.Options{Auth: gatewaytest.Tokens{}, Node: "n"})
		if err != nil {
			t.Fatal(err)
		}
		core := &rangeless{}
		g.Start(core)
		core.Add("all", "NOTICE")
		c := connect(t, g, "7", nil)
		c.await(t, "welcome")
		core.away.Store(true)
		core.Add("all", "NOTICE") // lost on its way
		g.Lost("all")
		time.Sleep(time.Second)
		core.asked.Store(0)
		for range 1000 {
			g.Deliver("all", []*hub.Entry{core.Add("all", "NOTICE")})
			time.Sleep(10 * time.Millisecond)
		}
		if asked := core.asked.Load(); asked > 40 {
			t.Errorf("asked %d times in ten seconds", asked)
		}
		core.away.Store(false)
		time.Sleep(2 * time.Second)
		if got := c.entries("all"); len(got) != 1001 {
			t.Errorf("got %d entries", len(got))
		}
		g.Close()
	})
}
