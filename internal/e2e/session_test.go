//go:build e2e

package e2e

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func (s *suite) testFirstCall(t *testing.T) {
	p := person{admin: s.fresh()}
	silent := s.dial(t, nil)
	opened := time.Now()
	early := s.dial(t, nil)
	var count unread
	var refused *callError
	if err := early.call("unread", nil, &count); !errors.As(err, &refused) || refused.Code <= 0 {
		t.Errorf("a call before connect: %v", err)
	}
	if code := closeCode(early.awaitEnd(t, patience)); code != 4502 {
		t.Errorf("a call before connect closes with %d, want 4502", code)
	}
	twice := s.socket(t, p, nil)
	if err := twice.connect(p.token(t), nil); !errors.As(err, &refused) || refused.Code <= 0 {
		t.Errorf("a second connect: %v, want a refusal", err)
	}
	if err := twice.call("unread", nil, &count); err != nil {
		t.Errorf("the session after a second connect: %v", err)
	}
	if code := closeCode(silent.awaitEnd(t, patience)); code != 4502 {
		t.Errorf("a silent connection closes with %d, want 4502", code)
	}
	if took := time.Since(opened); took < 9*time.Second || took > 15*time.Second {
		t.Errorf("a silent connection was closed after %s, want 10s", took)
	}
}

func (s *suite) testTooManySessions(t *testing.T) {
	const most = 32
	p := person{admin: s.fresh()}
	sessions := make([]*socket, most)
	for i := range sessions {
		sessions[i] = s.socket(t, p, nil)
	}
	more := s.dial(t, nil)
	var refused *callError
	if err := more.connect(p.token(t), nil); !errors.As(err, &refused) || refused.Code <= 0 {
		t.Errorf("session %d: %v, want a refusal", most+1, err)
	}
	if code := closeCode(more.awaitEnd(t, patience)); code != 4504 {
		t.Errorf("session %d is closed with %d, want 4504", most+1, code)
	}
	s.wantNoEvents(t, p.token(t), nil, http.StatusTooManyRequests)
	// Others are not touched, and a place that is given up can be had.
	s.post(t, notice("crowd-"+p.admin, "admin:"+p.admin))
	for _, session := range sessions {
		session.awaitEntry(t, "admin:"+p.admin, "crowd-"+p.admin)
	}
	sessions[0].close()
	awaitThat(t, "a place that was given up", func() bool {
		ws := s.dial(t, nil)
		return ws.connect(p.token(t), nil) == nil
	})
}

func (s *suite) testExpiryAndRefresh(t *testing.T) {
	p := person{admin: s.fresh(), malls: []string{s.fresh()}, ttl: 4 * time.Second}
	left := p.malls[0]
	refreshed, lapsed, events := s.socket(t, p, nil), s.socket(t, p, nil), s.events(t, p, "")
	longer := p
	longer.ttl, longer.malls = time.Hour, []string{s.fresh()}
	var w welcome
	if err := refreshed.call("refresh", map[string]any{"token": longer.token(t)}, &w); err != nil {
		t.Fatalf("refresh: %v", err)
	}
	var refused *callError
	stranger := person{admin: s.fresh()}
	if err := refreshed.call("refresh", map[string]any{"token": stranger.token(t)}, &w); !errors.As(err, &refused) {
		t.Errorf("refresh with another person's token: %v", err)
	}
	if err := refreshed.call("refresh", map[string]any{"token": "garbage"}, &w); !errors.As(err, &refused) {
		t.Errorf("refresh with garbage: %v", err)
	}
	if code := closeCode(lapsed.awaitEnd(t, patience)); code != 4003 {
		t.Errorf("an expired token closes with %d, want 4003", code)
	}
	_ = events.awaitEnd(t, patience)
	// The new token's rights are the session's: the old mall is gone, the new one there.
	s.post(t, notice("left-"+p.admin, "mall:"+left))
	s.post(t, notice("joined-"+p.admin, "mall:"+longer.malls[0]))
	refreshed.awaitEntry(t, "mall:"+longer.malls[0], "joined-"+p.admin)
	if got := refreshed.entries(t, "mall:"+left); len(got) != 0 {
		t.Errorf("the refreshed session still gets %v", idsOf(got))
	}
}

func (s *suite) testHeartbeats(t *testing.T) {
	p := person{admin: s.fresh()}
	ws, sse := s.socket(t, p, nil), s.events(t, p, "")
	within := time.Duration(ws.welcome.HeartbeatMs)*time.Millisecond + 5*time.Second
	if within > time.Minute {
		t.Fatalf("a heartbeat every %d ms", ws.welcome.HeartbeatMs)
	}
	for name, session := range map[string]*inbox{"ws": ws.inbox, "sse": sse.inbox} {
		session.awaitFor(t, within, "a heartbeat over "+name, func(p push) bool { return p.name == "heartbeat" })
	}
}
