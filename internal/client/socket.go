package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/internal/hub"
)

// Subprotocol is the WebSocket subprotocol that the client speaks.
const Subprotocol = "bongsu.v1.json"

const (
	writeTimeout = 10 * time.Second
	// A connection that has been silent for this many heartbeats is dead.
	silentBeats = 3
)

// socket is a link over WebSocket.
type socket struct {
	conn    *websocket.Conn
	pool    *Pool
	silence time.Duration // how long nothing may come; 0 is without limit
	// deadline is the read deadline set last; only the reader uses it.
	deadline time.Time
	writing  sync.Mutex // one writer at a time
}

// openSocket shakes hands with the hub at address and makes the connect call.
func openSocket(ctx context.Context, c *Client, address, token string) (link, *Session, error) {
	dialer := websocket.Dialer{
		NetDialContext:   c.opts.Dial,
		Proxy:            http.ProxyFromEnvironment,
		TLSClientConfig:  c.opts.TLS,
		HandshakeTimeout: c.opts.ConnectTimeout,
		ReadBufferSize:   c.opts.ReadBuffer,
		WriteBufferSize:  1024,
		WriteBufferPool:  &c.opts.Pool.writes,
		Subprotocols:     []string{Subprotocol},
	}
	conn, response, err := dialer.DialContext(ctx, address, c.opts.Header)
	if err != nil {
		return nil, nil, refused(err, response)
	}
	conn.SetReadLimit(c.opts.MaxMessage)
	s := &socket{conn: conn, pool: c.opts.Pool}
	// A context that ends here must not leave the read below waiting.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	session, err := s.begin(ctx, token, c.Cursor())
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			err = hub.Unavailablef("client: no answer to connect: %w", ctx.Err())
		}
		return nil, nil, err
	}
	s.watch(session.HeartbeatMs)
	return s, session, nil
}

// refused turns a failed handshake into an error that keeps the hub's words.
func refused(err error, response *http.Response) error {
	if response == nil {
		return hub.Unavailablef("client: %w", err)
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1024)) // what came is enough for a message
	_ = response.Body.Close()
	return &Closed{Code: response.StatusCode, Reason: strings.TrimSpace(string(text))}
}

type connectParams struct {
	Token  string     `json:"token"`
	Cursor hub.Cursor `json:"cursor,omitempty"`
}

// begin makes the connect call, whose id is 0, and reads its answer, the first
// message that the hub sends.
func (s *socket) begin(ctx context.Context, token string, cursor hub.Cursor) (*Session, error) {
	call, err := encodeCall(0, "connect", connectParams{token, cursor})
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = s.conn.SetReadDeadline(deadline) // fails only on a closed connection, which the read reports
	}
	if err := s.write(call); err != nil {
		return nil, err
	}
	_, frame, err := s.conn.ReadMessage()
	if err != nil {
		return nil, ending(err)
	}
	var answer message
	if err := json.Unmarshal(frame, &answer); err != nil {
		return nil, fmt.Errorf("client: the answer to connect is not JSON-RPC: %w", err)
	}
	if answer.Error != nil {
		return nil, errors.Join(answer.Error, s.lastWord())
	}
	session := &Session{}
	if answer.ID == nil || *answer.ID != 0 {
		return nil, errors.New("client: the hub's first message is not the answer to connect")
	}
	if err := json.Unmarshal(answer.Result, session); err != nil {
		return nil, fmt.Errorf("client: the answer to connect: %w", err)
	}
	return session, nil
}

// lastWord waits shortly for the close code that follows a refused connect.
func (s *socket) lastWord() error {
	_ = s.conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _, err := s.conn.ReadMessage()
	var closed *Closed
	if errors.As(ending(err), &closed) {
		return closed
	}
	return nil
}

// watch sets the deadline by which the hub must be heard: a few heartbeats, each of
// them a ping or a message. A hub that has no heartbeat may be silent for ever.
func (s *socket) watch(heartbeatMs int64) {
	_ = s.conn.SetReadDeadline(time.Time{}) // ends the one of the connect call
	s.silence = silentBeats * time.Duration(heartbeatMs) * time.Millisecond
	s.heard()
	s.conn.SetPingHandler(func(data string) error {
		s.heard()
		err := s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
		var timeout net.Error
		if errors.Is(err, websocket.ErrCloseSent) || errors.As(err, &timeout) {
			return nil // the read that is under way tells more
		}
		return err
	})
}

// heard moves the deadline, but not for every message: that would cost as much as
// reading it.
func (s *socket) heard() {
	deadline := time.Now().Add(s.silence)
	if s.silence > 0 && deadline.Sub(s.deadline) > s.silence/16 {
		s.deadline = deadline
		_ = s.conn.SetReadDeadline(deadline) // fails only on a closed connection, which the read reports
	}
}

func (s *socket) next(c *Client, h Handler) error {
	_, r, err := s.conn.NextReader()
	if err != nil {
		return ending(err)
	}
	s.heard()
	b := s.pool.get()
	defer s.pool.put(b)
	if err := b.readAll(r); err != nil {
		return ending(err)
	}
	return c.dispatch(h, b.bytes)
}

func (s *socket) write(frame []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := s.conn.WriteMessage(websocket.TextMessage, frame); err != nil {
		return hub.Unavailablef("client: %w", err)
	}
	return nil
}

func (s *socket) close(polite bool) {
	if polite {
		bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = s.conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second)) // a courtesy
	} else if tcp, ok := s.conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset: nothing is sent and no port is kept waiting
	}
	_ = s.conn.Close()
}

// ending turns a read error into a *Closed where the hub gave a code.
func ending(err error) error {
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return &Closed{Code: closed.Code, Reason: closed.Text}
	}
	return hub.Unavailablef("client: %w", err)
}
