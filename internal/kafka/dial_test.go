package kafka

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// A broker that hangs has read nothing when the client gives up: what it finds later
// must not be a request to append.
func TestWhatWasGivenUpDoesNotArriveLater(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	d := &dialer{net.Dialer{Timeout: dialTimeout}, produceTimeout}
	conn, err := d.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	_ = conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := conn.Write(make([]byte, 64<<20)); !isTimeout(err) {
		t.Fatalf("the far end takes everything: %v", err)
	}
	_ = conn.Close()
	if _, err := io.Copy(io.Discard, far); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the far end reads on to %v, want a reset", err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
