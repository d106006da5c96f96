//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// socket is one raw WebSocket connection: it hides no frame and repairs nothing.
type socket struct {
	*inbox
	conn    *websocket.Conn
	welcome welcome

	mu      sync.Mutex // of writes and of what follows
	next    int
	replies map[string]chan reply
}

// reply is the answer to a call.
type reply struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *callError      `json:"error"`
}

// callError is a JSON-RPC error.
type callError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    struct {
		Temporary bool `json:"temporary"`
	} `json:"data"`
}

func (e *callError) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Message) }

// dial opens a socket and starts to read it, without connecting a session.
func dial(addr string, header http.Header) (*socket, *http.Response, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"bongsu.v1.json"}, HandshakeTimeout: patience}
	conn, res, err := dialer.Dial("ws://"+addr+"/ws", header)
	if err != nil {
		return nil, res, err
	}
	s := &socket{inbox: newInbox(), conn: conn, replies: map[string]chan reply{}}
	go s.read()
	return s, res, nil
}

// read sorts frames into replies and pushes until the connection ends.
func (s *socket) read() {
	for {
		_, frame, err := s.conn.ReadMessage()
		if err != nil {
			s.end(err)
			return
		}
		var head struct {
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
			reply
		}
		if err := json.Unmarshal(frame, &head); err != nil {
			s.end(fmt.Errorf("a frame that is no JSON: %w: %.100s", err, frame))
			return
		}
		if head.Method != "" {
			s.add(push{name: head.Method, body: head.Params})
			continue
		}
		s.mu.Lock()
		waiting := s.replies[string(head.ID)]
		s.mu.Unlock()
		if waiting != nil {
			waiting <- head.reply
			continue
		}
		s.add(push{name: "reply", body: frame})
	}
}

func (s *socket) send(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.WriteMessage(websocket.TextMessage, frame)
}

// call makes a call and waits for its answer, which it decodes into result. The
// error is a *callError when the server refused.
func (s *socket) call(method string, params, result any) error {
	s.mu.Lock()
	s.next++
	id := strconv.Itoa(s.next)
	waiting := make(chan reply, 1)
	s.replies[id] = waiting
	s.mu.Unlock()
	frame, err := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": json.RawMessage(id), "method": method, "params": params,
	})
	if err != nil {
		return err
	}
	if err := s.send(frame); err != nil {
		return err
	}
	select {
	case got := <-waiting:
		return got.decode(result)
	case <-s.done:
	case <-time.After(patience):
		return fmt.Errorf("no answer to %s", method)
	}
	select {
	case got := <-waiting: // it came just before the end
		return got.decode(result)
	default:
		_, _, ended := s.look()
		return ended
	}
}

func (r reply) decode(result any) error {
	if r.Error != nil {
		return r.Error
	}
	return json.Unmarshal(r.Result, result)
}

// connect is the first call.
func (s *socket) connect(token string, cursor map[string]uint64) error {
	params := map[string]any{"token": token}
	if cursor != nil {
		params["cursor"] = cursor
	}
	return s.call("connect", params, &s.welcome)
}

func (s *socket) close() { _ = s.conn.Close() }

// closeCode returns the code of a connection that ended with a close frame, and
// 0 of one that ended otherwise.
func closeCode(err error) int {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		return closed.Code
	}
	return 0
}

// socket opens a session for the person over WebSocket; it is closed with t.
func (s *server) socket(t *testing.T, p person, cursor map[string]uint64) *socket {
	t.Helper()
	ws := s.dial(t, nil)
	if err := ws.connect(p.token(t), cursor); err != nil {
		t.Fatalf("connect: %v", err)
	}
	return ws
}

// dial opens a socket without a session.
func (s *server) dial(t *testing.T, header http.Header) *socket {
	t.Helper()
	ws, res, err := dial(s.addr, header)
	if err != nil {
		t.Fatalf("dial: %v %s", err, statusOf(res))
	}
	t.Cleanup(ws.close)
	return ws
}

func statusOf(res *http.Response) string {
	if res == nil {
		return ""
	}
	return res.Status
}

// parseCursor reads a cursor's text form.
func parseCursor(t *testing.T, text string) map[string]uint64 {
	t.Helper()
	cursor := map[string]uint64{}
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(part, "=")
		seq, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatalf("cursor %q: %v", text, err)
		}
		cursor[name] = seq
	}
	return cursor
}
