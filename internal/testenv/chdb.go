package testenv

import (
	"context"
	"log/slog"
	"path/filepath"
	"strconv"
)

// ClickHouseCurrent installs the engine of a current ClickHouse (26.9) if need be,
// starts it with its data and its log file, clickhouse.log, in dir, and returns
// when it takes requests. It is chdb, the engine as a Python module, behind a
// server of ours for ClickHouse's HTTP protocol: SQL, types, settings, parameters
// and failures are those of the engine. But it runs one statement at a time and
// answers with whole results, does not notice that a client has given up, has
// neither sessions nor external tables, and takes no ClickHouse block compression
// (lz4, zstd), only none, gzip or deflate. It needs python3 with venv.
func ClickHouseCurrent(ctx context.Context, dir string, log *slog.Logger) (*ClickHouseServer, error) {
	python, err := runInstaller(ctx, "install-chdb.sh")
	if err != nil {
		return nil, err
	}
	program, err := sourcePath("chdb_server.py")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(loopback, 1)
	if err != nil {
		return nil, err
	}
	c := &ClickHouseServer{
		name:   "ClickHouse 26.9",
		scheme: "http",
		dir:    dir,
		host:   loopback,
		port:   ports[0],
		path:   python,
		args:   []string{program, "--port", strconv.Itoa(ports[0]), "--dir", filepath.Join(dir, "data")},
		env:    []string{"PYTHONDONTWRITEBYTECODE=1", "TZ=UTC"},
		log:    log,
	}
	return c, c.Start(ctx)
}
