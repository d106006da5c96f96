//go:build servers

package redis_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bongsu/gateway/redis"
	"bongsu/internal/testenv"
)

// password is asked for by the server.
var password string

type server struct {
	t     *testing.T
	redis *testenv.RedisServer
}

func startServer(t *testing.T) *server {
	t.Helper()
	debian, err := testenv.Redis(context.Background(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = debian.Kill() })
	_, rest, _ := strings.Cut(debian.URL(), "://:")
	password, _, _ = strings.Cut(rest, "@")
	return &server{t, debian}
}

func (s *server) url() string { return s.redis.URL() }

// publish returns how many clients have got the message.
func (s *server) publish(channel, text string) int {
	s.t.Helper()
	n, err := s.redis.Publish(context.Background(), channel, text)
	if err != nil {
		s.t.Fatal(err)
	}
	return int(n)
}

func (s *server) stop() {
	s.t.Helper()
	if err := s.redis.Kill(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) start() {
	s.t.Helper()
	if err := s.redis.Start(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

// A server that hangs holds its connection open.
func TestAServerThatHangsIsGivenUp(t *testing.T) {
	s := startServer(t)
	b := run(t, s, func(o *redis.Options) { o.PingEvery = 200 * time.Millisecond })
	if err := s.redis.Pause(); err != nil {
		t.Fatal(err)
	}
	b.logged("Redis is away")
	if err := s.redis.Resume(); err != nil {
		t.Fatal(err)
	}
	b.logged("Redis is back")
	b.publish("order", order(1, 1))
	b.await("mall:1", "order-1")
}
