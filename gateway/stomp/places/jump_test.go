package places

import (
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/hub"
)

// jumps are by how much the broker's clock differs all at once: it is set, or another
// broker leads.
var jumps = []time.Duration{-time.Hour, -Grace, -5 * time.Second, 5 * time.Second, 2 * Grace, time.Hour}

// appends has a record of this node appended, which takes no time, by a broker whose
// clock is wrong by that much.
func (p *Places) appends(wrong time.Duration) { p.wrote(time.Now().Add(wrong), time.Now()) }

// hears has a record of another node read that says nothing, at once.
func (p *Places) hears(wrong time.Duration) {
	p.take([]byte(`{"node":"c","at":1}`), time.Now().Add(wrong))
}

// eachJump runs the test with a node that knows the broker's time and has heard of
// places 10 s ago, and with each jump.
func eachJump(t *testing.T, test func(t *testing.T, p *Places, jump time.Duration)) {
	for _, jump := range jumps {
		t.Run(jump.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := alone()
				p.appends(0)
				p.take(says(0), time.Now())
				time.Sleep(10 * time.Second)
				test(t, p, jump)
			})
		})
	}
}

// lives fails unless the places that say says go on for that long, and no longer.
func (p *Places) lives(t *testing.T, rest time.Duration) {
	t.Helper()
	time.Sleep(rest - time.Second)
	p.expire(time.Now())
	p.goesOn(t, "7", "all=5")
	p.goesOn(t, "8", "all=6")
	time.Sleep(2 * time.Second)
	p.expire(time.Now())
	p.goesOn(t, "7", "")
	p.goesOn(t, "8", "")
}

func TestPlacesLiveAsLongWhenTheBrokersClockJumps(t *testing.T) {
	eachJump(t, func(t *testing.T, p *Places, jump time.Duration) {
		p.appends(jump)
		p.lives(t, Grace-10*time.Second)
	})
}

// Another node writes before this one, which hears of the jump from that.
func TestPlacesLiveAsLongWhenAnotherNodeHearsOfTheJumpFirst(t *testing.T) {
	eachJump(t, func(t *testing.T, p *Places, jump time.Duration) {
		p.hears(jump)
		p.expire(time.Now())
		p.appends(jump)
		p.lives(t, Grace-10*time.Second)
	})
}

// This node has no sessions, and nothing to tell for a while.
func TestPlacesLiveAsLongWhenTheJumpIsOnlyRead(t *testing.T) {
	eachJump(t, func(t *testing.T, p *Places, jump time.Duration) {
		for range 20 {
			p.hears(jump)
			time.Sleep(time.Second)
		}
		p.lives(t, Grace-30*time.Second)
	})
}

// What is told after the jump is read before this node knows by how much it was; what
// was told before, after.
func TestPlacesThatAreToldAroundTheJumpLiveAsLong(t *testing.T) {
	for _, jump := range jumps {
		for name, told := range map[string]func(p *Places){
			"after, read before": func(p *Places) {
				p.take(says(0), time.Now().Add(jump))
				p.expire(time.Now())
				p.appends(jump)
			},
			"before, read after": func(p *Places) {
				before := time.Now()
				p.appends(jump)
				p.take(says(0), before)
				p.expire(time.Now())
				p.hears(jump)
			},
		} {
			t.Run(name+" "+jump.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := alone()
					p.appends(0)
					p.hears(0)
					told(p)
					p.lives(t, Grace)
				})
			})
		}
	}
}

// A node that was silent for long before looks dead after the jump, and one that spoke
// just now alive; the place of a session at the dead one is used up once.
func TestWhoLooksDeadIsTheSameAfterAJump(t *testing.T) {
	eachJump(t, func(t *testing.T, p *Places, jump time.Duration) {
		p.hears(0)
		p.appends(jump)
		for name, dead := range map[string]bool{"b": true, "c": false} {
			if p.table.nodes[name].dead(&sharedPlace{}, p.clock.now(time.Now())) != dead {
				t.Errorf("node %s looks dead: %v", name, !dead)
			}
		}
		for _, want := range []string{"all=6", ""} {
			if at, _ := p.Resume(t.Context(), "8", nil); at.String() != want {
				t.Errorf("it goes on at %q, want %q", at, want)
			}
		}
	})
}

// What was used up before the jump stays so after it; what was claimed comes back.
func TestWhatIsUsedUpStaysSoAfterAJump(t *testing.T) {
	eachJump(t, func(t *testing.T, p *Places, jump time.Duration) {
		_, giveBack := p.Resume(t.Context(), "8", nil)
		_, giveBackEnded := p.Resume(t.Context(), "7", nil)
		p.appends(jump)
		p.goesOn(t, "8", "")
		giveBack()
		giveBackEnded()
		p.lives(t, Grace-10*time.Second)
	})
}

// A session here ends while it is claimed by one that does not open after all; the
// others have heard of its end before the jump.
func TestAnEndThatIsClaimedLivesAsLongWhenTheBrokersClockJumps(t *testing.T) {
	eachJump(t, func(t *testing.T, p *Places, jump time.Duration) {
		time.Sleep(Grace) // of what eachJump says nothing is left
		p.Open("7", deadPlace{})
		_, giveBack := p.Resume(t.Context(), "7", &heardPlace{})
		p.End("7", deadPlace{}, hub.Cursor{hub.All: 9})
		p.take(p.ownEnd(), time.Now())
		time.Sleep(10 * time.Second)
		p.appends(jump)
		giveBack()
		time.Sleep(Grace - 11*time.Second)
		p.expire(time.Now())
		p.goesOn(t, "7", "all=9")
		time.Sleep(2 * time.Second)
		p.goesOn(t, "7", "")
	})
}

// An append may be known late, by tries: it was at some time since it began.
func TestAnAppendThatTakesLongIsNoJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := alone()
		p.appends(0)
		began := time.Now()
		p.take(says(0), began)
		time.Sleep(8 * time.Second)
		before := p.clock.now(time.Now())
		p.wrote(began, began)
		if after := p.clock.now(time.Now()); after != before {
			t.Errorf("the clock goes from %d to %d", before, after)
		}
		p.lives(t, Grace-8*time.Second)
	})
}

// The reader lags behind while this node knows the present: that sets nothing back.
func TestWhatIsReadLateDoesNotSetTheClockBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := alone()
		p.appends(0)
		for ago := 2 * Grace; ago > 10*time.Second; ago -= time.Second {
			p.hears(-ago)
		}
		p.take(says(0), time.Now().Add(-10*time.Second))
		p.lives(t, Grace-10*time.Second)
	})
}

// A node that cannot write yet goes by what it reads, until it can.
func TestAnAppendThatComesLateOnlySetsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := alone()
		p.hears(time.Hour - 2*Grace)
		p.take(says(0), time.Now().Add(time.Hour-50*time.Second))
		p.appends(time.Hour)
		p.lives(t, Grace-50*time.Second)
	})
}

// The topic moves to a broker whose clock is behind.
func TestABrokersClockThatIsBehindTheLastLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := alone()
		p.take([]byte(`{"node":"c","at":1}`), time.Now().Add(time.Hour))
		p.take(says(0), time.Now())
		p.expire(time.Now())
		p.goesOn(t, "7", "all=5")
		p.goesOn(t, "8", "all=6")
	})
}

// A node without sessions hears of a jump, too.
func TestANodeWithNothingToTellAsksForTheTime(t *testing.T) {
	p := alone()
	asks := 0
	for round := range 2 * refreshEvery {
		if p.speaks(round) {
			asks++
		}
	}
	if asks != 2 {
		t.Errorf("it writes %d records a minute", asks)
	}
}
