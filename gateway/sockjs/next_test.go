package sockjs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/hub"
)

const beat = 10 * time.Second

// Pages that are looked at for a moment each, and left without a word.
func TestAPageIsNotGivenWhatAnEarlierOneHas(t *testing.T) {
	browse(t, func(b *browser) {
		for i := range 8 {
			p := b.open(beat)
			b.core.Publish(hub.All, 1)
			time.Sleep(5 * time.Second)
			p.shows(i + 1)
			p.leave()
			p.ended()
		}
	})
}

// A page may be left without ever having beaten.
func TestAPageThatNeverBeatsIsFollowedByTheNext(t *testing.T) {
	browse(t, func(b *browser) {
		for i := range 3 {
			p := b.open(0)
			b.core.Publish(hub.All, 1)
			time.Sleep(45 * time.Second)
			p.shows(i + 1)
			p.leave()
			p.ended()
		}
	})
}

func TestWhatWasOnItsWayWhenAPageWasLeftIsGivenToTheNext(t *testing.T) {
	browse(t, func(b *browser) {
		p := b.open(beat)
		b.core.Publish(hub.All, 1)
		time.Sleep(5 * time.Second)
		b.core.Publish(hub.All, 1)
		synctest.Wait()
		p.shows(1, 2)
		p.leave()
		p.ended()
		p = b.open(beat)
		if b.transport == "POST /xhr" {
			p.shows() // the page has asked for more, and so has got it
		} else {
			p.shows(2)
		}
	})
}

func TestWhatNoAnswerCarriedWhenAPageWasLeftIsGivenToTheNext(t *testing.T) {
	browse(t, func(b *browser) {
		p := b.open(beat)
		b.core.Publish(hub.All, 1)
		time.Sleep(5 * time.Second)
		p.leave()
		b.core.Publish(hub.All, 2)
		p.ended()
		p.shows(1)
		p = b.open(beat)
		p.shows(2, 3)
	})
}

func TestAnAnswerThatCannotBeWrittenProvesNothing(t *testing.T) {
	browse(t, func(b *browser) {
		p := b.open(beat)
		b.core.Publish(hub.All, 1)
		time.Sleep(15 * time.Second) // with a heart-beat
		p.refuse()
		b.core.Publish(hub.All, 1)
		p.ended()
		p.shows(1)
		p = b.open(beat)
		p.shows(2)
	})
}

// A client that is gone without a word takes what is written, and says nothing.
func TestAClientThatFellSilentHasGotWhatItProvedBefore(t *testing.T) {
	browse(t, func(b *browser) {
		p := b.open(beat)
		b.core.Publish(hub.All, 1)
		time.Sleep(25 * time.Second)
		p.die()
		b.core.Publish(hub.All, 1)
		time.Sleep(10 * time.Second)
		b.core.Publish(hub.All, 1)
		p.ended()
		p = b.open(beat)
		p.shows(2, 3)
	})
}

// A machine that is suspended ends its connections when it wakes.
func TestThatASleeperAwakesDoesNotProveThatItGotWhatCameMeanwhile(t *testing.T) {
	browse(t, func(b *browser) {
		p := b.open(beat)
		b.core.Publish(hub.All, 1)
		time.Sleep(25 * time.Second)
		p.die()
		b.core.Publish(hub.All, 1)
		time.Sleep(40 * time.Second)
		p.leave()
		p.ended()
		p = b.open(beat)
		p.shows(2)
	})
}
