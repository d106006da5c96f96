package testenv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// ClickHouse18 installs ClickHouse 18.16 if need be, starts it with its data and
// its log file, clickhouse.log, in dir, and returns when it takes requests. It is
// the oldest server that is of interest. It speaks the native protocol and has
// neither DateTime64 nor TTL nor codecs. With clickhouse-go, rows go in by a batch
// that names its columns (after INSERT … VALUES with the values in the statement
// it waits for more, until the driver's read timeout), parameters are bound by the
// driver alone, and IN takes a clickhouse.GroupSet, not a slice. It needs Linux and,
// the first time, Debian's apt.
func ClickHouse18(ctx context.Context, dir string, log *slog.Logger) (*ClickHouseServer, error) {
	return ClickHouse18On(ctx, loopback, dir, log)
}

// ClickHouse18On is ClickHouse18 on another address of this machine, for clients
// that cannot reach the loopback address. It lets in everybody who reaches it.
func ClickHouse18On(ctx context.Context, host, dir string, log *slog.Logger) (*ClickHouseServer, error) {
	root, err := runInstaller(ctx, "install-clickhouse18.sh")
	if err != nil {
		return nil, err
	}
	libraries, err := libraryPath(root)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(host, 1)
	if err != nil {
		return nil, err
	}
	settings, err := writeClickHouse18(dir, host, ports[0])
	if err != nil {
		return nil, err
	}
	c := &ClickHouseServer{
		name:   "ClickHouse 18.16",
		scheme: "clickhouse",
		dir:    dir,
		host:   host,
		port:   ports[0],
		path:   filepath.Join(root, "usr/sbin/clickhouse-server"),
		args:   []string{"--config-file=" + settings},
		env:    []string{"LD_LIBRARY_PATH=" + libraries, "TZ=UTC"},
		log:    log,
	}
	return c, c.Start(ctx)
}

// libraryPath returns the library directories below root, as the loader takes them.
func libraryPath(root string) (string, error) {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu", "lib/*-linux-gnu"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return "", err
		}
		dirs = append(dirs, found...)
	}
	if len(dirs) == 0 {
		return "", errors.New("no libraries below " + root)
	}
	return strings.Join(dirs, ":"), nil
}

// writeClickHouse18 writes the settings into dir and returns their file.
func writeClickHouse18(dir, host string, port int) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	server := fmt.Sprintf(`<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>%s</listen_host>
  <tcp_port>%d</tcp_port>
  <path>%[3]s/</path>
  <tmp_path>%[3]s/tmp/</tmp_path>
  <user_files_path>%[3]s/user_files/</user_files_path>
  <mark_cache_size>67108864</mark_cache_size>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
</yandex>
`, host, port, data)
	const users = `<yandex>
  <profiles>
    <default>
      <max_memory_usage>2000000000</max_memory_usage>
      <!-- Seconds for which a stop may wait for an idle connection. -->
      <poll_interval>1</poll_interval>
    </default>
  </profiles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </default>
  </users>
  <quotas><default></default></quotas>
</yandex>
`
	settings := filepath.Join(dir, "config.xml")
	return settings, errors.Join(
		os.WriteFile(settings, []byte(server), 0o600),
		os.WriteFile(filepath.Join(dir, "users.xml"), []byte(users), 0o600),
	)
}
