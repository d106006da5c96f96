package cluster

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestAConnectionThatBrokeSaysNothingOfWhoMadeIt(t *testing.T) {
	for _, c := range []struct {
		err    error
		stated bool
	}{
		{errors.New("remote error: tls: bad certificate"), true},
		{errors.New("tls: first record does not look like a TLS handshake"), true},
		{io.EOF, false},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), false},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, false},
	} {
		var log records
		refusals(slog.New(slog.NewTextHandler(&log, nil)))(&net.TCPAddr{}, c.err)
		if stated := log.count("does not hold the cluster's secret") == 1; stated != c.stated {
			t.Errorf("%v: it is told: %t", c.err, stated)
		}
	}
}

func TestAMessageThatBrokeOffSaysNothingOfWhoSentIt(t *testing.T) {
	for line, stated := range map[string]bool{
		"[ERR] memberlist: Decrypt packet failed: No installed keys could decrypt the message": true,
		"[ERR] memberlist: Remote state is not encrypted from=10.0.0.9:7":                      true,
		"[ERR] memberlist: failed to receive and remove the stream label header: i/o timeout":  false,
		"[ERR] memberlist: failed to receive and remove the stream label header: EOF":          false,
		"[DEBUG] memberlist: Stream connection from=10.0.0.9:7":                                false,
	} {
		var log records
		g := &gossipLog{log: slog.New(slog.NewTextHandler(&log, nil))}
		if _, err := g.Write([]byte("2026/01/02 03:04:05 " + line + "\n")); err != nil {
			t.Fatal(err)
		}
		if got := log.count("does not hold the cluster's secret") == 1; got != stated {
			t.Errorf("%s: it is told: %t", line, got)
		}
	}
}
