package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/internal/client"
	"bongsu/internal/hub"
)

// server plays a hub: each connection is handled by the next of its scripts, the
// last one again and again.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	scripts []func(*peer)
	peers   int
}

// peer is the server's side of one connection after its connect call.
type peer struct {
	t       *testing.T
	conn    *websocket.Conn
	id      uint64
	connect struct {
		Token  string
		Cursor hub.Cursor
	}
}

func newServer(t *testing.T, scripts ...func(*peer)) *server {
	t.Helper()
	s := &server{scripts: scripts}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{client.Subprotocol}}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if conn.Subprotocol() != client.Subprotocol || r.URL.Path != "/ws" {
			t.Errorf("subprotocol %q at %s", conn.Subprotocol(), r.URL.Path)
		}
		p := &peer{t: t, conn: conn}
		p.id = p.expect("connect", &p.connect)
		s.next()(p)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) next() func(*peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	script := s.scripts[min(s.peers, len(s.scripts)-1)]
	s.peers++
	return script
}

func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peers
}

// expect reads a call and returns its id.
func (p *peer) expect(method string, params any) uint64 {
	var call struct {
		ID     uint64
		Method string
		Params json.RawMessage
	}
	if err := p.conn.ReadJSON(&call); err != nil {
		return 0 // the client has left
	}
	if call.Method != method {
		p.t.Errorf("got the call %q, want %q", call.Method, method)
	}
	if params != nil {
		if err := json.Unmarshal(call.Params, params); err != nil {
			p.t.Errorf("%s: %v", method, err)
		}
	}
	return call.ID
}

func (p *peer) send(format string, args ...any) {
	_ = p.conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)) // the client may have left
}

// accept answers the connect call: mall:1 stands at head, and these are the nodes.
func (p *peer) accept(head uint64, nodes ...string) {
	named := ""
	if len(nodes) > 0 {
		named = `,"nodes":["` + strings.Join(nodes, `","`) + `"]`
	}
	p.send(`{"jsonrpc":"2.0","id":%d,"result":{"session":"s1","node":"n1","heartbeatMs":25000,`+
		`"me":{"admin":"7","name":"Kim","malls":["1"],"partners":[]},`+
		`"streams":[{"stream":"mall:1","head":%d,"read":1,"unread":2}],"unread":{"total":2,"version":17}%s}}`, p.id, head, named)
}

func (p *peer) entry(stream string, seq uint64) {
	p.send(`{"jsonrpc":"2.0","method":"entry","params":{"stream":"%s","seq":%d,"id":"e%d","title":"안녕"}}`, stream, seq, seq)
}

func (p *peer) bye(code int, reason string) {
	_ = p.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Minute))
	p.wait()
}

// wait serves until the client leaves.
func (p *peer) wait() {
	for {
		if _, _, err := p.conn.NextReader(); err != nil {
			return
		}
	}
}

// ear writes down what a client delivers.
type ear struct{ heard chan string }

func newEar() *ear { return &ear{make(chan string, 1000)} }

func (e *ear) Entry(stream hub.Stream, seq uint64, raw []byte) {
	e.heard <- fmt.Sprintf("%s=%d", stream, seq)
	if !json.Valid(raw) {
		e.heard <- "not JSON: " + string(raw)
	}
}
func (e *ear) Unread(u client.Unread) { e.heard <- fmt.Sprintf("unread %d v%d", u.Total, u.Version) }
func (e *ear) Gap(g client.Gap) {
	e.heard <- fmt.Sprintf("gap %s %d-%d %s", g.Stream, g.From, g.To, g.Reason)
}

func (e *ear) State(s client.State) {
	switch {
	case s.Connected:
		e.heard <- "connected"
	case s.Retry > 0:
		e.heard <- "lost"
	default:
		e.heard <- "ended"
	}
}

// hears fails unless these come next.
func (e *ear) hears(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-e.heard:
			if got != w {
				t.Fatalf("heard %q, want %q", got, w)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("heard nothing, want %q", w)
		}
	}
}

// quick are options that reconnect at once.
func (s *server) quick() client.Options {
	return client.Options{
		URL:     s.URL,
		Token:   func(context.Context) (string, error) { return "token", nil },
		Backoff: client.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond},
	}
}

// follow dials and runs a client; the channel gives what Run returns.
func follow(t *testing.T, opts client.Options) (*client.Client, *ear, <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c, err := client.Dial(ctx, opts)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	ear, ended := newEar(), make(chan error, 1)
	go func() { ended <- c.Run(ctx, ear) }()
	t.Cleanup(func() {
		cancel()
		c.Close()
	})
	return c, ear, ended
}

func ends(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("Run goes on")
		return errors.New("unreachable")
	}
}
