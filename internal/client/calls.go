package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"bongsu/internal/hub"
)

// maxPending is how many calls may wait for an answer at once.
const maxPending = 1024

type call struct {
	Version string `json:"jsonrpc"`
	ID      uint64 `json:"id"`
	Method  string `json:"method"`
	Params  any    `json:"params,omitempty"`
}

func encodeCall(id uint64, method string, params any) ([]byte, error) {
	frame, err := json.Marshal(call{"2.0", id, method, params})
	if err != nil {
		return nil, fmt.Errorf("client: %s: %w", method, err)
	}
	return frame, nil
}

// Call makes any call of the protocol and decodes its result into result, unless
// that is nil. It blocks until the answer has come, which takes a running Run, or
// ctx ends. An error from the hub is an *Error; without a connection, or when it
// breaks before the answer, the error wraps hub.ErrUnavailable, and a call that
// changes something may have been carried out.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	id, answer, l, err := c.expect()
	if err != nil {
		return err
	}
	defer c.forget(id)
	frame, err := encodeCall(id, method, params)
	if err != nil {
		return err
	}
	if err := l.write(frame); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("client: %s: %w", method, ctx.Err())
	case m, ok := <-answer:
		if !ok {
			return hub.Unavailablef("client: %s: the connection was lost before the answer", method)
		}
		return m.decode(method, result)
	}
}

func (m *message) decode(method string, result any) error {
	if m.Error != nil {
		return fmt.Errorf("%s: %w", method, m.Error)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Result, result); err != nil {
		return fmt.Errorf("client: the answer to %s: %w", method, err)
	}
	return nil
}

// expect registers a call before it is sent.
func (c *Client) expect() (uint64, chan *message, link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return 0, nil, nil, ErrClosed
	case c.link == nil:
		return 0, nil, nil, hub.Unavailablef("client: not connected")
	case len(c.pending) >= maxPending:
		return 0, nil, nil, hub.Unavailablef("client: %d calls wait for their answer already", maxPending)
	}
	if c.pending == nil {
		c.pending = make(map[uint64]chan *message)
	}
	c.nextID++
	answer := make(chan *message, 1)
	c.pending[c.nextID] = answer
	return c.nextID, answer, c.link, nil
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// List returns a page of the timeline.
func (c *Client) List(ctx context.Context, query ListQuery) (Page, error) {
	var page Page
	err := c.Call(ctx, "timeline.list", query, &page)
	return page, err
}

// Read marks a stream as read up to and with seq and returns the new counts.
func (c *Client) Read(ctx context.Context, stream hub.Stream, seq uint64) (Unread, error) {
	var unread Unread
	params := struct {
		Stream hub.Stream `json:"stream"`
		Seq    uint64     `json:"seq"`
	}{stream, seq}
	err := c.Call(ctx, "timeline.read", params, &unread)
	return unread, err
}

// ReadAll marks every stream as read and returns the new counts.
func (c *Client) ReadAll(ctx context.Context) (Unread, error) {
	var unread Unread
	err := c.Call(ctx, "timeline.read", map[string]bool{"all": true}, &unread)
	return unread, err
}

// Unread returns the person's unread counts.
func (c *Client) Unread(ctx context.Context) (Unread, error) {
	var unread Unread
	err := c.Call(ctx, "unread", nil, &unread)
	return unread, err
}

// Refresh gives the session a new token in place of one that will expire.
func (c *Client) Refresh(ctx context.Context, token string) error {
	return c.Call(ctx, "refresh", map[string]string{"token": token}, nil)
}

// dispatch hands on one message. An error means that it is not JSON-RPC.
func (c *Client) dispatch(h Handler, frame []byte) error {
	if raw, stream, seq, ok := scanPush(frame); ok {
		c.deliver(h, stream, seq, raw)
		return nil
	}
	if c.opts.SkipUnread && bytes.HasPrefix(frame, []byte(unreadHead)) {
		return nil
	}
	var m message
	if err := json.Unmarshal(frame, &m); err != nil {
		return fmt.Errorf("client: a message is not JSON-RPC: %w", err)
	}
	if m.Method == "" {
		c.answer(&m)
		return nil
	}
	return c.push(h, m.Method, m.Params)
}

// push hands on a notification. Unknown ones are ignored: the protocol may add some.
func (c *Client) push(h Handler, method string, params []byte) error {
	switch method {
	case "entry":
		stream, seq, err := parseEntry(params)
		if err != nil {
			return fmt.Errorf("client: an entry: %w", err)
		}
		c.deliver(h, stream, seq, params)
	case "unread":
		var unread Unread
		if err := json.Unmarshal(params, &unread); err != nil {
			return fmt.Errorf("client: unread counts: %w", err)
		}
		h.Unread(unread)
	case "gap":
		var gap Gap
		if err := json.Unmarshal(params, &gap); err != nil {
			return fmt.Errorf("client: a gap: %w", err)
		}
		h.Gap(gap)
		c.move(gap.Stream, gap.To)
	}
	return nil
}

// answer wakes the call that waits for m. m owns its bytes: encoding/json copies a
// RawMessage.
func (c *Client) answer(m *message) {
	if m.ID == nil {
		return
	}
	c.mu.Lock()
	waiting := c.pending[*m.ID]
	delete(c.pending, *m.ID)
	c.mu.Unlock()
	if waiting != nil {
		waiting <- m
	}
}
