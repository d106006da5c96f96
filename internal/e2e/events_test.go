//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// events is one raw connection of server-sent events.
type events struct {
	*inbox
	cancel context.CancelFunc
}

// openEvents asks for the stream of events; refused is the answer when it is
// none, read whole.
func openEvents(addr, token string, header http.Header, query url.Values) (e *events, refused *answer, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/notifications?"+query.Encode(), nil)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer cancel()
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		return nil, &answer{Response: res, body: body}, err
	}
	e = &events{inbox: newInbox(), cancel: cancel}
	go e.read(res.Body)
	return e, nil, nil
}

// read parses the stream as the EventSource standard says.
func (e *events) read(body io.ReadCloser) {
	defer func() { _ = body.Close() }()
	lines := bufio.NewReaderSize(body, 64<<10)
	var name, id string
	var data []string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			e.end(err)
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			e.dispatch(name, id, data)
			name, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "":
			e.add(push{name: "heartbeat", body: json.RawMessage(value)})
		case "event":
			name = value
		case "data":
			data = append(data, value)
		case "id":
			id = value
		case "retry":
			e.add(push{name: "retry", body: json.RawMessage(value)})
		}
	}
}

func (e *events) dispatch(name, id string, data []string) {
	if len(data) == 0 {
		return
	}
	if name == "" {
		name = "entry"
	}
	e.add(push{name: name, cursor: id, body: json.RawMessage(strings.Join(data, "\n"))})
}

// awaitConnect waits for the first event and returns it.
func (e *events) awaitConnect(t *testing.T) welcome {
	t.Helper()
	p := e.await(t, "the connect event", func(p push) bool { return p.name == "connect" })
	var w welcome
	if err := json.Unmarshal(p.body, &w); err != nil {
		t.Fatalf("connect event: %v in %s", err, p.body)
	}
	return w
}

// lastID returns what EventSource would send as Last-Event-ID now.
func (e *events) lastID() string {
	pushes, _, _ := e.look()
	id := ""
	for _, p := range pushes {
		if p.cursor != "" {
			id = p.cursor
		}
	}
	return id
}

// events opens a session for the person over SSE; it is closed with t.
func (s *server) events(t *testing.T, p person, lastID string) *events {
	t.Helper()
	header := http.Header{}
	if lastID != "" {
		header.Set("Last-Event-ID", lastID)
	}
	e, refused, err := openEvents(s.addr, p.token(t), header, nil)
	if err != nil {
		t.Fatal(err)
	}
	if refused != nil {
		t.Fatalf("GET /notifications: %s: %s", refused.Status, refused.body)
	}
	t.Cleanup(e.cancel)
	e.awaitConnect(t)
	return e
}

// follower is a session over either transport.
type follower interface {
	awaitEntry(t *testing.T, stream, id string) entry
	awaitIDs(t *testing.T, stream string, ids ...string) []entry
	awaitGap(t *testing.T, stream string) gap
	awaitUnread(t *testing.T, what string, match func(unread) bool) unread
	entries(t *testing.T, stream string) []entry
}

// transports runs the test once for each transport; open gives a session of the
// person that resumes at the cursor, nil for the heads.
func (s *server) transports(t *testing.T, test func(t *testing.T, open func(p person, cursor map[string]uint64) follower)) {
	t.Run("ws", func(t *testing.T) {
		test(t, func(p person, cursor map[string]uint64) follower { return s.socket(t, p, cursor) })
	})
	t.Run("sse", func(t *testing.T) {
		test(t, func(p person, cursor map[string]uint64) follower { return s.events(t, p, cursorText(cursor)) })
	})
}

// cursorText writes a cursor as SSE's ids do.
func cursorText(cursor map[string]uint64) string {
	var parts []string
	for stream, seq := range cursor {
		parts = append(parts, fmt.Sprintf("%s=%d", stream, seq))
	}
	return strings.Join(parts, ",")
}
