//go:build e2e

package e2e

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bongsu/internal/testenv"
)

// service is a server beside the hub that a test can take away.
type service interface {
	Start(ctx context.Context) error
	Stop() error
	Kill() error
}

// parts are the Kafka and the timeline that a server runs on.
type parts struct {
	name string
	// kafka is nil where the broker is embedded.
	kafka *testenv.KafkaServer
	// timeline and dsn are nil and "" where the timeline is SQLite.
	timeline service
	dsn      string
}

// partsNames are the sets of parts that "all" means, in their order.
var partsNames = []string{"embedded", "classic", "current"}

// onEachParts runs the test on each set of parts that -parts names, each fresh.
func onEachParts(t *testing.T, test func(t *testing.T, p *parts)) {
	names := strings.Split(*partsFlag, ",")
	if *partsFlag == "all" {
		names = partsNames
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { test(t, startParts(t, name)) })
	}
}

// startParts starts fresh parts, which end with t.
func startParts(t *testing.T, name string) *parts {
	t.Helper()
	ctx := context.Background()
	p := &parts{name: name}
	switch name {
	case "embedded":
		return p
	case "classic":
		server, err := testenv.ClickHouse18(ctx, t.TempDir(), testLog(t))
		if err != nil {
			t.Fatal(err)
		}
		p.timeline, p.dsn = server, server.DSN()
	case "current":
		server, err := testenv.ClickHouseCurrent(ctx, t.TempDir(), testLog(t))
		if err != nil {
			t.Fatal(err)
		}
		p.timeline, p.dsn = server, server.DSN()
	case "kafka":
	default:
		t.Fatalf("-parts names %q; there are %v, kafka and all", name, partsNames)
	}
	if p.timeline != nil {
		t.Cleanup(func() { _ = p.timeline.Kill() })
	}
	var err error
	if p.kafka, err = testenv.Kafka(ctx, t.TempDir(), testLog(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.kafka.Kill() })
	return p
}

// testLog writes the log of the parts to a file of the test.
func testLog(t *testing.T) *slog.Logger {
	file, err := os.Create(filepath.Join(t.TempDir(), "parts.log"))
	if err != nil {
		return slog.New(slog.DiscardHandler)
	}
	t.Cleanup(func() { _ = file.Close() })
	return slog.New(slog.NewTextHandler(file, nil))
}
