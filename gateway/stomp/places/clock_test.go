package places

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"bongsu/internal/hub"
)

// putForward returns the moment as a node tells it whose wall clock has been put
// forward by that many seconds, while what the clock of the machine counts goes on.
func putForward(now time.Time, seconds uint64) time.Time {
	*(*uint64)(unsafe.Pointer(&now)) += seconds << 30 // as time.Time keeps it
	return now
}

// goesOn fails unless the person's next session goes on from the cursor, which is
// given back.
func (p *Places) goesOn(t *testing.T, admin, want string) {
	t.Helper()
	at, giveBack := p.Resume(t.Context(), admin, nil)
	giveBack()
	if at.String() != want {
		t.Errorf("person %s goes on at %q, want %q", admin, at, want)
	}
}

// says returns what a node writes whose clock is wrong by that much: the end of a
// session of person 7, and that one of person 8 is open.
func says(wrong time.Duration) []byte {
	return fmt.Appendf(nil, `{"node":"b","at":%d,"ended":[{"n":1,"admin":"7","cursor":"all=5","at":%[1]d}],`+
		`"open":[{"admin":"8","sessions":1,"cursor":"all=6"}]}`, time.Now().Add(wrong).UnixMilli())
}

// offsets are by how much clocks are wrong.
var offsets = []time.Duration{0, -10 * time.Minute, 3 * time.Hour, -24 * time.Hour}

// Whatever the clocks of the node that writes and of the broker say, places are gone
// on from as long as Grace says, and not for longer.
func TestTheClocksOfOtherNodesDoNotMatter(t *testing.T) {
	for _, nodes := range offsets {
		for _, brokers := range offsets {
			t.Run(fmt.Sprintf("node %v, broker %v", nodes, brokers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := alone()
					p.take(says(nodes), time.Now().Add(brokers))
					for _, admin := range []string{"7", "8"} {
						p.goesOn(t, admin, map[string]string{"7": "all=5", "8": "all=6"}[admin])
					}
					time.Sleep(Grace - time.Second)
					p.expire(time.Now())
					p.goesOn(t, "7", "all=5")
					p.goesOn(t, "8", "all=6")
					time.Sleep(2 * time.Second)
					p.goesOn(t, "7", "")
					p.goesOn(t, "8", "")
					p.expire(time.Now())
					if p.table.size != 0 {
						t.Errorf("%d places are kept", p.table.size)
					}
				})
			})
		}
	}
}

// A node looks dead when it has been silent for seconds, and no sooner.
func TestANodesSilenceIsThatOfItsRecords(t *testing.T) {
	for _, wrong := range offsets {
		synctest.Test(t, func(t *testing.T) {
			p := alone()
			p.take(says(wrong), time.Now().Add(time.Hour))
			for _, dead := range []bool{false, true} {
				if b := p.table.nodes["b"]; b.dead(b.open["8"], p.clock.now(time.Now())) != dead {
					t.Errorf("with a clock that is wrong by %v the node looks dead: %v", wrong, !dead)
				}
				time.Sleep(silence)
			}
		})
	}
}

// The wall clock of this node is put forward.
func TestTheWallClockOfThisNodeDoesNotMatter(t *testing.T) {
	p := alone()
	p.take(says(0), time.Now())
	p.Open("9", deadPlace{})
	p.End("9", deadPlace{}, hub.Cursor{hub.All: 7})
	now := putForward(time.Now(), 3600)
	if passed := time.Until(now.Round(0)); passed < 59*time.Minute {
		t.Fatalf("the clock has been put forward by %v", passed)
	}
	p.expire(now)
	p.goesOn(t, "7", "all=5")
	p.goesOn(t, "8", "all=6")
	p.goesOn(t, "9", "all=7")
}

// ownEnd returns what the node has told of the first end here, one of person 7.
func (p *Places) ownEnd() []byte {
	return fmt.Appendf(nil, `{"node":%q,"at":1,"ended":[{"n":1,"admin":"7","cursor":"all=9","at":1}]}`, p.node)
}

