package main

import (
	"context"
	"log/slog"

	"bongsu/internal/app"
)

// serveCmd runs the hub.
type serveCmd struct {
	app.Config
}

// Help is what `bongsu serve --help` says below the summary.
func (*serveCmd) Help() string {
	return `With nothing set but a way to sign in, Kafka and the timeline are embedded:

  BONGSU_DEV=true bongsu serve
  BONGSU_AUTH_JWT_SECRET=… bongsu serve --http-addr 0.0.0.0:8080

With your own Kafka and ClickHouse:

  bongsu serve --kafka-brokers kafka-1:9092,kafka-2:9092 \
    --clickhouse-dsn clickhouse://user:pass@clickhouse:9000/bongsu \
    --auth-jwks-url https://login.example.com/jwks.json

SIGTERM drains: clients are told to reconnect elsewhere, what is applied is
flushed, and the process exits 0.`
}

// Run runs the hub until ctx ends.
func (c *serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	return app.Run(ctx, c.Config, log)
}
