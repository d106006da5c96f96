//go:build servers

package journal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bongsu/internal/await"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/internal/testenv"
)

// manyShards is what a journal has by default.
const manyShards = 64

// service watches how long the shards' records wait while the group changes.
type service struct {
	mu    sync.Mutex
	last  [manyShards]applied
	kept  time.Duration // the longest wait of a shard that stayed
	moved time.Duration // and of one that went to another member
	// movedAt is when the last moved shard's first record came to its new member.
	movedAt time.Time
	moves   int
}

// applied is when a shard's last record came, and to whom.
type applied struct {
	at time.Time
	by string
}

func (s *service) applied(by string, shard int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, last := time.Now(), s.last[shard]
	s.last[shard] = applied{now, by}
	if last.by == by {
		s.kept = max(s.kept, now.Sub(last.at))
		return
	}
	s.movedAt = now
	s.moves++
	if last.by != "" {
		s.moved = max(s.moved, now.Sub(last.at))
	}
}

// during returns what the shards waited while change was made, and 4 s after, and
// how long after it the last one came to its new member.
func (s *service) during(change func()) (kept, moved, took time.Duration, moves int) {
	s.mu.Lock()
	s.kept, s.moved, s.moves = 0, 0, 0
	for shard := range s.last {
		if time.Since(s.last[shard].at) > 2*time.Second {
			s.last[shard] = applied{} // with a member that is not watched
		}
	}
	s.mu.Unlock()
	change()
	start := time.Now()
	time.Sleep(4 * time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moves > 0 {
		took = s.movedAt.Sub(start)
	}
	return s.kept, s.moved, took, s.moves
}

// watched is the Handler of one member.
type watched struct {
	name    string
	service *service
	// told is written to when a shard comes or goes; nil for none.
	told io.Writer
}

func (w *watched) tell(format string, args ...any) {
	if w.told != nil {
		_, _ = fmt.Fprintf(w.told, format+"\n", args...)
	}
}

func (w *watched) Assigned(generation int32, shards []int32) {
	w.tell("assigned %d %d", generation, len(shards))
}

func (w *watched) Own(_ context.Context, shard, _ int32, _, _ int64) error {
	w.tell("own %d", shard)
	return nil
}

func (w *watched) Apply(_ context.Context, shard int32, records []hub.Record, _ int64) error {
	if len(records) > 0 {
		w.service.applied(w.name, shard)
	}
	return nil
}

func (w *watched) Release(_ context.Context, shard int32) { w.tell("release %d", shard) }

// member runs a member until the returned function is called.
func (s *service) member(t *testing.T, cfg kafka.Config, name string) (*Consumer, func()) {
	t.Helper()
	cfg.ClientID = name
	c := NewConsumer(cfg, manyShards, nil, testLog())
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := c.Run(ctx, &watched{name: name, service: s}); err != nil {
			t.Error(err)
		}
	})
	stop := sync.OnceFunc(func() {
		cancel()
		done.Wait()
	})
	t.Cleanup(stop)
	return c, stop
}

func testLog() *slog.Logger {
	if os.Getenv("BONGSU_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// many starts a Kafka with a journal of many shards that gets a record in each
// shard every 10 ms or so.
func many(t *testing.T) kafka.Config {
	t.Helper()
	_, cfg := manyOn(t)
	return cfg
}

// manyOn is many, and returns the Kafka as well.
func manyOn(t *testing.T) (*testenv.KafkaServer, kafka.Config) {
	t.Helper()
	k, err := testenv.Kafka(t.Context(), t.TempDir(), testLog())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Stop() })
	cfg := kafka.Config{Brokers: []string{k.Addr()}}
	if _, err := Ensure(t.Context(), cfg, manyShards, testLog()); err != nil {
		t.Fatal(err)
	}
	p, err := NewProducer(cfg, manyShards, nil, testLog())
	if err != nil {
		t.Fatal(err)
	}
	streams := map[int32]hub.Stream{}
	for i := 0; len(streams) < manyShards; i++ {
		stream := hub.MallStream(fmt.Sprint(i))
		streams[stream.Shard(manyShards)] = stream
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			records := make([]hub.Record, 0, manyShards)
			for _, stream := range streams {
				records = append(records, record(stream, fmt.Sprint(n)))
			}
			_ = p.Append(ctx, records)
			time.Sleep(10 * time.Millisecond)
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
		_ = p.Close()
	})
	return k, cfg
}

// process is a member in a process of its own, which can hang or die.
type process struct {
	cmd   *exec.Cmd
	lines chan string
}

