package faults

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines is a writer that may be read at once.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestLogsAreFollowedLineByLineWithTheNodesName(t *testing.T) {
	node := &Node{Name: "n1", log: filepath.Join(t.TempDir(), "log")}
	appendTo := func(text string) {
		file, err := os.OpenFile(node.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	appendTo("long ago\n")
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := &lines{}, make(chan struct{})
	go func() {
		defer close(ended)
		(&Cluster{Nodes: []*Node{node}}).FollowLogs(ctx, out)
	}()
	waitFor := func(text string, try func()) {
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), text); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("followed only %q", out)
			}
			try()
		}
	}
	waitFor("begun", func() { appendTo("begun\n") }) // it has found the end of the log
	appendTo("first\nsec")
	time.Sleep(2 * followEvery) // half a line is not shown
	appendTo("ond\n")
	waitFor("second", func() {})
	cancel()
	<-ended
	if got := strings.ReplaceAll(out.String(), "n1 | begun\n", ""); got != "n1 | first\nn1 | second\n" {
		t.Errorf("followed %q", got)
	}
}
