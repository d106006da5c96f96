package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
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
		late, uncertain, least, most time.Duration
		want                         string
	}{
		"the owner hears of it":  {late: time.Second, uncertain: time.Second, least: time.Second, most: 1400 * time.Millisecond, want: all},
		"the owner does not":     {late: time.Hour, uncertain: time.Hour, least: 1500 * time.Millisecond, most: 1600 * time.Millisecond, want: all},
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
				if waited := time.Since(began); waited < c.least || waited > c.most {
					t.Errorf("after %v", waited)
				}
			})
		})
	}
}

// The owner goes while the session waits for another stream, and comes back without a
// claim: it is no more certain for having been lost.
func TestASessionIsToldNoHeadBehindWhatItsClientHasSeenByAnOwnerThatCameBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core, _ := doubtful(t, 9, func(since time.Duration, head *hub.Head) {
			head.Seq, head.Unsure = min(head.Seq, 4), since >= 0
		})
		uncertain := core.AnswerFollow
		core.AnswerFollow = func(ctx context.Context, head hub.Head) (hub.Head, error) {
			if head.Stream.Kind() == hub.KindMall {
				time.Sleep(400 * time.Millisecond)
			}
			return uncertain(ctx, head)
		}
		time.AfterFunc(50*time.Millisecond, func() { core.Move("all") })
		c := connect(t, g, "7 mall:1", hub.Cursor{"all": 9})
		if got := c.await(t, "welcome"); !strings.HasPrefix(got, "welcome 7 unread 5 ") {
			t.Errorf("got %q", got)
		}
	})
}

// What the client has seen counts until an owner is certain, and not again while the
// owner is asked once more.
func TestCountsGoByWhatTheClientHasSeenUntilAnOwnerIsCertain(t *testing.T) {
	for name, c := range map[string]struct {
		uncertain time.Duration
		cursor    uint64
		want      []string
	}{
		"the owner is late": {uncertain: 5 * time.Second, cursor: 9, want: []string{
			"welcome 7 unread 5 at admin:7=0,all=9",
			`unread {"streams":{"admin:7":1,"all":5},"total":6,"version":14}`,
			`unread {"streams":{"admin:7":2,"all":5},"total":7,"version":15}`,
		}},
		"the cursor is of another life": {uncertain: 5 * time.Second, cursor: 1000, want: []string{
			"welcome 7 unread 996 at admin:7=0,all=1000",
			`unread {"streams":{"admin:7":1,"all":996},"total":997,"version":1005}`,
			`gap {"stream":"all","from":1,"to":9,"reason":"reset"}`,
			`unread {"streams":{"admin:7":1,"all":5},"total":6,"version":14}`,
			`unread {"streams":{"admin:7":2,"all":5},"total":7,"version":15}`,
		}},
		"it is, and the owner is certain all along": {cursor: 1000, want: []string{
			"welcome 7 unread 5 at admin:7=0,all=1000",
			`unread {"streams":{"admin:7":1,"all":5},"total":6,"version":14}`,
			`unread {"streams":{"admin:7":2,"all":5},"total":7,"version":15}`, // at a sweep
			`gap {"stream":"all","from":1,"to":9,"reason":"reset"}`,
			`unread {"streams":{"admin:7":2,"all":5},"total":7,"version":15}`,
			`unread {"streams":{"admin:7":3,"all":5},"total":8,"version":16}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, core, _ := doubtful(t, 9, func(since time.Duration, head *hub.Head) {
					if head.Unsure = since >= 0 && since < c.uncertain; since < c.uncertain {
						head.Seq = min(head.Seq, 4)
					}
				})
				certain := core.AnswerFollow
				core.AnswerFollow = func(ctx context.Context, head hub.Head) (hub.Head, error) {
					time.Sleep(20 * time.Millisecond)
					return certain(ctx, head)
				}
				who := connect(t, g, "7", hub.Cursor{"all": c.cursor})
				who.await(t, "welcome")
				core.Publish("admin:7", 1)
				if c.uncertain == 0 {
					time.Sleep(100 * time.Millisecond)
					core.Publish("admin:7", 1)
				}
				time.Sleep(6 * time.Second)
				core.Publish("admin:7", 1)
				time.Sleep(20 * time.Second)
				said := slices.DeleteFunc(who.said(), func(line string) bool {
					return !strings.HasPrefix(line, "welcome") && !strings.HasPrefix(line, "unread") && !strings.HasPrefix(line, "gap")
				})
				if !slices.Equal(said, c.want) {
					t.Errorf("got %q", said)
				}
			})
		})
	}
}

// counting connects a client whose welcome is its counts.
func counting(t *testing.T, g *gateway.Gateway, cursor hub.Cursor) *client {
	t.Helper()
	c := dial(t, g, false)
	err := c.session.Connect(t.Context(), "7", cursor, func(dst []byte, w gateway.Welcome, _ gateway.CursorText) []byte {
		counts, _ := json.Marshal(w.Unread)
		return fmt.Appendf(dst, "welcome %s\n", counts)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shows returns the total that a counting client shows after what it was told: of two
// counts the one with the higher version, and after a reset the next.
func (c *client) shows(t *testing.T) int {
	t.Helper()
	var shown struct{ Total, Version int }
	for _, line := range c.said() {
		name, rest, _ := strings.Cut(line, " ")
		next := shown
		switch name {
		case "gap":
			shown.Version = 0
			continue
		case "welcome", "unread":
			if err := json.Unmarshal([]byte(rest), &next); err != nil {
				t.Fatal(err)
			}
		}
		if next.Version >= shown.Version {
			shown = next
		}
	}
	return shown.Total
}

// Whenever an entry comes for the person, which has counts pushed, and the rest of all.
func TestCountsComeToWhatAFreshSessionIsTold(t *testing.T) {
	uncertain := func(since time.Duration, head *hub.Head) { head.Unsure = since >= 0 && since < 1900*time.Millisecond }
	for name, c := range map[string]struct {
		says   func(since time.Duration, head *hub.Head)
		cursor hub.Cursor
		late   time.Duration // when the rest of all comes, zero if there is none
		around time.Duration // when the entry comes, or up to 4 s later
	}{
		"the cursor is of another life, and the owner not certain": {says: uncertain, cursor: hub.Cursor{"all": 1000}, around: 2 * time.Second},
		"the owner is late, and not certain":                       {says: uncertain, cursor: hub.Cursor{"all": 9}, late: 3500 * time.Millisecond, around: 2 * time.Second},
		"the owner is late": {
			says: func(time.Duration, *hub.Head) {}, cursor: hub.Cursor{"all": 9}, late: 2500 * time.Millisecond,
		},
		"the stream begins anew": {says: func(since time.Duration, head *hub.Head) {
			if since >= 0 {
				head.Seq = min(head.Seq, 2)
			}
		}, around: 29 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			for at := c.around; at < c.around+4*time.Second; at += 250 * time.Millisecond {
				synctest.Test(t, func(t *testing.T) {
					g, core, _ := doubtful(t, 4, c.says)
					time.AfterFunc(at, func() { core.Publish("admin:7", 1) })
					if c.late > 0 {
						time.AfterFunc(c.late, func() { core.Publish("all", 5) })
					}
					who := counting(t, g, c.cursor)
					if c.cursor == nil {
						core.Move("all")
					}
					time.Sleep(2 * time.Minute)
					fresh := counting(t, g, nil)
					fresh.await(t, "welcome")
					if got, want := who.shows(t), fresh.shows(t); got != want {
						t.Errorf("with an entry after %v the client shows %d, want %d, after %q", at, got, want, who.said())
					}
				})
			}
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
