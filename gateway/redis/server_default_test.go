//go:build !servers

package redis_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// password is asked for by the server.
const password = "s3cr3t"

type server struct {
	t    *testing.T
	mini *miniredis.Miniredis
	addr string
}

func startServer(t *testing.T) *server {
	t.Helper()
	mini := miniredis.RunT(t)
	mini.RequireAuth(password)
	return &server{t, mini, mini.Addr()}
}

func (s *server) url() string { return "redis://:" + password + "@" + s.addr }

// publish returns how many clients have got the message.
func (s *server) publish(channel, text string) int { return s.mini.Publish(channel, text) }

func (s *server) stop() { s.mini.Close() }

func (s *server) start() {
	s.t.Helper()
	if err := s.mini.Restart(); err != nil {
		s.t.Fatal(err)
	}
}
