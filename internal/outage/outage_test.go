package outage_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/outage"
)

func TestAnOutageIsLoggedWhenItBeginsNowAndThenAndWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := slog.New(slog.NewTextHandler(&text, nil))
		var l outage.Log
		l.Over(log, "back")
		for range 65 { // a bit over a minute
			l.Failed(log, "away", errors.New("no answer"), "part", "x")
			time.Sleep(time.Second)
		}
		l.Over(log, "back")
		l.Over(log, "back")
		l.Failed(log, "away", errors.New("again"))
		if away, back := strings.Count(text.String(), "msg=away"), strings.Count(text.String(), "msg=back"); away != 4 || back != 1 {
			t.Errorf("logged away %d times and back %d times, want 4 and 1:\n%s", away, back, &text)
		}
		for _, want := range []string{`err="no answer"`, "part=x", "tries=31", "after=1m5s", "err=again"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("no %s in\n%s", want, &text)
			}
		}
	})
}
