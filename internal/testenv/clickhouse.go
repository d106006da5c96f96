package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const (
	clickHouseReady = 60 * time.Second
	clickHouseStop  = 30 * time.Second
	// clickHouseDatabase exists once a server is ready.
	clickHouseDatabase = "bongsu"
	clickHouseLog      = "clickhouse.log"
)

// ClickHouseServer is a ClickHouse of one node, on the loopback address if no other was asked for, with an
// empty database "bongsu" and a default user without a password. It dies with
// the process that started it. Its methods are not safe for use by several
// goroutines at once.
type ClickHouseServer struct {
	name   string // for people
	scheme string // of the DSN: the protocol that it speaks
	dir    string
	host   string
	port   int
	path   string // of the program
	args   []string
	env    []string // beside this process's own
	log    *slog.Logger

	process *os.Process
	exited  <-chan struct{}
}

// DSN returns the data source name for clickhouse-go, with the database and
// without a compression. It never changes.
func (c *ClickHouseServer) DSN() string { return c.dsn(clickHouseDatabase) }

func (c *ClickHouseServer) dsn(database string) string {
	return fmt.Sprintf("%s://%s:%d/%s", c.scheme, c.host, c.port, database)
}

// Start starts the server again on the same port and data, after Stop or Kill,
// and returns when it takes requests. The context is for the start only.
func (c *ClickHouseServer) Start(ctx context.Context) error {
	if c.process != nil {
		return fmt.Errorf("%s runs already", c.name)
	}
	logFile, err := os.OpenFile(filepath.Join(c.dir, clickHouseLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	server := exec.CommandContext(context.WithoutCancel(ctx), c.path, c.args...)
	server.Env = append(os.Environ(), c.env...)
	server.Stdout, server.Stderr = logFile, logFile
	exited, err := StartChild(server)
	_ = logFile.Close() // the server has its own
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.process, c.exited = server.Process, exited
	c.log.Info("started "+c.name, "dsn", c.DSN(), "dir", c.dir)
	if err := c.wait(ctx); err != nil {
		return errors.Join(err, c.Kill())
	}
	return nil
}

// wait waits until the server takes requests and has its database.
func (c *ClickHouseServer) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clickHouseReady)
	defer cancel()
	for {
		err := c.createDatabase(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("%s has ended: %s", c.name, c.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w", c.name, ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// logTail returns the end of the log, whose directory a test may remove.
func (c *ClickHouseServer) logTail() string {
	const limit = 2000
	text, err := os.ReadFile(filepath.Join(c.dir, clickHouseLog))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-limit):])
}

func (c *ClickHouseServer) createDatabase(ctx context.Context) error {
	options, err := clickhouse.ParseDSN(c.dsn("default"))
	if err != nil {
		return err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+clickHouseDatabase)
}

// Stop ends the server in an orderly way, paused or not, or kills it if that
// takes longer than 30 s. It does nothing if the server does not run.
func (c *ClickHouseServer) Stop() error { return c.end(syscall.SIGTERM) }

// Kill ends the server at once, as a crash does. It does nothing if the server
// does not run.
func (c *ClickHouseServer) Kill() error { return c.end(syscall.SIGKILL) }

// Close ends the server for good; its directory may be removed then. It waits
// for nothing to be written.
func (c *ClickHouseServer) Close() error { return c.Kill() }

func (c *ClickHouseServer) end(signal os.Signal) error {
	if c.process == nil {
		return nil
	}
	process, exited := c.process, c.exited
	c.process = nil
	// A paused process takes no signal but SIGKILL before it goes on.
	for _, s := range []os.Signal{signal, syscall.SIGCONT} {
		if err := process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	timer := time.AfterFunc(clickHouseStop, func() { _ = process.Kill() })
	defer timer.Stop()
	<-exited
	return nil
}

// Pause makes the server hang, its connections open, until Resume.
func (c *ClickHouseServer) Pause() error { return c.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (c *ClickHouseServer) Resume() error { return c.signal(syscall.SIGCONT) }

func (c *ClickHouseServer) signal(signal os.Signal) error {
	if c.process == nil {
		return fmt.Errorf("%s does not run", c.name)
	}
	return c.process.Signal(signal)
}

// sourcePath returns the path of a file that lies beside this one.
func sourcePath(name string) (string, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("testenv: the source directory is not known")
	}
	return filepath.Join(filepath.Dir(here), name), nil
}

// runInstaller runs a script that lies beside this file and returns the path
// that it prints.
func runInstaller(ctx context.Context, name string) (string, error) {
	path, err := sourcePath(name)
	if err != nil {
		return "", err
	}
	script := exec.CommandContext(ctx, "sh", path)
	var stderr bytes.Buffer
	script.Stderr = &stderr
	out, err := script.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
