package places

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// heardPlace is a session of which the test says what is known.
type heardPlace struct{ life stomp.Life }

func (*heardPlace) AppendCursor(dst []byte) []byte { return append(dst, "all=4"...) }
func (*heardPlace) Moves() uint64                  { return 1 }
func (*heardPlace) Ask()                           {}
func (p *heardPlace) Life() stomp.Life             { return p.life }

// alone returns the places of a node that hears only what the test tells it.
func alone() *Places {
	p := New(kafka.Config{}, slog.New(slog.DiscardHandler))
	p.heardAll()
	return p
}

// A node dies, and its page's first tries elsewhere do not come about.
func TestAPlaceAtAnotherNodeIsGivenBack(t *testing.T) {
	for name, ago := range map[string]time.Duration{"dead": 10 * time.Second, "alive": 0} {
		t.Run(name, func(t *testing.T) {
			p := alone()
			p.take([]byte(`{"node":"b","at":1,"open":[{"admin":"7","sessions":1,"cursor":"all=5"}]}`), time.Now().Add(-ago))
			p.take([]byte(`{"node":"c","at":1}`), time.Now())
			for range 3 {
				at, giveBack := p.Resume(t.Context(), "7", nil)
				if at.String() != "all=5" {
					t.Fatalf("it goes on at %q", at)
				}
				giveBack()
			}
		})
	}
}

// The old session's end is noticed while the page's new one is about to open, which
// then does not come about.
func TestAPlaceIsGivenBackThatHasEndedMeanwhile(t *testing.T) {
	p := alone()
	p.Open("7", deadPlace{})
	_, giveBack := p.Resume(t.Context(), "7", nil)
	p.End("7", deadPlace{}, hub.Cursor{hub.All: 4})
	giveBack()
	if at, _ := p.Resume(t.Context(), "7", nil); at.String() != "all=4" {
		t.Errorf("the next try goes on at %q", at)
	}
	if at, _ := p.Resume(t.Context(), "7", nil); len(at) > 0 {
		t.Errorf("it is gone on from again, at %s", at)
	}
}

// A second page is opened in a quiet hour, when nothing is answered. The first goes
// on living, and its connection breaks later. What it sent before comes within seconds.
func TestASessionThatIsHeardOfAfterwardsKeepsItsPlace(t *testing.T) {
	for after, want := range map[time.Duration]string{0: "", time.Second: "", 30 * time.Second: "all=4"} {
		synctest.Test(t, func(t *testing.T) {
			p := alone()
			first := &heardPlace{stomp.Life{Heard: time.Now()}}
			p.Open("7", first)
			p.Resume(t.Context(), "7", nil) // by the second page
			first.life.Heard = time.Now().Add(after)
			first.life.Owes, first.life.Late = time.Now().Add(after+1), true
			if at, _ := p.Resume(t.Context(), "7", nil); at.String() != want {
				t.Errorf("heard of after %v, the first page goes on at %q, want %q", after, at, want)
			}
		})
	}
}
