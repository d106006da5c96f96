package cluster_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/cluster"
	"bongsu/internal/hub"
)

// echo answers every text with the stream's.
type echo struct{}

func (echo) Receive(ctx actor.Context) {
	if text, ok := ctx.Message().(string); ok && ctx.Sender() != nil {
		ctx.Respond(text + " back")
	}
}

// host owns streams as it is told.
type host struct {
	node *cluster.Node
	mu   sync.Mutex
	away bool
	pids map[hub.Stream]*actor.PID
}

func (h *host) Activate(stream hub.Stream) (*actor.PID, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away {
		return nil, hub.Unavailablef("not here")
	}
	if pid, ok := h.pids[stream]; ok {
		return pid, nil
	}
	pid, err := h.node.Spawn(stream)
	if err == nil {
		h.pids[stream] = pid
	}
	return pid, err
}

func newNode(t *testing.T, addr string) *cluster.Node {
	t.Helper()
	node, err := cluster.New(cluster.Options{
		RemoteAddr: addr, Producer: func() actor.Actor { return echo{} }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func started(t *testing.T) (*cluster.Node, *host) {
	t.Helper()
	node := newNode(t, "127.0.0.1:0")
	h := &host{node: node, pids: map[hub.Stream]*actor.PID{}}
	if err := node.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
	return node, h
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestRequestsReachTheActorOfEveryKindOfStream(t *testing.T) {
	node, h := started(t)
	for _, stream := range []hub.Stream{"all", "mall:1", "partner:1", "admin:a@b.c", "room:x"} {
		answer, err := node.Request(within(t, 5*time.Second), stream, "hello")
		if err != nil || answer != "hello back" {
			t.Errorf("%s: %v, %v", stream, answer, err)
		}
		if h.pids[stream] == nil {
			t.Errorf("%s has no actor of its own", stream)
		}
	}
	if _, err := node.Spawn("ghost:1"); !errors.Is(err, hub.ErrInvalid) {
		t.Errorf("Spawn = %v of a kind that is none", err)
	}
}

func TestARequestWaitsForAnOwnerAsLongAsItsContext(t *testing.T) {
	node, h := started(t)
	h.away = true
	if _, err := node.Request(within(t, 50*time.Millisecond), "mall:1", "hello"); !hub.Temporary(err) {
		t.Errorf("Request = %v without an owner, want a temporary error", err)
	}
	back := time.AfterFunc(50*time.Millisecond, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.away = false
	})
	defer back.Stop()
	if _, err := node.Request(within(t, 5*time.Second), "mall:1", "hello"); err != nil {
		t.Errorf("Request = %v although an owner came", err)
	}
}

func TestARequestIsMadeAgainWhenItsActorHasEnded(t *testing.T) {
	node, h := started(t)
	if _, err := node.Request(within(t, 5*time.Second), "mall:1", "hello"); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	old := h.pids["mall:1"]
	h.mu.Unlock()
	if err := node.System().Root.StopFuture(old).Wait(); err != nil {
		t.Fatal(err)
	}
	gone := time.AfterFunc(50*time.Millisecond, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.pids, "mall:1")
	})
	defer gone.Stop()
	start := time.Now()
	if _, err := node.Request(within(t, 5*time.Second), "mall:1", "hello"); err != nil || time.Since(start) > 3*time.Second {
		t.Errorf("Request = %v after %s", err, time.Since(start))
	}
}

func TestAnAddressThatIsTakenIsAnErrorAndNoPanic(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	node := newNode(t, taken.Addr().String())
	if err := node.Start(t.Context(), &host{}); err == nil {
		t.Error("started on an address that is taken")
	}
	node.Stop() // harmless
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, addr := range []string{"", "localhost", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1"} {
		if _, err := cluster.New(cluster.Options{RemoteAddr: addr, Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("New took the address %q", addr)
		}
	}
}
