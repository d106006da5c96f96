package gateway_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// nullConn is a connection to a nullSocket.
type nullConn struct {
	*client
	socket *nullSocket
}

func (c nullConn) SyscallConn() (syscall.RawConn, error) { return c.socket, nil }

// nullSocket takes everything: each write is one system call.
type nullSocket struct {
	fd    uintptr
	round *round
}

// round counts the writes of all sockets and says when each has had one.
type round struct {
	writes atomic.Int64
	done   chan struct{}
}

func (c *nullSocket) Control(f func(uintptr)) error { f(c.fd); return nil }

func (c *nullSocket) Read(func(uintptr) bool) error { return nil }

func (c *nullSocket) Write(f func(uintptr) bool) error {
	f(c.fd)
	if c.round.writes.Add(1)%benchSessions == 0 {
		c.round.done <- struct{}{}
	}
	return nil
}

const benchSessions = 10_000

// BenchmarkBroadcast is what the gateway itself costs when one entry goes to
// 10,000 sessions of three streams each. One operation is one delivery.
func BenchmarkBroadcast(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	g, core := start(b, gateway.Options{})
	all := &round{done: make(chan struct{}, 1)}
	for i := range benchSessions {
		if err := g.Admit(); err != nil {
			b.Fatal(err)
		}
		conn := nullConn{&client{ended: make(chan struct{})}, &nullSocket{null.Fd(), all}}
		s := g.Accept(gateway.Accepted{Conn: conn, Protocol: shared{}})
		token := fmt.Sprintf("%d mall:%d", i, i%500)
		if err := s.Connect(b.Context(), token, nil, welcomeLine); err != nil {
			b.Fatal(err)
		}
	}
	<-all.done // the welcomes
	b.ReportAllocs()
	b.ResetTimer()
	for sent := 0; sent < b.N; sent += benchSessions {
		core.Publish(hub.All, 1)
		<-all.done
	}
}

// shared is the lines protocol with entries encoded once, as real transports do.
type shared struct{ lines }

func (shared) AppendEntry(dst []byte, f *gateway.Frame, _ gateway.CursorText) []byte {
	return append(dst, f.Encoded(gateway.FormSocket, func(e *hub.Entry) []byte { return e.AppendJSON(nil) })...)
}
