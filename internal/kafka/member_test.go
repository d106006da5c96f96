package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func (l *lines) log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func of(cfg Config, fingerprint string) Config {
	cfg.Fingerprint = fingerprint
	return cfg
}

// A node with the wrong secret would take its share of the partitions, and
// nobody could reach it there. One name may be in both clusters.
func TestAMemberOfAnotherClusterGetsNothingAndTakesNothing(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(4, "t"))
	a := startWatch(t, of(named(cfg, "node"), "ours"), nil)
	eventually(t, "a has all", a.has(4))
	generation := cluster.GroupInfo("g").Epoch
	var said lines
	stranger := startLogged(t, of(named(cfg, "node"), "theirs"), nil, said.log())
	eventually(t, "the stranger is told", func() bool { return said.count("level=ERROR") == 1 })
	time.Sleep(strangersPause + 500*time.Millisecond) // in which it tries again
	if _, began, _ := a.state(); began != 4 || !a.has(4)() || cluster.GroupInfo("g").Epoch != generation {
		t.Errorf("%d claims began, generation %d after %d: the stranger has an effect", began, cluster.GroupInfo("g").Epoch, generation)
	}
	if _, began, given := stranger.state(); began != 0 || given != -1 {
		t.Errorf("the stranger has begun %d claims and is given %d", began, given)
	}
	if n := said.count("level=ERROR"); n != 1 {
		t.Errorf("said %d times in a few seconds", n)
	}
	if removed, err := Evict(t.Context(), of(cfg, "theirs"), []string{"g"}, "node"); err != nil || removed != 0 {
		t.Errorf("strangers removed %d members: %v", removed, err)
	}
	a.stop()
	eventually(t, "the group is free for others", stranger.has(4))
}
