package cluster

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"
)

// quiet returns a logger that lowers protoactor's chatty informational lines to
// debug: what it reports at start and stop means nothing to an operator.
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
	return l.next.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (l lowered) WithAttrs(attrs []slog.Attr) slog.Handler { return lowered{l.next.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (l lowered) WithGroup(name string) slog.Handler { return lowered{l.next.WithGroup(name)} }

func grpcServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.MaxRecvMsgSize(maxRemoteMessage), grpc.MaxSendMsgSize(maxRemoteMessage)}
}

func grpcCallOptions() []grpc.CallOption {
	return []grpc.CallOption{grpc.MaxCallRecvMsgSize(maxRemoteMessage), grpc.MaxCallSendMsgSize(maxRemoteMessage)}
}