// TestMemberProcess is no test but what a process runs.
func TestMemberProcess(t *testing.T) {
	name, addr := os.Getenv("BONGSU_MEMBER"), os.Getenv("BONGSU_MEMBER_KAFKA")
	if name == "" {
		t.Skip("runs in a process of its own")
	}
	c := NewConsumer(kafka.Config{Brokers: []string{addr}, ClientID: name}, manyShards, nil, testLog())
	out := &lockedWriter{w: os.Stdout}
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			shards := c.Lag()
			for shard := range shards {
				shards[shard] = 0
			}
			if len(shards) == 0 {
				continue
			}
			if err := c.Commit(shards); err != nil {
				_, _ = fmt.Fprintln(out, "refused", err)
			} else {
				_, _ = fmt.Fprintln(out, "committed")
			}
		}
	}()
	_ = c.Run(context.Background(), &watched{name: name, service: &service{}, told: out})
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func startProcess(t *testing.T, cfg kafka.Config, name string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestMemberProcess$")
	cmd.Env = append(os.Environ(), "BONGSU_MEMBER="+name, "BONGSU_MEMBER_KAFKA="+cfg.Brokers[0])
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, lines: make(chan string, 100_000)}
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			p.lines <- scan.Text()
		}
		close(p.lines)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return p
}

// wait returns the next line that begins so.
func (p *process) wait(t *testing.T, prefix string) string {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line := <-p.lines:
			if strings.HasPrefix(line, prefix) {
				return line
			}
		case <-timeout:
			t.Fatalf("in vain for %q", prefix)
		}
	}
}

func TestServiceDuringRebalances(t *testing.T) {
	cfg := many(t)
	s := &service{}
	s.member(t, cfg, "a")
	s.member(t, cfg, "b")
	_, leave := s.member(t, cfg, "c")
	time.Sleep(8 * time.Second)
	say := func(what string, change func()) {
		kept, moved, took, moves := s.during(change)
		t.Logf("%-28s kept ≤ %-8v moved ≤ %-8v last first record after %-8v (%d moves)", what,
			kept.Round(time.Millisecond), moved.Round(time.Millisecond), took.Round(time.Millisecond), moves)
		// Far from what it takes on a machine of its own, and far below a time-out.
		if kept > time.Second || moved > 2*time.Second || took > 3*time.Second {
			t.Errorf("%s: too long", what)
		}
	}
	say("nothing", func() {})
	for range 2 {
		say("a member leaves", leave)
		say("a member joins", func() { _, leave = s.member(t, cfg, "c") })
	}
	leave()
	time.Sleep(3 * time.Second)
	evict := func() {
		if n, err := kafka.Find(t.Context(), cfg, []string{Group}, "p").Remove(t.Context()); err != nil || n != 1 {
			t.Error(n, err)
		}
	}
	p := startProcess(t, cfg, "p")
	p.wait(t, "own")
	time.Sleep(4 * time.Second)
	say("one hangs 2 s, is evicted", func() {
		_ = p.cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(2 * time.Second)
		evict()
	})
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	time.Sleep(4 * time.Second)
	say("one hangs at a join, evicted", func() {
		_ = p.cmd.Process.Signal(syscall.SIGSTOP)
		_, leave = s.member(t, cfg, "c")
		time.Sleep(2 * time.Second)
		evict()
	})
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
}

// A process that hangs is removed. When it wakes, what it commits is refused, its
// claims end at once, and it joins again.
func TestAProcessThatWakesAfterItsEviction(t *testing.T) {
	cfg := many(t)
	s := &service{}
	p := startProcess(t, cfg, "p")
	p.wait(t, "own")
	p.wait(t, "committed")
	survivor, _ := s.member(t, cfg, "a")
	p.wait(t, "release")
	p.wait(t, "assigned")
	const rounds = 5
	for round, refused := 1, 0; refused == 0; round++ {
		if round > rounds { // it may hear of its eviction before it commits, but not always
			t.Fatalf("no commit was refused in %d rounds", rounds)
		}
		time.Sleep(time.Second)
		if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		for len(p.lines) > 0 {
			<-p.lines
		}
		if n, err := kafka.Find(t.Context(), cfg, []string{Group}, "p").Remove(t.Context()); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		await.That(t, "the survivor has all", func() bool { return len(survivor.Lag()) == manyShards })
		if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		refused = p.wakes(t)
	}
}

// wakes watches a process of two that wakes after its eviction until it owns a shard
// again, and returns how many of its commits were refused before.
func (p *process) wakes(t *testing.T) (refused int) {
	t.Helper()
	start := time.Now()
	released, committed := 0, 0
	for {
		select {
		case line := <-p.lines:
			switch strings.Fields(line)[0] {
			case "release":
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("it released after %v", took)
				}
				released++
			case "committed":
				committed++
			case "refused":
				refused++
			case "own":
				if released != manyShards/2 {
					t.Errorf("it owns again when it has released %d of %d", released, manyShards/2)
				}
				if committed > 1 { // one may have been under way when it was stopped
					t.Errorf("%d commits were taken", committed)
				}
				return refused
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("it does not own again; %d shards are released, %d commits refused", released, refused)
		}
	}
}
