package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const (
	defaultDatabase = "bongsu"
	// systemDatabase is there on every server; a connection must name one.
	systemDatabase = "default"
)

// errDSN says what is wanted without repeating what was given, which may hold a password.
var errDSN = errors.New("the DSN is not of the form clickhouse://user:password@host:port/database, or http(s)://…")

// parseDSN returns the driver's options for a DSN.
func parseDSN(dsn string) (*clickhouse.Options, error) {
	scheme, _, _ := strings.Cut(dsn, "://")
	switch scheme {
	case "clickhouse", "tcp", "http":
	case "https":
		var err error
		if dsn, err = withTLS(dsn); err != nil {
			return nil, err
		}
	default:
		return nil, errDSN
	}
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, errDSN
	}
	if options.Auth.Database == "" {
		options.Auth.Database = defaultDatabase
	}
	options.Debug = false //nolint:staticcheck // a DSN can still ask for it, and it prints statements
	options.DialTimeout = dialPatience
	options.ReadTimeout = prunePatience // every statement has a deadline of its own
	options.MaxOpenConns, options.MaxIdleConns = connections, connections
	return options, nil
}

// withTLS adds the parameter without which the driver refuses https.
func withTLS(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errDSN
	}
	query := u.Query()
	query.Set("secure", "true")
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// connect opens the connection pool, and creates the database if the server
// says that there is none of that name.
func (s *Store) connect(ctx context.Context, options *clickhouse.Options) error {
	conn, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	s.conn = conn
	err = s.exec(ctx, callPatience, "SELECT 1")
	if code(err) != codeUnknownDatabase {
		return err
	}
	elsewhere := *options
	elsewhere.Auth.Database = systemDatabase
	creator, err := clickhouse.Open(&elsewhere)
	if err != nil {
		return err
	}
	within, cancel := s.limited(ctx, callPatience)
	defer cancel()
	err = creator.Exec(within, "CREATE DATABASE IF NOT EXISTS "+quoteName(options.Auth.Database))
	return errors.Join(err, creator.Close())
}

// version is a server's version.
type version struct{ major, minor uint64 }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) atLeast(major, minor uint64) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// version asks the server for its version.
func (s *Store) version(ctx context.Context) (v version, err error) {
	var text string
	err = s.query(ctx, "SELECT version()", func(scan func(...any) error) error { return scan(&text) })
	if err != nil {
		return v, err
	}
	if _, err := fmt.Sscanf(text, "%d.%d", &v.major, &v.minor); err != nil {
		return v, fmt.Errorf("the server's version is %q", text)
	}
	return v, nil
}
