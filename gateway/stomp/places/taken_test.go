package places

import (
	"fmt"
	"log/slog"
	"testing"

	"bongsu/internal/kafka"
)

// deadPlace is a session whose client owes an answer for long.
type deadPlace struct{}

func (deadPlace) AppendCursor(dst []byte) []byte { return append(dst, "all=4"...) }
func (deadPlace) Moves() uint64                  { return 1 }
func (deadPlace) Ask()                           {}
func (deadPlace) Owes() (int64, bool)            { return 1000, true }

// Another node says that a session went on from a dead one of this node: it is not
// offered again, here or there.
func TestWhatAnotherNodeTookIsNotOfferedAgain(t *testing.T) {
	p := New(kafka.Config{}, slog.New(slog.DiscardHandler))
	p.heardAll()
	p.Open("7", deadPlace{})
	told := fmt.Appendf(nil, `{"node":"b","at":%d,"taken":["8","7"]}`, minute)
	if cursor, count := standsAt(p.sessionsOf("7")); count != 1 || cursor.String() != "all=4" {
		t.Fatalf("%d sessions stand at %s", count, cursor)
	}
	p.take(told)
	if cursor, found := p.Resume(t.Context(), "7"); found {
		t.Errorf("it is gone on from again, at %s", cursor)
	}
	if got := placeOf("7", p.sessionsOf("7")); got.Sessions != 0 || got.Cursor != "" {
		t.Errorf("the others are told of %+v", got)
	}
}
