package testenv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	redisReady = 20 * time.Second
	redisStop  = 10 * time.Second
)

// RedisServer is Debian's Redis on the loopback address, with a password and
// without persistence. It dies with the process that started it. Its methods are
// not safe for use by several goroutines at once.
type RedisServer struct {
	dir, root string
	port      int
	log       *slog.Logger

	process *os.Process
	exited  <-chan struct{}
}

// redisPassword is asked for by every server.
const redisPassword = "testenv-secret"

// Redis installs Redis if need be, starts it with its log file, redis.log, in
// dir, and returns when it takes requests. It needs Debian's apt the first time.
func Redis(ctx context.Context, dir string, log *slog.Logger) (*RedisServer, error) {
	root, err := runInstaller(ctx, "install-redis.sh")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(loopback, 1)
	if err != nil {
		return nil, err
	}
	r := &RedisServer{dir: dir, root: root, port: ports[0], log: log}
	return r, r.Start(ctx)
}

// Addr returns the address for clients. It never changes.
func (r *RedisServer) Addr() string { return fmt.Sprintf("%s:%d", loopback, r.port) }

// URL returns the address with the password, as clients take it.
func (r *RedisServer) URL() string { return fmt.Sprintf("redis://:%s@%s/0", redisPassword, r.Addr()) }

// Start starts the server again on the same address, after Stop or Kill, and
// returns when it takes requests. The context is for the start only.
func (r *RedisServer) Start(ctx context.Context) error {
	if r.process != nil {
		return errors.New("Redis runs already")
	}
	libraries, err := libraryPath(r.root)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(r.dir, "redis.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	server := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(r.root, "usr/bin/redis-server"),
		"--bind", loopback, "--port", strconv.Itoa(r.port), "--dir", r.dir,
		"--save", "", "--appendonly", "no", "--requirepass", redisPassword)
	server.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries)
	server.Stdout, server.Stderr = logFile, logFile
	exited, err := StartChild(server)
	_ = logFile.Close() // the server has its own
	if err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	r.process, r.exited = server.Process, exited
	r.log.Info("started Redis", "addr", r.Addr(), "dir", r.dir)
	if err := r.wait(ctx); err != nil {
		return errors.Join(err, r.Kill())
	}
	return nil
}

// wait waits until the server takes requests.
func (r *RedisServer) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisReady)
	defer cancel()
	for {
		err := r.do(func(client *redis.Client) error { return client.Ping(ctx).Err() })
		if err == nil {
			return nil
		}
		select {
		case <-r.exited:
			return fmt.Errorf("Redis has ended; see redis.log in %s", r.dir)
		case <-ctx.Done():
			return fmt.Errorf("Redis is not ready: %w: %w", ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Publish publishes a message, as a service would, and returns how many clients
// have got it.
func (r *RedisServer) Publish(ctx context.Context, channel, message string) (listeners int64, err error) {
	err = r.do(func(client *redis.Client) error {
		listeners, err = client.Publish(ctx, channel, message).Result()
		return err
	})
	return listeners, err
}

func (r *RedisServer) do(call func(*redis.Client) error) error {
	options, err := redis.ParseURL(r.URL())
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	return call(client)
}

// Stop ends the server in an orderly way, or kills it if that takes too long.
func (r *RedisServer) Stop() error { return r.end(syscall.SIGTERM) }

// Kill ends the server at once, as a crash does.
func (r *RedisServer) Kill() error { return r.end(syscall.SIGKILL) }

func (r *RedisServer) end(signal os.Signal) error {
	if r.process == nil {
		return nil
	}
	process, exited := r.process, r.exited
	r.process = nil
	if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.AfterFunc(redisStop, func() { _ = process.Kill() })
	defer timer.Stop()
	<-exited
	return nil
}

// Pause makes the server hang, its connections open, until Resume.
func (r *RedisServer) Pause() error { return r.process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (r *RedisServer) Resume() error { return r.process.Signal(syscall.SIGCONT) }
