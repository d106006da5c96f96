package cluster

import (
	"io"
	"testing"
	"time"
)

// A stop may overtake a leave: a node that is told to end while it is being reborn.
func TestLeavingAfterTheEndIsHarmless(t *testing.T) {
	g, err := newGossip(gossipConfig{
		id: "gone", bind: hostPort{"127.0.0.1", 0}, advertised: "127.0.0.1", key: make([]byte, SecretLen), wake: func() {}, log: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	g.stop()
	g.leave(time.Millisecond)
}
