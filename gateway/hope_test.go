package gateway_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// A node that was cut off believes for a moment that it owns streams still.
func TestASessionIsToldABetterHeadThanThatOfAnUncertainOwner(t *testing.T) {
	for name, c := range map[string]struct {
		uncertain time.Duration
		want      string
	}{
		"which comes soon": {time.Second, "welcome 7 unread 0 at admin:7=0,all=9"},
		"or does not":      {time.Hour, "welcome 7 unread 0 at admin:7=0,all=4"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, core := start(t, gateway.Options{})
				core.Publish("all", 9)
				began := time.Now()
				core.AnswerFollow = func(_ context.Context, head hub.Head) (hub.Head, error) {
					if head.Unsure = time.Since(began) < c.uncertain; head.Unsure {
						head.Seq = min(head.Seq, 4)
					}
					return head, nil
				}
				if got := connect(t, g, "7", nil).await(t, "welcome"); got != c.want {
					t.Errorf("got %q", got)
				}
				if waited := time.Since(began); waited > 4*time.Second {
					t.Errorf("after %v", waited)
				}
				g.Close()
			})
		})
	}
}
