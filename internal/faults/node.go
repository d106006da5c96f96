package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"bongsu/internal/testenv"
)

const (
	// readyWithin is how long a node may take to become fit for traffic, with
	// everything that it needs there.
	readyWithin = 60 * time.Second
	// askEvery is how often something that is awaited is looked at.
	askEvery = 25 * time.Millisecond
)

// Node is one `bongsu serve` with settings and a log of its own, which can be
// started, stopped, killed and suspended again and again. It is safe for use by
// several goroutines.
type Node struct {
	// Name is its BONGSU_NODE_NAME.
	Name string
	// Addr is the IP address under which others reach it, URL where clients do.
	Addr, URL string

	command func() *exec.Cmd // of the process, without settings
	env     []string
	log     string // the log's path

	mu      sync.Mutex
	process *exec.Cmd
	exited  <-chan struct{}
}

// Start starts the process and does not wait for it to be ready.
func (n *Node) Start() error {
	file, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // the process has its own
	command := n.command()
	command.Env = append(withoutSettings(os.Environ()), n.env...)
	command.Dir = filepath.Dir(n.log)
	command.Stdout, command.Stderr = file, file
	exited, err := testenv.StartChild(command)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process, n.exited = command, exited
	return nil
}

// withoutSettings drops what would set up a hub.
func withoutSettings(env []string) []string {
	var clean []string
	for _, pair := range env {
		if !strings.HasPrefix(pair, "BONGSU_") {
			clean = append(clean, pair)
		}
	}
	return clean
}

// PID returns the process's id, 0 if the node was never started.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return 0
	}
	return n.process.Process.Pid
}

// Running reports whether the process is there, even if it hangs.
func (n *Node) Running() bool {
	_, exited := n.current()
	select {
	case <-exited:
		return false
	default:
		return exited != nil
	}
}

func (n *Node) current() (*exec.Cmd, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process, n.exited
}

// signal sends the process a signal. One that has gone is not an error.
func (n *Node) signal(s syscall.Signal) error {
	process, exited := n.current()
	if process == nil {
		return nil
	}
	select {
	case <-exited:
		return nil
	default:
	}
	if err := process.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %s: %w", n.Name, s, err)
	}
	return nil
}

// Pause makes the process hang, its connections open, until Resume.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

// Kill ends the process as kill -9 does and returns when it is gone.
func (n *Node) Kill() error {
	if err := n.signal(syscall.SIGKILL); err != nil {
		return err
	}
	if _, exited := n.current(); exited != nil {
		<-exited
	}
	return nil
}

// Terminate ends the process as a deploy does. It must end by itself with code 0
// within the time, or is killed.
func (n *Node) Terminate(within time.Duration) error {
	if err := n.signal(syscall.SIGTERM); err != nil {
		return err
	}
	process, exited := n.current()
	if process == nil {
		return nil
	}
	select {
	case <-exited:
	case <-time.After(within):
		return errors.Join(fmt.Errorf("%s still runs %s after SIGTERM", n.Name, within), n.Kill())
	}
	if code := process.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with code %d after SIGTERM", n.Name, code)
	}
	return nil
}

// Ready reports whether the node says that it is fit for traffic.
func (n *Node) Ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	response, err := get(ctx, n.URL+"/readyz", "")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// AwaitReady waits until the node is fit for traffic.
func (n *Node) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	_, exited := n.current()
	for !n.Ready(ctx) {
		select {
		case <-exited:
			return fmt.Errorf("%s has ended; the end of its log:\n%s", n.Name, n.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s", n.Name, readyWithin)
		case <-time.After(askEvery):
		}
	}
	return nil
}

// logTail returns the last lines of the log.
func (n *Node) logTail() string {
	const most = 2000
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// complaints returns what a log must never hold, if this one does.
func (n *Node) complaints() []string {
	if n.PID() == 0 {
		return nil // it was never started
	}
	text, err := os.ReadFile(n.log)
	if err != nil {
		return []string{fmt.Sprintf("the log of %s cannot be read: %v", n.Name, err)}
	}
	var found []string
	for _, bad := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", jwtSecret, clusterSecret} {
		if at := bytes.Index(text, []byte(bad)); at >= 0 {
			found = append(found, fmt.Sprintf("the log of %s has %q: %.600s", n.Name, bad, text[at:]))
		}
	}
	return found
}
