package places_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/hub"
)

// A replica hangs, so that nothing is appended for a while: what is there can be read
// all the same, sooner than sessions stop waiting for it.
func TestANodeThatStartsReadsThoughItCannotWrite(t *testing.T) {
	cluster, config := broker(t)
	endAt(t, config, hub.Cursor{hub.All: 9})
	hangs := make(chan struct{}, 1)
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		select {
		case hangs <- struct{}{}:
		default:
		}
		cluster.SleepControl(func() { <-t.Context().Done() }) // until the test ends
		return nil, nil, false
	})
	b, _ := start(t, config)
	<-hangs
	if cursor, _ := b.Resume(t.Context(), "7", nil); cursor.String() != "all=9" {
		t.Errorf("resumes at %v", cursor)
	}
}
