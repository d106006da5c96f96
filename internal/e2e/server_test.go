//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	secret   = "acceptance-secret-of-at-least-32-bytes"
	audience = "bongsu-e2e"
	origin   = "https://admin.example.com"
	topic    = "BACKOFFICE-NOTIFICATIONS"

	// patience is how long a test waits for something that must happen. It is
	// long because the machines that run the suite are small and shared.
	patience = 20 * time.Second
	// readyWithin is how long a server may take to become ready.
	readyWithin = 60 * time.Second
)

// server is one `bongsu serve` with fixed ports and data, which can be stopped,
// killed and started again.
type server struct {
	addr  string // of HTTP
	kafka string // of the Kafka that it uses, embedded or not
	env   []string
	log   string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// newServer prepares a server on the parts; extra settings, NAME=value, win.
// It is not started yet; at the end of t it is killed if it still runs, and
// its log is shown if t failed.
func newServer(t *testing.T, p *parts, extra ...string) *server {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 2)
	s := &server{addr: ports[0], kafka: ports[1], log: filepath.Join(dir, "bongsu.log")}
	s.env = []string{
		"BONGSU_HTTP_ADDR=" + s.addr,
		"BONGSU_DATA_DIR=" + filepath.Join(dir, "data"),
		"BONGSU_KAFKA_INGRESS_TOPICS=" + topic,
		"BONGSU_AUTH_JWT_SECRET=" + secret,
		"BONGSU_AUTH_AUDIENCE=" + audience,
		"BONGSU_ALLOWED_ORIGINS=" + origin,
		"BONGSU_NODE_NAME=e2e",
		"BONGSU_KAFKA_EMBEDDED_ADDR=" + s.kafka,
		"BONGSU_DRAIN_WINDOW=1s",
	}
	if p.kafka != nil {
		s.kafka = p.kafka.Addr()
		s.env = append(s.env, "BONGSU_KAFKA_BROKERS="+s.kafka)
	}
	if p.dsn != "" {
		s.env = append(s.env, "BONGSU_CLICKHOUSE_DSN="+p.dsn)
	}
	s.env = append(s.env, extra...)
	t.Cleanup(func() {
		s.kill()
		s.checkLog(t)
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", s.logTail(25))
		}
	})
	return s
}

// start runs the process without waiting for it to be ready.
func (s *server) start(t *testing.T) {
	t.Helper()
	if err := s.spawn(); err != nil {
		t.Fatal(err)
	}
}

func (s *server) spawn() error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(*binaryFlag, "serve")
	cmd.Env = append(cleanEnv(), s.env...)
	cmd.Dir = filepath.Dir(s.log)
	cmd.Stdout, cmd.Stderr = log, log
	// A test that dies takes its servers with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start bongsu: %w", err)
	}
	exited := make(chan struct{})
	s.mu.Lock()
	s.cmd, s.exited = cmd, exited
	s.mu.Unlock()
	go func() {
		_ = cmd.Wait() // the state is read from cmd afterwards
		close(exited)
	}()
	return nil
}

// up starts the server and waits until it is ready.
func (s *server) up(t *testing.T) {
	t.Helper()
	s.start(t)
	s.waitReady(t)
}

func (s *server) waitReady(t *testing.T) {
	t.Helper()
	if err := s.ready(readyWithin); err != nil {
		t.Fatalf("%v; its log:\n%s", err, s.logTail(40))
	}
}

// ready waits until /readyz says yes.
func (s *server) ready(within time.Duration) error {
	_, exited := s.process()
	deadline := time.Now().Add(within)
	last := "no answer"
	for time.Now().Before(deadline) {
		select {
		case <-exited:
			return errors.New("the server has exited")
		case <-time.After(20 * time.Millisecond):
		}
		res, err := http.Get(s.url("/readyz"))
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if last = res.Status; res.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("not ready after %s: %s", within, last)
}

func (s *server) process() (*exec.Cmd, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd, s.exited
}

// kill ends the process as kill -9 does and waits until it is gone.
func (s *server) kill() {
	cmd, exited := s.process()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill() // fails only when it is gone already
	<-exited
}

// terminate sends SIGTERM, as a deploy does.
func (s *server) terminate(t *testing.T) {
	t.Helper()
	cmd, _ := s.process()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// exit waits for the process to end and returns its code.
func (s *server) exit(t *testing.T, within time.Duration) int {
	t.Helper()
	cmd, exited := s.process()
	select {
	case <-exited:
		return cmd.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("still running %s after it should have ended", within)
		return 0
	}
}

// checkLog fails the test where the server has panicked or raced, or has let its
// secret out.
func (s *server) checkLog(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		return // it was never started
	}
	for _, bad := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", secret} {
		if at := bytes.Index(text, []byte(bad)); at >= 0 {
			t.Errorf("the server's log has %q:\n%s", bad, text[at:min(len(text), at+4000)])
		}
	}
}

func (s *server) url(path string) string { return "http://" + s.addr + path }

func (s *server) logTail(lines int) string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// cleanEnv returns the environment without settings of a hub.
func cleanEnv() []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "BONGSU_") {
			env = append(env, pair)
		}
	}
	return env
}

// freePorts returns loopback addresses that nobody listens on, all different.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	addrs := make([]string, n)
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		addrs[i] = l.Addr().String()
	}
	return addrs
}
