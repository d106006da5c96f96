//go:build e2e

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAClockCanBeSetWrong builds a bongsu whose clock can be set, and reads the
// time from its log.
func TestAClockCanBeSetWrong(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "bongsu")
	if err := BuildBongsu(t.Context(), "../..", BuildConfig{Output: binary, Clock: true}); err != nil {
		t.Fatal(err)
	}
	node := &Node{
		Name: "n1", log: filepath.Join(dir, "bongsu.log"),
		command: func() *exec.Cmd { return exec.Command(binary, "serve") },
		env: []string{
			"BONGSU_DEV=true", "BONGSU_DATA_DIR=" + dir, "BONGSU_HTTP_ADDR=127.0.0.1:0",
			"BONGSU_KAFKA_EMBEDDED_ADDR=127.0.0.1:0", "BONGSU_DRAIN_WINDOW=0s",
		},
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Kill() })
	for deadline := time.Now().Add(readyWithin); node.logTail() == "" && time.Now().Before(deadline); {
		time.Sleep(askEvery)
	}
	if err := setClock(node, -20*365*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // the signal is not answered
	if err := node.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(node.log)
	for deadline := time.Now().Add(readyWithin); err == nil && time.Now().Before(deadline); text, err = os.ReadFile(node.log) {
		if strings.Contains(string(text), time.Now().AddDate(-20, 0, 0).Format("time=2006")) {
			return
		}
		time.Sleep(askEvery)
	}
	t.Errorf("nothing was logged 20 years ago: %s %v", text, err)
}
