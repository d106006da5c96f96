package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	driverlib "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"bongsu/internal/hub"
)

func TestDSN(t *testing.T) {
	for dsn, want := range map[string]struct {
		protocol           driver.Protocol
		database, password string
		tls                bool
	}{
		"clickhouse://u:p%40ss@db:9000/events":   {driver.Native, "events", "p@ss", false},
		"clickhouse://db:9000":                   {driver.Native, "bongsu", "", false},
		"clickhouse://db:9440/x?secure=true":     {driver.Native, "x", "", true},
		"http://u:p@db:8123/bongsu?compress=lz4": {driver.HTTP, "bongsu", "p", false},
		"https://u:p@db:8443/bongsu":             {driver.HTTP, "bongsu", "p", true},
	} {
		options, err := parseDSN(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if options.Protocol != want.protocol || options.Auth.Database != want.database ||
			options.Auth.Password != want.password || (options.TLS != nil) != want.tls {
			t.Errorf("%s became %v %+v", dsn, options.Protocol, options.Auth)
		}
	}
}

func TestBadDSNsAreRefusedWithoutTheirPassword(t *testing.T) {
	for _, dsn := range []string{
		"", "hunter2", "postgres://u:hunter2@db/bongsu", "clickhouse://u:hunter2@db:port/x", "clickhouse://u:hunter2@",
		"clickhouse://u:hunt%zzer2hunter2@db:9000/x", "https://u:hunter2@db:x/", "clickhouse://u:hunter2@db:9000/x?dial_timeout=hunter2",
	} {
		_, err := Open(t.Context(), dsn, Options{}, slog.New(slog.DiscardHandler))
		if err == nil || errors.Is(err, hub.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

func TestNobodyListeningIsUnavailable(t *testing.T) {
	for _, scheme := range []string{"clickhouse", "http"} {
		_, err := Open(t.Context(), scheme+"://u:hunter2@127.0.0.1:1/x", Options{}, slog.New(slog.DiscardHandler))
		if !errors.Is(err, hub.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestErrorsThatPassAreUnavailable(t *testing.T) {
	server := func(code int32) error { return fmt.Errorf("x: %w", &driver.Exception{Code: code}) }
	passing := []error{
		io.EOF, syscall.ECONNREFUSED, &net.OpError{Op: "read", Err: errors.New("reset")}, context.DeadlineExceeded,
		driver.ErrAcquireConnTimeout, server(252), server(241), server(202), server(242), server(159),
		&driver.HTTPError{StatusCode: 502, Err: errors.New("bad gateway")},
		&driver.HTTPError{StatusCode: 500, Err: &driver.Exception{Code: 252}},
	}
	lasting := []error{
		server(62), server(60), server(516), server(192), server(497), errors.New("x"),
		&driver.HTTPError{StatusCode: 401, Err: errors.New("no")},
		&driver.HTTPError{StatusCode: 500, Err: &driver.Exception{Code: 62}},
	}
	for _, err := range passing {
		if got := classify(err); !errors.Is(got, hub.ErrUnavailable) || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	for _, err := range lasting {
		if errors.Is(classify(err), hub.ErrUnavailable) {
			t.Errorf("%v counts as passing", err)
		}
	}
}

func TestAnErrorThatLessMayAvoidIsSaidToBeOne(t *testing.T) {
	server := func(code int32) error { return fmt.Errorf("x: %w", &driver.Exception{Code: code}) }
	for err, want := range map[error]bool{
		server(159): true, server(160): true, server(241): true, context.DeadlineExceeded: true,
		&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}: true,
		server(202): false, io.EOF: false, syscall.ECONNREFUSED: false,
	} {
		got := classify(err)
		if errors.Is(got, context.DeadlineExceeded) != want || !errors.Is(got, hub.ErrUnavailable) || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
}

// stalled is a connection whose statements end with their contexts, and tell of
// nothing but what came of that.
type stalled struct{ driverlib.Conn }

func (stalled) Exec(ctx context.Context, _ string, _ ...any) error {
	<-ctx.Done()
	return net.ErrClosed
}

func (stalled) Query(ctx context.Context, _ string, _ ...any) (driverlib.Rows, error) {
	<-ctx.Done()
	return nil, net.ErrClosed
}

func (stalled) PrepareBatch(ctx context.Context, _ string, _ ...driverlib.PrepareBatchOption) (driverlib.Batch, error) {
	<-ctx.Done()
	return nil, net.ErrClosed
}

func TestAStatementThatTakesTooLongIsSaidToHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{conn: stalled{}}
		s.closing, s.close = context.WithCancelCause(context.Background())
		for name, call := range map[string]func() error{
			"Ping":  func() error { return s.Ping(t.Context()) },
			"Write": func() error { return s.Write(t.Context(), []*hub.Entry{{Stream: hub.All, Seq: 1}}, nil) },
			"Load": func() error {
				_, err := s.Load(t.Context(), []hub.LoadRequest{{Stream: hub.All, Before: 1}})
				return err
			},
		} {
			if err := call(); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, hub.ErrUnavailable) {
				t.Errorf("%s = %v", name, err)
			}
		}
	})
}

func TestThePasswordIsTakenOutOfErrors(t *testing.T) {
	s := &Store{password: "hunter2"}
	cause := &net.OpError{Op: "dial", Err: errors.New("http://u:hunter2@db refused")}
	err := s.failure(t.Context(), cause)
	if strings.Contains(err.Error(), "hunter2") || !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestTheEndOfTheCallersContextIsItsError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&Store{}).failure(ctx, io.EOF); !errors.Is(err, context.Canceled) || errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// FuzzQuote checks that a literal holds nothing that could mean anything, and
// that all of the text can be read back from it.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "mall:1", `it's \`, "\x00\n?{a:String}$1@p", "한글", "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		literal := quote(text)
		inside := literal[1 : len(literal)-1]
		var back []byte
		for i := 0; i < len(inside); i++ {
			if c := inside[i]; isPlain(c) {
				back = append(back, c)
				continue
			}
			var c byte
			if n, err := fmt.Sscanf(inside[i:min(i+4, len(inside))], `\x%02x`, &c); n != 1 || err != nil {
				t.Fatalf("%q became %s", text, literal)
			}
			back = append(back, c)
			i += 3
		}
		if string(back) != text || literal[0] != '\'' || literal[len(literal)-1] != '\'' {
			t.Fatalf("%q became %s", text, literal)
		}
	})
}

func TestDatabaseNamesAreQuoted(t *testing.T) {
	if got := quoteName("a`b\\"); got != "`a\\`b\\\\`" {
		t.Errorf("got %s", got)
	}
}
