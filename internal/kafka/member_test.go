package kafka

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/await"
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
	await.That(t, "a has all", a.has(4))
	generation := cluster.GroupInfo("g").Epoch
	var said lines
	stranger := startLogged(t, of(named(cfg, "node"), "theirs"), nil, said.log())
	await.That(t, "the stranger is told", func() bool { return said.count("level=ERROR") == 1 })
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
	if removed, err := Find(t.Context(), of(cfg, "theirs"), []string{"g"}, "node").Remove(t.Context()); err != nil || removed != 0 {
		t.Errorf("strangers removed %d members: %v", removed, err)
	}
	a.stop()
	await.That(t, "the group is free for others", stranger.has(4))
}

// A partition can be taken away before its claim has begun: while its holder
// still asks where to start, and for longer than the group waits.
func TestWhatWasTakenAwayBeforeItBeganIsNotClaimed(t *testing.T) {
	cluster, cfg := cluster(t, kfake.SeedTopics(2, "t"))
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	var second atomic.Bool
	cluster.ControlKey(int16(kmsg.OffsetFetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		if second.CompareAndSwap(false, true) {
			asked <- struct{}{}
			cluster.SleepControl(func() { <-answer })
		}
		return nil, nil, false
	})
	a := startWatch(t, named(cfg, "a"), nil)
	receive(t, asked)
	b := startWatch(t, named(cfg, "b"), nil)
	await.That(t, "b has one", b.has(1))
	var lost int32
	b.mu.Lock()
	for id := range b.running {
		lost = id
	}
	b.mu.Unlock()
	close(answer)
	await.That(t, "a has the other", a.has(1))
	if err := a.group.Commit("t", map[int32]int64{lost: 0}); !errors.Is(err, ErrNoSession) {
		t.Errorf("committed what is another's: %v", err)
	}
	if _, began, _ := a.state(); began != 1 {
		t.Errorf("%d claims began", began)
	}
}
