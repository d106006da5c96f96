//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
)

func (s *suite) testRefusedTokens(t *testing.T) {
	p := person{admin: s.fresh()}
	good := strings.Split(p.token(t), ".")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	expired := p
	expired.ttl = -time.Hour
	for name, test := range map[string]struct {
		token string
		close int
	}{
		"none at all":       {"", 4500},
		"not a token":       {"garbage", 4500},
		"a bad signature":   {good[0] + "." + good[1] + "." + strings.Repeat("A", 43), 4500},
		"no signature":      {good[0] + "." + good[1] + ".", 4500},
		"algorithm none":    {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, p.claims()), 4500},
		"another secret":    {sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), p.claims()), 4500},
		"another algorithm": {sign(t, jwt.SigningMethodES256, key, p.claims()), 4500},
		"another audience":  {p.with(t, "aud", "somebody-else"), 4500},
		"no subject":        {p.with(t, "sub", ""), 4500},
		"a bad subject":     {p.with(t, "sub", "a:b c"), 4500},
		"not yet valid":     {p.with(t, "nbf", time.Now().Add(time.Hour).Unix()), 4500},
		"expired":           {expired.token(t), 4003},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.do(t, http.MethodGet, "/api/v1/me", test.token, nil)
			a.wantProblem(t, http.StatusUnauthorized)
			if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("401 with WWW-Authenticate %q", a.Header.Get("WWW-Authenticate"))
			}
			s.wantNoEvents(t, test.token, nil, http.StatusUnauthorized)
			ws := s.dial(t, nil)
			var refused *callError
			if err := ws.connect(test.token, nil); !errors.As(err, &refused) || refused.Code <= 0 {
				t.Errorf("connect: %v, want a refusal with a positive code", err)
			}
			if code := closeCode(ws.awaitEnd(t, patience)); code != test.close {
				t.Errorf("closed with %d, want %d", code, test.close)
			}
		})
	}
}

// wantNoEvents checks that the SSE endpoint refuses as a problem.
func (s *suite) wantNoEvents(t *testing.T, token string, header http.Header, status int) {
	t.Helper()
	e, refused, err := openEvents(s.addr, token, header, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e != nil {
		e.cancel()
		t.Fatal("GET /notifications was not refused")
	}
	refused.wantProblem(t, status)
}

func (s *suite) testForeignStreams(t *testing.T) {
	p := person{admin: s.fresh(), malls: []string{s.fresh()}}
	other := person{admin: s.fresh(), malls: []string{s.fresh()}, partners: []string{s.fresh()}}
	ws := s.socket(t, p, map[string]uint64{"mall:" + other.malls[0]: 0, "admin:" + p.admin: 0})
	for _, stream := range other.streams()[1:] {
		s.do(t, http.MethodGet, "/api/v1/timeline?stream="+stream, p.token(t), nil).wantProblem(t, http.StatusForbidden)
		s.do(t, http.MethodPost, "/api/v1/timeline/read", p.token(t), map[string]any{"stream": stream, "seq": 1}).
			wantProblem(t, http.StatusForbidden)
		var got page
		var refused *callError
		if err := ws.call("timeline.list", map[string]any{"stream": stream}, &got); !errors.As(err, &refused) || refused.Code <= 0 {
			t.Errorf("timeline.list of %s: %v, %v", stream, err, got)
		}
		s.post(t, notice("secret-"+other.admin, stream))
	}
	// A cursor that names a foreign stream opens nothing.
	s.post(t, notice("mine-"+p.admin, "admin:"+p.admin))
	ws.awaitEntry(t, "admin:"+p.admin, "mine-"+p.admin)
	for _, e := range append(ws.entries(t, ""), s.wholeTimeline(t, p, nil, 200)...) {
		if strings.HasPrefix(e.ID, "secret-") {
			t.Errorf("somebody else's entry: %+v", e)
		}
	}
}

func (s *suite) testForeignOrigins(t *testing.T) {
	p := person{admin: s.fresh()}
	foreign := http.Header{"Origin": {"https://evil.example.com"}}
	if _, res, err := dial(s.addr, foreign); err == nil || res == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("a socket from a foreign page: %v %s, want 403", err, statusOf(res))
	}
	s.wantNoEvents(t, p.token(t), foreign, http.StatusForbidden)
	a, err := request(http.MethodGet, s.url("/api/v1/me"), p.token(t), foreign, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusForbidden || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the API from a foreign page: %s, allow origin %q", a.Status, a.Header.Get("Access-Control-Allow-Origin"))
	}
	ws := s.dial(t, http.Header{"Origin": {origin}})
	if err := ws.connect(p.token(t), nil); err != nil {
		t.Errorf("a socket from an allowed page: %v", err)
	}
}

