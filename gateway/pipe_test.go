package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/internal/hub"
)

// lines is a Protocol for tests: one line for everything.
type lines struct{}

func (lines) Name() string { return "lines" }

func (lines) AppendEntry(dst []byte, f *gateway.Frame, _ gateway.CursorText) []byte {
	return fmt.Appendf(dst, "entry %s %d\n", f.Entry.Stream, f.Entry.Seq)
}

func (lines) AppendEvent(dst []byte, name string, body []byte, _ gateway.CursorText) []byte {
	return fmt.Appendf(dst, "%s %s\n", name, body)
}

func (lines) TellsGaps() bool { return true }

func (lines) AppendHeartbeat(dst []byte) []byte { return append(dst, "heartbeat\n"...) }

func (lines) AppendClose(dst []byte, why gateway.Close) []byte {
	return fmt.Appendf(dst, "close %d\n", why.Code())
}

// client is the far end of a session: it keeps what was written to it.
type client struct {
	session *gateway.Session
	ended   chan struct{} // closed when the connection is

	mu     sync.Mutex
	some   sync.Cond
	text   bytes.Buffer
	lines  []string
	closed bool
	stalls bool
}

var _ net.Conn = (*client)(nil)

// dial makes a connection without a session.
func dial(t testing.TB, g *gateway.Gateway, answers bool) *client {
	t.Helper()
	if err := g.Admit(); err != nil {
		t.Fatal(err)
	}
	c := &client{ended: make(chan struct{})}
	c.some.L = &c.mu
	c.session = g.Accept(gateway.Accepted{Conn: c, Protocol: lines{}, Answers: answers})
	go func() { // the transport's reader
		_, _ = c.Read(nil)
		c.session.Gone()
	}()
	return c
}

// connect makes a connection and opens its session.
func connect(t testing.TB, g *gateway.Gateway, token string, cursor hub.Cursor) *client {
	t.Helper()
	c := dial(t, g, false)
	if err := c.open(token, cursor); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *client) open(token string, cursor hub.Cursor) error {
	return c.session.Connect(context.Background(), token, cursor, welcomeLine)
}

func welcomeLine(dst []byte, w gateway.Welcome, at gateway.CursorText) []byte {
	dst = fmt.Appendf(dst, "welcome %s unread %d at ", w.Me.Admin, w.Unread.Total)
	return append(at.AppendCursor(dst), '\n')
}

// Read blocks until the connection is closed: the client says nothing.
func (c *client) Read([]byte) (int, error) { <-c.ended; return 0, io.EOF }

// Write takes what the gateway writes, unless the client stalls.
func (c *client) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stalls && !c.closed {
		return 0, os.ErrDeadlineExceeded
	}
	if c.closed {
		return 0, net.ErrClosed
	}
	c.text.Write(p)
	for {
		line, err := c.text.ReadString('\n')
		if err != nil {
			c.text.WriteString(line)
			break
		}
		c.lines = append(c.lines, strings.TrimSuffix(line, "\n"))
	}
	c.some.Broadcast()
	return len(p), nil
}

func (c *client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.ended)
	}
	c.some.Broadcast()
	return nil
}

func (c *client) LocalAddr() net.Addr                { return &net.TCPAddr{} }
func (c *client) RemoteAddr() net.Addr               { return &net.TCPAddr{} }
func (c *client) SetDeadline(time.Time) error        { return nil }
func (c *client) SetWriteDeadline(t time.Time) error { return nil }

// SetReadDeadline is called after the farewell: the client answers at once.
func (c *client) SetReadDeadline(time.Time) error { return c.Close() }

// said returns the lines so far.
func (c *client) said() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.lines...)
}

// await returns the first line that begins with prefix, waiting for it.
func (c *client) await(t testing.TB, prefix string) string {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	timer := time.AfterFunc(10*time.Second, func() {
		c.mu.Lock() // not between a look at the clock and the wait
		defer c.mu.Unlock()
		c.some.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for _, line := range c.lines {
			if strings.HasPrefix(line, prefix) {
				return line
			}
		}
		if !time.Now().Before(end) {
			t.Fatalf("no line %q within 10 s; got %q", prefix, c.lines)
		}
		c.some.Wait()
	}
}

// entries returns the seqs that came of a stream.
func (c *client) entries(stream hub.Stream) []uint64 {
	var seqs []uint64
	for _, line := range c.said() {
		var seq uint64
		if n, _ := fmt.Sscanf(line, "entry "+string(stream)+" %d", &seq); n == 1 {
			seqs = append(seqs, seq)
		}
	}
	return seqs
}

func start(t testing.TB, o gateway.Options) (*gateway.Gateway, *gatewaytest.Core) {
	t.Helper()
	return gatewaytest.Start(t, o)
}
