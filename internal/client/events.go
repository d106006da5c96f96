package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"bongsu/internal/hub"
)

// events is a link over SSE.
type events struct {
	lines   *bufio.Reader
	limit   int64
	pending []event // read before the connection was handed over

	end     context.CancelFunc
	conn    func() net.Conn
	silence time.Duration // how long nothing may come; 0 is without limit
}

// event is one server-sent event.
type event struct {
	name string
	data []byte
}

// openEvents asks the hub at address for the stream of events and reads its "connect".
func openEvents(ctx context.Context, c *Client, address, token string) (link, *Session, error) {
	// The request lives as long as the link: ctx guards only the opening.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	defer stop()
	e := &events{limit: c.opts.MaxMessage, end: end}
	body, err := e.request(life, c, address, token)
	if err != nil {
		end()
		return nil, nil, err
	}
	e.lines = bufio.NewReaderSize(body, max(c.opts.ReadBuffer, 16))
	session, err := e.begin()
	if err != nil {
		end()
		return nil, nil, err
	}
	return e, session, nil
}

func (e *events) request(life context.Context, c *Client, address, token string) (io.Reader, error) {
	request, err := http.NewRequestWithContext(life, http.MethodGet, address, nil)
	if err != nil {
		return nil, hub.Invalidf("client: %v", err)
	}
	if c.opts.Header != nil {
		request.Header = c.opts.Header.Clone()
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "text/event-stream")
	if cursor := c.Cursor(); len(cursor) > 0 {
		request.Header.Set("Last-Event-ID", cursor.String())
	}
	// A transport of its own: the connection is not shared, so that it can be cut.
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: c.opts.TLS,
		DialContext: e.remember(c.opts.Dial), DisableKeepAlives: true, DisableCompression: true,
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, hub.Unavailablef("client: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, refused(errors.New(response.Status), response)
	}
	return response.Body, nil
}

// remember keeps the connection that dial opens, for close.
func (e *events) remember(dial dialFunc) dialFunc {
	var mu sync.Mutex
	var opened net.Conn
	e.conn = func() net.Conn {
		mu.Lock()
		defer mu.Unlock()
		return opened
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		mu.Lock()
		defer mu.Unlock()
		opened = conn
		return conn, err
	}
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// begin reads up to the first event. It is "connect" from a hub that sends one
// and otherwise kept for next.
func (e *events) begin() (*Session, error) {
	first, err := e.read()
	if err != nil {
		return nil, err
	}
	session := &Session{}
	if first.name != "connect" {
		e.pending = append(e.pending, first)
		return session, nil
	}
	if err := json.Unmarshal(first.data, session); err != nil {
		return nil, fmt.Errorf("client: the connect event: %w", err)
	}
	e.silence = silentBeats * time.Duration(session.HeartbeatMs) * time.Millisecond
	return session, nil
}

// read returns the next event that has data. Comments, ids and retry times are
// passed over: the cursor is kept from the entries themselves.
func (e *events) read() (event, error) {
	var next event
	for {
		if e.silence > 0 {
			_ = e.conn().SetReadDeadline(time.Now().Add(e.silence)) // a failure shows in the read
		}
		line, err := e.line()
		if err != nil {
			return event{}, hub.Unavailablef("client: %w", err)
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(line) == 0 && next.data != nil:
			return next, nil
		case len(line) == 0:
			next = event{}
		case string(field) == "event":
			next.name = string(value)
		case string(field) == "data" && next.data != nil:
			next.data = append(append(next.data, '\n'), value...)
		case string(field) == "data":
			next.data = append([]byte{}, value...)
		}
		if int64(len(next.data)) > e.limit {
			return event{}, fmt.Errorf("client: an event is longer than %d bytes", e.limit)
		}
	}
}

// line returns the next line without its end.
func (e *events) line() ([]byte, error) {
	var whole []byte
	for {
		part, err := e.lines.ReadSlice('\n')
		if err == nil && whole == nil {
			return bytes.TrimRight(part, "\r\n"), nil
		}
		whole = append(whole, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(whole, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case int64(len(whole)) > e.limit:
			return nil, fmt.Errorf("a line is longer than %d bytes", e.limit)
		}
	}
}

func (e *events) next(c *Client, h Handler) error {
	var next event
	if len(e.pending) > 0 {
		next, e.pending = e.pending[0], nil
	} else {
		var err error
		if next, err = e.read(); err != nil {
			return err
		}
	}
	switch next.name {
	case "", "message":
		next.name = "entry"
	case "close":
		closed := &Closed{}
		if err := json.Unmarshal(next.data, closed); err != nil {
			return fmt.Errorf("client: the close event: %w", err)
		}
		return closed
	}
	return c.push(h, next.name, next.data)
}

func (e *events) write([]byte) error { return errNoCalls }

func (e *events) close(polite bool) {
	if tcp, ok := e.conn().(*net.TCPConn); ok && !polite {
		_ = tcp.SetLinger(0) // a reset, as a broken network gives
	}
	e.end()
}
