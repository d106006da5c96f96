package sockjs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/hub"
)

// Entries that come together, or while others are not proven yet.
func TestAPageIsNotGivenWhatAnEarlierOneHasOfMany(t *testing.T) {
	browse(t, func(b *browser) {
		next := 1
		for range 5 {
			p := b.open(beat)
			var want []int
			for _, n := range []int{5, 1, 3} {
				b.core.Publish(hub.All, n)
				time.Sleep(2 * time.Second)
				for range n {
					want = append(want, next)
					next++
				}
			}
			time.Sleep(3 * time.Second)
			p.shows(want...)
			p.leave()
			p.ended()
		}
	})
}

// However long a page was shown, under steady traffic, and however seldom it beats:
// the next one is given again the last few seconds at most.
func TestABusyPageIsFollowedAFewSecondsBefore(t *testing.T) {
	const every = 250 * time.Millisecond
	for _, shown := range []time.Duration{4 * time.Second, 14 * time.Second, 69 * time.Second, 99 * time.Second} {
		browse(t, func(b *browser) {
			p := b.open(25 * time.Second)
			count := 0
			for start := time.Now(); time.Since(start) < shown; time.Sleep(every) {
				b.core.Publish(hub.All, 1)
				count++
			}
			p.leave()
			p.ended()
			p = b.open(beat)
			synctest.Wait()
			again := p.count()
			if b.transport == "POST /xhr" && again > 8 || again > 20 { // 2 s and 5 s
				t.Errorf("%v: %d of %d are given again", shown, again, count)
			}
			b.core.Publish(hub.All, 1)
			synctest.Wait()
			var want []int
			for seq := count - again + 1; seq <= count+1; seq++ {
				want = append(want, seq)
			}
			p.shows(want...)
		})
	}
}

// A page under steady traffic that is alive is never taken to be dead.
func TestAPageThatBeatsIsNeverLate(t *testing.T) {
	browse(t, func(b *browser) {
		p := b.open(25 * time.Second)
		for range 300 {
			b.core.Publish(hub.All, 1)
			time.Sleep(700 * time.Millisecond)
			if b.anyLate() {
				t.Fatal("it is late")
			}
		}
		p.leave()
	})
}
