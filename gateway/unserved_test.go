package gateway_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// logged keeps what is logged at info and above.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) lines(part string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return found
}

const (
	unservedText = "streams cannot be followed"
	servedText   = "all streams that clients want can be followed again"
)

func noOwner(stream hub.Stream) error {
	if stream.Kind() == hub.KindMall {
		return hub.Unavailablef("its shard has no owner yet")
	}
	return nil
}

func TestStreamsWithoutAnOwnerAreToldOfOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		g, core := start(t, gateway.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		connect(t, g, "7 mall:1 mall:2 mall:3", nil)
		core.Refuse(noOwner)
		for _, stream := range []hub.Stream{"mall:1", "mall:2", "mall:3", "admin:7"} {
			core.Move(stream)
		}
		time.Sleep(9 * time.Second)
		if got := log.lines(unservedText); len(got) != 0 {
			t.Errorf("told after 9 s: %q", got)
		}
		time.Sleep(6 * time.Second)
		if got := log.lines(unservedText); len(got) != 1 || !strings.Contains(got[0], "level=WARN") || !strings.Contains(got[0], "no owner yet") {
			t.Errorf("told after 15 s: %q", got)
		}
		time.Sleep(30 * time.Second)
		if got := log.lines(unservedText); len(got) != 2 || !strings.Contains(got[1], "streams=3") {
			t.Errorf("told after 45 s: %q", got)
		}
		core.Refuse(nil)
		time.Sleep(5 * time.Second)
		if got := log.lines(servedText); len(got) != 1 {
			t.Errorf("told that it is over: %q", got)
		}
		g.Close()
	})
}

func TestStreamsThatAreAwayForAMomentAreNotToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		g, core := start(t, gateway.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		connect(t, g, "7 mall:1", nil)
		for range 5 {
			core.Refuse(noOwner)
			core.Move("mall:1")
			time.Sleep(6 * time.Second)
			core.Refuse(nil)
			time.Sleep(2 * time.Second)
		}
		if got := append(log.lines(unservedText), log.lines(servedText)...); len(got) != 0 {
			t.Errorf("told: %q", got)
		}
		g.Close()
	})
}

func TestStreamsThatOnlyClientsWaitForWhoGiveUpAreToldOfUntilNobodyWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		g, core := start(t, gateway.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		core.Refuse(noOwner)
		for range 5 { // a client that tries again and again
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			if _, err := g.Prepare(ctx, &hub.Principal{Admin: "7", Malls: []string{"1"}}, nil); err == nil {
				t.Error("followed")
			}
			cancel()
			time.Sleep(2 * time.Second)
		}
		if got := log.lines(unservedText); len(got) != 1 {
			t.Errorf("told: %q", got)
		}
		time.Sleep(time.Minute)
		connect(t, g, "7", nil)
		synctest.Wait()
		if got := log.lines(servedText); len(got) != 1 {
			t.Errorf("told that it is over: %q", got)
		}
		g.Close()
	})
}

func TestWhoWaitsForAStreamIsToldAtOnceThatTheNodeStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, core := start(t, gateway.Options{})
		core.Refuse(noOwner)
		told := make(chan error, 1)
		go func() {
			_, err := g.Prepare(t.Context(), &hub.Principal{Admin: "7", Malls: []string{"1"}}, nil)
			told <- err
		}()
		time.Sleep(3 * time.Second)
		began := time.Now()
		g.Close()
		if err := <-told; !hub.Temporary(err) || time.Since(began) > 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
