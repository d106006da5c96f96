package gateway_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
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

// doubtful starts a gateway with person 7 connected. All has so many entries; from a
// second on, at which doubtful returns, its owner answers what says makes of the truth.
func doubtful(t *testing.T, entries int, says func(since time.Duration, head *hub.Head)) (*gateway.Gateway, *gatewaytest.Core, *client) {
	t.Helper()
	g, core := start(t, gateway.Options{})
	core.Publish("all", entries)
	from := time.Now().Add(time.Second)
	core.AnswerFollow = func(_ context.Context, head hub.Head) (hub.Head, error) {
		if head.Stream == "all" {
			says(time.Since(from), &head)
		}
		return head, nil
	}
	c := connect(t, g, "7", nil)
	c.await(t, "welcome")
	time.Sleep(time.Until(from))
	t.Cleanup(g.Close)
	return g, core, c
}

// A node that was stopped gives its clients what it knew, until it hears of the others.
func TestASessionIsToldNoHeadBehindWhatItsClientHasSeen(t *testing.T) {
	const all, some = "welcome 7 unread 5 at admin:7=0,all=9", "welcome 7 unread 0 at admin:7=0,all=9"
	for name, c := range map[string]struct {
		late, uncertain, most time.Duration
		want                  string
	}{
		"the owner hears of it":  {late: time.Second, uncertain: time.Second, most: 1400 * time.Millisecond, want: all},
		"the owner does not":     {late: time.Hour, uncertain: time.Hour, most: 1600 * time.Millisecond, want: all},
		"the client made it up":  {late: time.Hour, most: 100 * time.Millisecond, want: some},
		"only the node was late": {most: 100 * time.Millisecond, want: all},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _, _ := doubtful(t, 9, func(since time.Duration, head *hub.Head) {
					if since < c.late {
						head.Seq = min(head.Seq, 4)
					}
					head.Unsure = since >= 0 && since < c.uncertain
				})
				began := time.Now()
				if got := connect(t, g, "7", hub.Cursor{"all": 9}).await(t, "welcome"); got != c.want {
					t.Errorf("got %q", got)
				}
				if waited := time.Since(began); waited > c.most {
					t.Errorf("after %v", waited)
				}
			})
		})
	}
}

// Whoever is new begins at the heads that they are told.
func TestANewPersonHasReadAllThatTheyAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, _ := doubtful(t, 9, func(since time.Duration, head *hub.Head) {
			if since < time.Second {
				head.Seq, head.Unsure = min(head.Seq, 4), since >= 0
			}
		})
		if got := connect(t, g, "8", hub.Cursor{"all": 9}).await(t, "welcome"); got != "welcome 8 unread 0 at admin:8=0,all=9" {
			t.Errorf("got %q", got)
		}
	})
}

// Nobody is about to be told a head: what an uncertain owner knows is good for those
// who are there.
func TestOpenSessionsGetWhatAnUncertainOwnerKnowsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, core, c := doubtful(t, 9, func(since time.Duration, head *hub.Head) { head.Unsure = since >= 0 })
		core.Move("all")
		core.Publish("all", 1)
		time.Sleep(100 * time.Millisecond)
		if got := c.entries("all"); len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
}

// A client that has seen more than there is has the owner asked again and again. That
// is no reason for others to wait.
func TestADoubtHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, _ := doubtful(t, 500, func(since time.Duration, head *hub.Head) { head.Unsure = since >= 0 })
		connect(t, g, "6", hub.Cursor{"all": 1 << 60}).await(t, "welcome")
		for seq := uint64(400); seq > 200; seq -= 20 {
			time.Sleep(10*time.Second + 130*time.Millisecond)
			c := connect(t, g, "7", hub.Cursor{"all": seq})
			time.Sleep(50 * time.Millisecond)
			if len(c.entries("all")) == 0 {
				t.Errorf("nothing after %d", seq)
			}
		}
	})
}

// An owner that knows less than the node is believed after it has said so for long: not
// twice for a moment, but in the end however often it is not certain in between.
func TestAnUncertainAnswerSaysNothingOfWhatWasLost(t *testing.T) {
	for name, c := range map[string]struct {
		says func(since time.Duration, head *hub.Head)
		told bool // of a gap
	}{
		"twice for a moment": {says: func(since time.Duration, head *hub.Head) {
			if since >= 0 && since < 33*time.Second {
				head.Seq, head.Unsure = 4, since > 20*time.Millisecond && since < 32*time.Second
			}
		}},
		"again and again": {told: true, says: func(since time.Duration, head *hub.Head) {
			if since >= 0 {
				head.Seq, head.Unsure = 4, since%(10*time.Second) > 7*time.Second
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, core, who := doubtful(t, 9, c.says)
				core.Move("all")
				time.Sleep(time.Minute)
				told := slices.ContainsFunc(who.said(), func(said string) bool { return strings.HasPrefix(said, "gap") })
				if told != c.told {
					t.Errorf("told of a gap: %v, in %q", told, who.said())
				}
				core.Publish("all", 1)
				time.Sleep(time.Second)
				if got := who.entries("all"); !c.told && len(got) != 1 {
					t.Errorf("got %v", got)
				}
			})
		})
	}
}