func (s *suite) testSubprotocols(t *testing.T) {
	p := person{admin: s.fresh()}
	offer := func(protocols ...string) (*websocket.Conn, *http.Response, error) {
		dialer := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: patience}
		return dialer.Dial("ws://"+s.addr+"/ws", http.Header{"Authorization": {"Bearer " + p.token(t)}})
	}
	for _, protocols := range [][]string{nil, {"bongsu.v1.json"}, {"unknown", "bongsu.v1.json"}} {
		conn, _, err := offer(protocols...)
		if err != nil {
			t.Fatalf("offer %v: %v", protocols, err)
		}
		// The token of the header stands in for one in the call.
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0","id":1,"method":"connect"}`)); err != nil {
			t.Fatal(err)
		}
		if _, frame, err := conn.ReadMessage(); err != nil || !strings.Contains(string(frame), `"heartbeatMs"`) {
			t.Errorf("offer %v: %v %s", protocols, err, frame)
		}
		_ = conn.Close()
	}
	if _, res, err := offer("unknown.v9"); err == nil || res == nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown subprotocol: %v %s, want 400", err, statusOf(res))
	}
}

func (s *suite) testMalformedCalls(t *testing.T) {
	ws := s.socket(t, person{admin: s.fresh()}, nil)
	for name, test := range map[string]struct {
		frame, want, id string
	}{
		"invalid JSON":         {`{"jsonrpc":"2.0","id":7,`, `"code":-32700`, `"id":null`},
		"no JSON at all":       {`hello`, `"code":-32700`, `"id":null`},
		"a batch":              {`[{"jsonrpc":"2.0","id":71,"method":"unread"}]`, `"code":-32600`, `"id":null`},
		"a number":             {`42`, `"code":-32600`, `"id":null`},
		"no version":           {`{"id":72,"method":"unread"}`, `"code":-32600`, `"id":72`},
		"no method":            {`{"jsonrpc":"2.0","id":73}`, `"code":-32600`, `"id":73`},
		"an unknown method":    {`{"jsonrpc":"2.0","id":74,"method":"fly"}`, `"code":-32601`, `"id":74`},
		"params of wrong kind": {`{"jsonrpc":"2.0","id":75,"method":"timeline.list","params":{"limit":"many"}}`, `"code":-32602`, `"id":75`},
		"params out of range":  {`{"jsonrpc":"2.0","id":"x","method":"timeline.list","params":{"limit":5000}}`, `"code":`, `"id":"x"`},
	} {
		before, _, _ := ws.look()
		if err := ws.send([]byte(test.frame)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got string
		awaitThat(t, "an answer to "+name, func() bool {
			pushes, _, _ := ws.look()
			for _, p := range pushes[len(before):] {
				if p.name == "reply" {
					got = string(p.body)
				}
			}
			return got != ""
		})
		if !strings.Contains(got, test.want) || !strings.Contains(got, test.id) || !strings.Contains(got, `"error"`) {
			t.Errorf("%s: got %s, want %s and %s", name, got, test.want, test.id)
		}
	}
	// None of it did harm.
	var count unread
	if err := ws.call("unread", nil, &count); err != nil {
		t.Errorf("the session after malformed calls: %v", err)
	}
}

func (s *suite) testOversize(t *testing.T) {
	ws := s.socket(t, person{admin: s.fresh()}, nil)
	// As much as is allowed …
	frame := `{"jsonrpc":"2.0","id":1000,"method":"unread","params":{}}`
	frame += strings.Repeat(" ", 64<<10-len(frame))
	if err := ws.send([]byte(frame)); err != nil {
		t.Fatal(err)
	}
	ws.await(t, "the answer to a frame of 64 KiB", func(p push) bool { return p.name == "reply" })
	// … and one byte more.
	if err := ws.send([]byte(frame + " ")); err != nil {
		t.Fatal(err)
	}
	if code := closeCode(ws.awaitEnd(t, patience)); code != websocket.CloseMessageTooBig {
		t.Errorf("closed with %d, want 1009", code)
	}
}

func (s *suite) testFlood(t *testing.T) {
	p := person{admin: s.fresh()}
	flooder, bystander := s.socket(t, p, nil), s.socket(t, p, nil)
	for range 100_000 {
		if flooder.send([]byte(`{"jsonrpc":"2.0","id":9,"method":"unread"}`)) != nil {
			break
		}
	}
	if code := closeCode(flooder.awaitEnd(t, patience)); code != 4004 {
		t.Errorf("closed with %d, want 4004", code)
	}
	s.post(t, notice("flood-"+p.admin, "admin:"+p.admin))
	bystander.awaitEntry(t, "admin:"+p.admin, "flood-"+p.admin)
}