// Kafka was away when a session ended: its place is as old as the record everywhere,
// and its turn is that of the record.
func TestAnEndHereCountsFromWhenItWasAppended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := alone()
		began := time.Now()
		p.Open("7", deadPlace{})
		p.End("7", deadPlace{}, hub.Cursor{hub.All: 9})
		time.Sleep(50 * time.Second)
		p.take(says(0), began.Add(40*time.Second))
		own := p.ownEnd()
		p.take(own, began.Add(50*time.Second))
		time.Sleep(49 * time.Second)
		p.goesOn(t, "7", "all=5")
		time.Sleep(2 * time.Second)
		p.goesOn(t, "7", "all=9")
		p.take(own, began.Add(101*time.Second)) // which was appended twice
		time.Sleep(10 * time.Second)
		p.goesOn(t, "7", "")
	})
}

// A session ended before anything was heard of the broker, whose clock is another.
func TestAnEndHereIsKeptWhenTheBrokersTimeIsHeard(t *testing.T) {
	for _, brokers := range offsets {
		synctest.Test(t, func(t *testing.T) {
			p := alone()
			p.Open("7", deadPlace{})
			p.End("7", deadPlace{}, hub.Cursor{hub.All: 9})
			time.Sleep(Grace - time.Second)
			p.wrote(time.Now().Add(brokers), time.Now())
			p.take(p.ownEnd(), time.Now().Add(brokers-Grace+time.Second))
			p.goesOn(t, "7", "all=9")
			time.Sleep(2 * time.Second)
			p.goesOn(t, "7", "")
		})
	}
}

// Kafka keeps the times that the nodes write, which may be wrong: places are as old as
// their records are known.
func TestWithoutTheBrokersTimeThatOfHearingCounts(t *testing.T) {
	for _, wrong := range offsets {
		synctest.Test(t, func(t *testing.T) {
			p := alone()
			p.wrote(time.Time{}, time.Now())
			p.take(says(wrong), time.Now().Add(wrong))
			p.take([]byte(`{"node":"c","at":1}`), time.Time{})
			p.take([]byte(`{"node":"c","at":1}`), time.Now().Add(time.Hour))
			p.goesOn(t, "7", "all=5")
			p.goesOn(t, "8", "all=6")
			time.Sleep(Grace + time.Second)
			p.goesOn(t, "7", "")
			p.goesOn(t, "8", "")
		})
	}
}

// Kafka takes nothing for minutes, or this node stood still and reads late: the end is
// as new to the others, whenever they hear of it, as it must be here.
func TestAnEndHereStaysUntilItIsRead(t *testing.T) {
	for name, claimed := range map[string]bool{"in the table": false, "claimed by a session that does not open": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := alone()
				p.wrote(time.Now(), time.Now())
				p.take([]byte(`{"node":"b","at":1,"ended":[{"n":1,"admin":"7","cursor":"all=5","at":1}]}`), time.Now())
				p.Open("7", deadPlace{})
				p.End("7", deadPlace{}, hub.Cursor{hub.All: 9})
				time.Sleep(3 * Grace)
				p.expire(time.Now())
				p.goesOn(t, "7", "all=9")
				_, giveBack := p.Resume(t.Context(), "7", nil)
				if !claimed {
					giveBack()
				}
				p.take(p.ownEnd(), time.Now())
				if claimed {
					giveBack()
				}
				time.Sleep(Grace - time.Second)
				p.expire(time.Now())
				p.goesOn(t, "7", "all=9")
				time.Sleep(2 * time.Second)
				p.goesOn(t, "7", "")
				if p.table.size != 0 {
					t.Errorf("%d places are kept", p.table.size)
				}
			})
		})
	}
}

// What was read already is read again, as when the topic's end is not where it was: a
// node was heard of when it spoke last, and what it tells counts once.
func TestReadingAgainForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := alone()
		p.wrote(time.Now(), time.Now())
		began := time.Now()
		p.take(says(0), began)
		time.Sleep(2 * Grace)
		p.take([]byte(`{"node":"b","at":1,"open":[{"admin":"8","sessions":1,"cursor":"all=6"}]}`), time.Now())
		p.expire(time.Now())
		p.reread()
		p.take(says(0), began)
		p.take([]byte(`{"node":"c","at":1,"ended":[{"n":1,"admin":"9","cursor":"all=3","at":1}]}`), began)
		p.expire(time.Now())
		p.goesOn(t, "7", "")
		p.goesOn(t, "8", "all=6")
		p.goesOn(t, "9", "") // it is as old as it says, though the clock seems to go back
	})
}
