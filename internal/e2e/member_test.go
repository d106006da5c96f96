//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/internal/checker"
)

// member is one person of a fleet: connected all the time, resuming with its
// cursor whenever the connection ends, and writing down what it is told.
type member struct {
	person
	token string
	addr  string
	sse   bool
	// spoil changes what is written down of an entry: a test of the test.
	spoil func(nth int, step checker.Step) []checker.Step

	mu       sync.Mutex
	steps    []checker.Step
	cursor   map[string]uint64
	lastID   string // of the SSE stream
	sessions int
	received int
	online   bool
	conn     io.Closer
	stopped  bool
}

// told is any message of the server over either transport.
type told struct {
	Method string          `json:"method"`
	Result *welcome        `json:"result"`
	Error  *callError      `json:"error"`
	Params json.RawMessage `json:"params"`
}

// run keeps the member connected until stop.
func (m *member) run() {
	connect := m.overSocket
	if m.sse {
		connect = m.overEvents
	}
	for !m.isStopped() {
		// The end of a connection is no event: the cursor says where to go on.
		_ = connect()
		m.setOnline(nil)
		time.Sleep(50*time.Millisecond + rand.N(150*time.Millisecond))
	}
}

func (m *member) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	if m.conn != nil {
		_ = m.conn.Close()
	}
}

func (m *member) isStopped() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stopped
}

// setOnline notes the connection, nil for none, and reports whether it may go on.
func (m *member) setOnline(conn io.Closer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conn = conn
	if conn == nil {
		m.online = false
	}
	return !m.stopped
}

func (m *member) overSocket() error {
	dialer := websocket.Dialer{Subprotocols: []string{"bongsu.v1.json"}, HandshakeTimeout: 5 * time.Second, ReadBufferSize: 1024}
	conn, _, err := dialer.Dial("ws://"+m.addr+"/ws", nil)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if !m.setOnline(conn) {
		return nil
	}
	m.mu.Lock()
	params := map[string]any{"token": m.token}
	if len(m.cursor) > 0 {
		params["cursor"] = maps.Clone(m.cursor)
	}
	m.mu.Unlock()
	if err := conn.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "connect", "params": params}); err != nil {
		return err
	}
	for {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // heartbeats come sooner
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		var message told
		if err := json.Unmarshal(frame, &message); err != nil {
			return fmt.Errorf("%w in %s", err, frame)
		}
		switch {
		case message.Error != nil:
			return message.Error
		case message.Result != nil:
			m.joined(message.Result)
		default:
			if err := m.told(message.Method, message.Params); err != nil {
				return err
			}
		}
	}
}

func (m *member) overEvents() error {
	m.mu.Lock()
	lastID := m.lastID
	m.mu.Unlock()
	req, err := http.NewRequest(http.MethodGet, "http://"+m.addr+"/notifications?"+url.Values{"access_token": {m.token}}.Encode(), nil)
	if err != nil {
		return err
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	// A transport of its own: as with a browser, one connection ends with its stream.
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	if !m.setOnline(res.Body) {
		return nil
	}
	lines := bufio.NewReaderSize(res.Body, 4<<10)
	name, id, data := "", "", ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data += value
		case "":
			if data != "" {
				if err := m.event(name, id, data); err != nil {
					return err
				}
			}
			name, data = "", ""
		}
	}
}

// event takes in one event of an SSE stream.
func (m *member) event(name, id, data string) error {
	if id != "" {
		m.mu.Lock()
		m.lastID = id
		m.mu.Unlock()
	}
	switch name {
	case "connect":
		var w welcome
		if err := json.Unmarshal([]byte(data), &w); err != nil {
			return err
		}
		m.joined(&w)
		return nil
	case "":
		name = "entry"
	}
	return m.told(name, []byte(data))
}

// joined writes down where a new session says that the streams stand.
func (m *member) joined(w *welcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range w.Streams {
		m.steps = append(m.steps, checker.Step{Kind: checker.Joined, Stream: s.Stream, Seq: s.Head})
		if _, known := m.cursor[s.Stream]; !known {
			m.cursor[s.Stream] = s.Head
		}
	}
	m.sessions++
	m.online = true
}

// told writes down a push.
func (m *member) told(method string, params []byte) error {
	if method != "entry" && method != "gap" {
		return nil
	}
	var p struct {
		Stream   string
		Seq      uint64
		ID       string
		From, To uint64
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return fmt.Errorf("%w in %s", err, params)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if method == "gap" {
		m.steps = append(m.steps, checker.Step{Kind: checker.Announced, Stream: p.Stream, From: p.From, To: p.To})
		m.cursor[p.Stream] = p.To
		return nil
	}
	step := checker.Step{Kind: checker.Received, Stream: p.Stream, Seq: p.Seq, ID: p.ID}
	m.received++
	m.cursor[p.Stream] = p.Seq
	if m.spoil == nil {
		m.steps = append(m.steps, step)
		return nil
	}
	m.steps = append(m.steps, m.spoil(m.received, step)...)
	return nil
}

// report returns what the member has been told so far.
func (m *member) report() checker.Person {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Steps are only ever appended: the part that is there may be shared.
	return checker.Person{Name: m.admin, Steps: m.steps[:len(m.steps):len(m.steps)]}
}

// place returns how far the member has got in a stream.
func (m *member) place(stream string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor[stream]
}
