//go:build e2e

package network

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestLinesAreCutAndMended needs root; a line that is cut is silent.
func TestLinesAreCutAndMended(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	n, err := Open(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if left, err := ours(); len(left) > 0 || err != nil || len(namespaces()) > 0 {
			t.Errorf("left behind: %v %v, %v", left, namespaces(), err)
		}
	})
	port := echo(t)
	reach := func() bool {
		out, err := n.Hosts()[0].Command("timeout", "1", "bash", "-c", "echo hello > /dev/tcp/"+Gateway+"/"+port).CombinedOutput()
		t.Logf("%s %v", out, err)
		return err == nil
	}
	if !reach() {
		t.Fatal("a fresh host does not reach the machine")
	}
	cut := Cut{From: n.Hosts()[0].Addr()}
	if err := n.Cut(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	if reach() {
		t.Error("a host that is cut off reaches the machine")
	}
	if err := n.Mend(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	if !reach() {
		t.Error("a host is still cut off after the mend")
	}
	if _, err := Open(t.Context(), 1); err == nil {
		t.Error("a second network was made beside the first")
	}
}

func echo(t *testing.T) string {
	listener, err := net.Listen("tcp", net.JoinHostPort(Gateway, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
