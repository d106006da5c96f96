package gateway_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/coretest"
	"bongsu/internal/hub"
)

// vagueCore knows for certain where streams stand from a time on.
type vagueCore struct {
	*coretest.Core
	until time.Time
	asked int
}

func (c *vagueCore) Heads(ctx context.Context, streams []hub.Stream) ([]hub.Head, error) {
	heads, err := c.Core.Heads(ctx, streams)
	c.asked++
	for i := range heads {
		heads[i].Unsure = time.Now().Before(c.until)
	}
	return heads, err
}

// All streams are asked for at once, however many there are.
func TestAllIsReadAsSoonAsItIsCertainWhatThatIs(t *testing.T) {
	for name, c := range map[string]struct {
		vague, most time.Duration
		fails       bool
	}{
		"at once":       {},
		"after a while": {vague: 350 * time.Millisecond, most: 400 * time.Millisecond},
		"or not":        {vague: time.Hour, most: 1500 * time.Millisecond, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &hub.Principal{Admin: "7"}
				for i := range 200 {
					p.Malls = append(p.Malls, fmt.Sprint(i))
				}
				core := &vagueCore{Core: &coretest.Core{}}
				inbox := gateway.NewInbox(core)
				if _, err := inbox.Unread(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				core.Add("mall:1", "NOTICE")
				began := time.Now()
				core.until, core.asked = began.Add(c.vague), 0
				unread, err := inbox.Read(t.Context(), p, gateway.ReadParams{All: true})
				if hub.Temporary(err) != c.fails || err == nil && unread.Total != 0 {
					t.Errorf("got %+v, %v", unread, err)
				}
				if took := time.Since(began); took > c.most || core.asked > 1+int(c.most/(100*time.Millisecond)) {
					t.Errorf("took %v and %d calls", took, core.asked)
				}
			})
		})
	}
}
