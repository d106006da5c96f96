package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// quiet returns a logger that lowers protoactor's chatty lines to debug: what it
// reports at start and stop means nothing to an operator, and of connections that
// come and go the cluster tells by itself.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(lowered{log.Handler()}) }

type lowered struct{ next slog.Handler }

func lower(level slog.Level) slog.Level {
	if level == slog.LevelInfo {
		return slog.LevelDebug
	}
	return level
}

// Enabled implements slog.Handler.
func (l lowered) Enabled(ctx context.Context, level slog.Level) bool {
	return l.next.Enabled(ctx, lower(level))
}

// Handle implements slog.Handler.
func (l lowered) Handle(ctx context.Context, record slog.Record) error {
	record.Level = lower(record.Level)
	if strings.HasPrefix(record.Message, "Endpoint") || strings.HasPrefix(record.Message, "gRPC") {
		if record.Level = slog.LevelDebug; !l.next.Enabled(ctx, slog.LevelDebug) {
			return nil
		}
	}
	return l.next.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (l lowered) WithAttrs(attrs []slog.Attr) slog.Handler { return lowered{l.next.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (l lowered) WithGroup(name string) slog.Handler { return lowered{l.next.WithGroup(name)} }

// gossipLog takes memberlist's lines. They go out at debug, except that whoever
// speaks without the secret is told of, once a minute at most.
type gossipLog struct {
	log    *slog.Logger
	seldom seldom
}

// Write implements io.Writer; memberlist gives it one line at a time.
func (g *gossipLog) Write(line []byte) (int, error) {
	for _, sign := range []string{"ecrypt", "ncrypted", "label"} {
		if bytes.Contains(line, []byte(sign)) && !tellsOfBroken(line) {
			if more, ok := g.seldom.now(time.Now()); ok {
				g.log.Warn("a message to the port of the members was refused: whoever sent it does not hold the cluster's secret",
					"detail", text(line), "more", more)
			}
			return len(line), nil
		}
	}
	if g.log.Enabled(context.Background(), slog.LevelDebug) {
		g.log.Debug("memberlist", "detail", text(line))
	}
	return len(line), nil
}

// tellsOfBroken reports whether a line of memberlist's, which keeps the error to
// itself, is of one that brokenOff knows.
func tellsOfBroken(line []byte) bool {
	for _, sign := range []string{"i/o timeout", "EOF", "connection reset", "broken pipe"} {
		if bytes.Contains(line, []byte(sign)) {
			return true
		}
	}
	return false
}

// text is a line of memberlist's without the time that it begins with.
func text(line []byte) string {
	s := string(bytes.TrimSpace(line))
	if _, after, ok := strings.Cut(s, "["); ok {
		return "[" + after
	}
	return s
}

// seldom lets one event a minute through and counts those between.
type seldom struct {
	mu    sync.Mutex
	last  time.Time
	count int
}

func (s *seldom) now(at time.Time) (more int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() && at.Sub(s.last) < time.Minute {
		s.count++
		return 0, false
	}
	more, s.count, s.last = s.count, 0, at
	return more, true
}
