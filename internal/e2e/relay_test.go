//go:build e2e

package e2e

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// relay is a network between a client and a node that can begin to swallow what
// either sends, so that each takes the other to be there.
type relay struct {
	listener net.Listener
	dead     atomic.Bool
}

// newRelay returns a relay to the address, until the test ends.
func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	r := &relay{listener: listener}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			node, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			t.Cleanup(func() { _ = client.Close(); _ = node.Close() })
			go r.pass(client, node)
			go r.pass(node, client)
		}
	}()
	return r
}

func (r *relay) addr() string { return r.listener.Addr().String() }

// swallow lets nothing through from now on.
func (r *relay) swallow() { r.dead.Store(true) }

func (r *relay) pass(from, to net.Conn) {
	if _, err := io.Copy(unlessDead{to, &r.dead}, from); err == nil && !r.dead.Load() {
		_ = to.Close()
	}
}

// unlessDead writes while its network lives.
type unlessDead struct {
	io.Writer
	dead *atomic.Bool
}

func (u unlessDead) Write(p []byte) (int, error) {
	if u.dead.Load() {
		return len(p), nil
	}
	return u.Writer.Write(p)
}
