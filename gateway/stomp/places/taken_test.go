package places

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"bongsu/gateway/stomp"
	"bongsu/internal/kafka"
)

// deadPlace is a session whose client owes an answer for long.
type deadPlace struct{}

func (deadPlace) AppendCursor(dst []byte) []byte { return append(dst, "all=4"...) }
func (deadPlace) Moves() uint64                  { return 1 }
func (deadPlace) Ask()                           {}
func (deadPlace) Life() stomp.Life               { return stomp.Life{Owes: time.UnixMilli(1000), Late: true} }

// Another node says that a session went on from a dead one of this node: it is not
// offered again, here or there.
func TestWhatAnotherNodeTookIsNotOfferedAgain(t *testing.T) {
	p := New(kafka.Config{}, slog.New(slog.DiscardHandler))
	p.heardAll()
	p.Open("7", deadPlace{})
	told := fmt.Appendf(nil, `{"node":"b","at":%d,"used":[{"n":1,"admin":"8","node":%[2]q},{"n":2,"admin":"7","node":%[2]q}]}`, minute, p.node)
	if at := standsAt(p.sessionsOf("7"), seenSession.spent); at.count != 1 || at.late != 1 || at.cursor.String() != "all=4" {
		t.Fatalf("they stand at %+v", at)
	}
	p.take(told, time.Now())
	if at, _ := p.Resume(t.Context(), "7", nil); len(at) > 0 {
		t.Errorf("it is gone on from again, at %s", at)
	}
	if got := placeOf("7", p.sessionsOf("7")); got.Sessions != 0 || got.Cursor != "" {
		t.Errorf("the others are told of %+v", got)
	}
}
