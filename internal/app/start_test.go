package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/actors"
)

// unused is a timeline that nobody asks.
type unused struct{ actors.Timeline }

func (unused) FlushEvery() time.Duration { return time.Second }

// assigned returns a node to which the group has given these shards, and no record yet.
func assigned(shards ...int32) *node {
	host := actors.NewHost(actors.Options{
		Shards: 4, Timeline: unused{}, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	host.Assigned(1, shards)
	return &node{parts: parts{host: host}}
}

func TestANodeIsNotReadyBeforeItHasCaughtUp(t *testing.T) {
	s := newServer(make(pipes), slog.New(slog.DiscardHandler))
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
	if answer.Code != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d before the doors are open", answer.Code)
	}
	if assigned(2).serving() == nil {
		t.Error("the doors open before the shard is caught up with")
	}
	if err := assigned().serving(); err != nil {
		t.Errorf("the doors of a node without shards stay closed: %v", err)
	}
}

func TestANodeThatWasReadyStaysSoUntilItStops(t *testing.T) {
	n := assigned(2) // a shard that it cannot catch up with now, as no other node could
	if err := n.fit(); err != nil {
		t.Errorf("it turns its clients away: %v", err)
	}
	n.stopping.Store(true)
	if n.fit() == nil {
		t.Error("it takes clients while it stops")
	}
}

// A node that tells nobody of its shards any more must not go on consuming them: while
// its clients are told to go they would be nobody's.
func TestTheShardsAreLeftThoughTheIngressIsNot(t *testing.T) {
	n := assigned()
	left := false
	n.parts.leave = []func(context.Context) error{
		func(ctx context.Context) error { return ctx.Err() }, // hangs until its time is over
		func(context.Context) error { left = true; return nil },
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.leaveGroups(ctx); err == nil || !left {
		t.Errorf("got %v; the journal's group was left: %v", err, left)
	}
	if n.serving() == nil {
		t.Error("the node answers still for what it let go")
	}
}
