// Command bongsu runs the hub and the tools around it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // small images know no time zones

	"github.com/alecthomas/kong"

	"bongsu/internal/hub"
)

// The exit codes, which scripts may rely on.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2 // wrong flags or input; the same again fails again
	exitUnavailable = 3 // something is away; the same again can succeed
)

const description = `Bongsu takes events from Kafka and delivers them to people: at once on every
open socket, and for good in their timeline.`

const footer = `Exit codes: 0 done, 1 failed, 2 wrong flags or input, 3 something is away and
the same command can succeed later.

Settings come from flags, then the environment, then the file of --config: a
flag --http-addr is BONGSU_HTTP_ADDR there and http-addr here.`

// cli is the whole command line.
type cli struct {
	Config    string `env:"BONGSU_CONFIG" placeholder:"FILE" help:"Settings in YAML or JSON; flags and the environment win."`
	LogLevel  string `env:"BONGSU_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Least level that is logged: ${enum}."`
	LogFormat string `env:"BONGSU_LOG_FORMAT" enum:"text,json" default:"text" help:"Form of the log: ${enum}."`

	Serve   serveCmd   `cmd:"" help:"Run the hub."`
	Publish publishCmd `cmd:"" help:"Publish events to Kafka."`
	Token   tokenCmd   `cmd:"" help:"Mint a token for a person or a program."`
	Tail    tailCmd    `cmd:"" help:"Follow a person's streams in the terminal."`
	Load    loadCmd    `cmd:"" help:"Measure a hub under load."`
	Cluster clusterCmd `cmd:"" help:"Show who owns what."`
	Version versionCmd `cmd:"" help:"Say what was built."`
}

// Help is what stands below the list of flags.
func (*cli) Help() string { return footer }

// stdio is what a command reads and writes. The log goes to err.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// output is embedded by commands whose result a program may want to read.
type output struct {
	JSON bool `name:"json" help:"Write JSON for programs."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], &stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, io *stdio) int {
	var c cli
	helped := false
	parser, err := kong.New(&c,
		kong.Name("bongsu"),
		kong.Description(description),
		kong.Writers(io.out, io.err),
		kong.Exit(func(int) { helped = true }), // only --help asks for it
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Resolvers(&configFile{path: func(k *kong.Context) string { return configPath(k, &c) }}),
	)
	if err != nil {
		return report(io, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	switch {
	case helped:
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(io.err, "bongsu: %v\nTry: bongsu %s--help\n", err, commandName(args))
		return exitUsage
	}
	log := newLogger(io.err, c.LogLevel, c.LogFormat)
	command.BindTo(ctx, (*context.Context)(nil))
	command.Bind(log, io)
	return report(io, command.Run())
}

// configPath finds the value of --config before the flags are applied.
func configPath(k *kong.Context, c *cli) string {
	for _, flag := range k.Model.Flags {
		if flag.Name == "config" {
			if path, ok := k.FlagValue(flag).(string); ok {
				return path
			}
		}
	}
	return c.Config
}

// commandName returns the command in args, followed by a space, if there is one.
func commandName(args []string) string {
	for _, arg := range args {
		switch arg {
		case "serve", "publish", "token", "tail", "load", "cluster", "version":
			return arg + " "
		}
	}
	return ""
}

// report writes why a command failed and returns the exit code that goes with it.
func report(io *stdio, err error) int {
	if err == nil || errors.Is(err, context.Canceled) {
		return exitOK
	}
	_, _ = fmt.Fprintf(io.err, "bongsu: %v\n", err)
	switch {
	case errors.Is(err, hub.ErrInvalid):
		return exitUsage
	case hub.Temporary(err):
		return exitUnavailable
	}
	return exitFailed
}

func newLogger(w io.Writer, level, format string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		least = slog.LevelInfo // kong has checked it
	}
	options := &slog.HandlerOptions{Level: least}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
