// Command testenv runs one of the servers that tests run against, for trying
// things by hand and from scripts. It prints the server's address on a line of
// its own once that takes requests, and stops it on SIGINT or SIGTERM.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"bongsu/internal/testenv"
)

type command struct {
	Kafka        kafka        `cmd:"" help:"Apache Kafka. Prints host:port."`
	Clickhouse   clickhouse   `cmd:"" help:"A current ClickHouse, over HTTP. Prints the data source name."`
	Clickhouse18 clickhouse18 `cmd:"" name:"clickhouse18" help:"ClickHouse 18.16, over its native protocol. Prints the data source name."`
	Redis        redis        `cmd:"" help:"Debian's Redis. Prints its URL."`

	Dir string `help:"Directory for data and logs, kept at the end. A temporary one, removed at the end, if not given." type:"path"`
}

type (
	kafka        struct{}
	clickhouse   struct{}
	clickhouse18 struct{}
	redis        struct{}
)

// environment is what a server is started with.
type environment struct {
	dir string
	out io.Writer
	log *slog.Logger
}

// serve prints the address of a server and waits for the end.
func (e environment) serve(ctx context.Context, address string, stop func() error) error {
	if _, err := fmt.Fprintln(e.out, address); err != nil {
		return errors.Join(err, stop())
	}
	<-ctx.Done()
	return stop()
}

func (kafka) Run(ctx context.Context, e environment) error {
	server, err := testenv.Kafka(ctx, e.dir, e.log)
	if err != nil {
		return err
	}
	return e.serve(ctx, server.Addr(), server.Stop)
}

func (clickhouse) Run(ctx context.Context, e environment) error {
	server, err := testenv.ClickHouseCurrent(ctx, e.dir, e.log)
	if err != nil {
		return err
	}
	return e.serve(ctx, server.DSN(), server.Stop)
}

func (clickhouse18) Run(ctx context.Context, e environment) error {
	server, err := testenv.ClickHouse18(ctx, e.dir, e.log)
	if err != nil {
		return err
	}
	return e.serve(ctx, server.DSN(), server.Stop)
}

func (redis) Run(ctx context.Context, e environment) error {
	server, err := testenv.Redis(ctx, e.dir, e.log)
	if err != nil {
		return err
	}
	return e.serve(ctx, server.URL(), server.Stop)
}

func main() {
	var c command
	parsed := kong.Parse(&c, kong.Name("testenv"), kong.Description("Runs a server that tests run against until SIGINT or SIGTERM."))
	parsed.FatalIfErrorf(run(parsed, c.Dir))
}

func run(parsed *kong.Context, dir string) (err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if dir == "" {
		if dir, err = os.MkdirTemp("", "testenv-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return parsed.Run(environment{dir: dir, out: os.Stdout, log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
}
