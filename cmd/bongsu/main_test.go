package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bongsu/internal/hub"
)

var update = flag.Bool("update", false, "write the golden files")

const testSecret = "0123456789abcdef0123456789abcdef"

// result is what a command line came to.
type result struct {
	code     int
	out, err string
}

// bongsu runs a command line in an environment without settings.
func bongsu(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return bongsuIn(t.Context(), t, stdin, args...)
}

func bongsuIn(ctx context.Context, t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := run(ctx, args, &stdio{in: strings.NewReader(stdin), out: &out, err: &err})
	return result{code, out.String(), err.String()}
}

// bare takes settings out of the environment for a test.
func bare(t *testing.T) {
	t.Helper()
	for _, setting := range os.Environ() {
		if name, value, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "BONGSU_") {
			t.Setenv(name, value) // restores it
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	bare(t)
	t.Setenv("COLUMNS", "") // the width is that of no terminal
	for name, args := range map[string][]string{
		"bongsu": {"--help"}, "publish": {"publish", "--help"}, "token": {"token", "--help"},
		"tail": {"tail", "--help"}, "load": {"load", "--help"},
		"cluster": {"cluster", "--help"},
	} {
		t.Run(name, func(t *testing.T) {
			r := bongsu(t, "", args...)
			if r.code != exitOK || r.err != "" {
				t.Fatalf("exit %d, %s", r.code, r.err)
			}
			golden(t, name+".help", r.out)
		})
	}
	if r := bongsu(t, ""); r.code != exitOK || !strings.Contains(r.out, "Commands:") {
		t.Errorf("without arguments: exit %d\n%s", r.code, r.out)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed; if it should, run go test ./cmd/bongsu -update\n%s", path, got)
	}
}

func TestWrongUseSaysWhatToDo(t *testing.T) {
	bare(t)
	secret := []string{"--auth-jwt-secret", testSecret}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"unknown command":    {[]string{"dance"}, "unexpected argument dance"},
		"unknown flag":       {[]string{"tail", "--dance"}, "Try: bongsu tail --help"},
		"level":              {[]string{"--log-level", "loud", "version"}, "debug"},
		"no secret":          {[]string{"token", "--admin", "7"}, "BONGSU_AUTH_JWT_SECRET"},
		"short secret":       {[]string{"token", "--admin", "7", "--secret", "short"}, "at least 32"},
		"no admin":           {[]string{"token"}, "--admin"},
		"bad admin":          {append([]string{"token", "--admin", "a b"}, secret...), "A-Z a-z 0-9"},
		"bad ttl":            {append([]string{"token", "--admin", "7", "--ttl", "0s"}, secret...), "longer"},
		"no secret file":     {[]string{"token", "--admin", "7", "--secret-file", "nowhere"}, "nowhere"},
		"nothing to publish": {[]string{"publish"}, "--file or --text"},
		"two to publish":     {[]string{"publish", "--text", "x", "--file", "y"}, "--file or --text"},
		"bad target":         {[]string{"publish", "--type", "X", "-t", "shop:1", "--title", "x"}, "shop"},
		"bad type":           {[]string{"publish", "--type", "x", "-t", "all", "--title", "x"}, "type"},
		"bad data":           {[]string{"publish", "--type", "X", "-t", "all", "--title", "x", "--data", "{"}, "--data: not JSON"},
		"bad time":           {[]string{"publish", "--type", "X", "-t", "all", "--title", "x", "--at", "noon"}, "RFC 3339"},
		"no file":            {[]string{"publish", "--file", "nowhere"}, "nowhere"},
		"bad broker":         {[]string{"publish", "--text", "x", "--brokers", "nohost"}, "nohost"},
		"no token":           {[]string{"tail"}, "BONGSU_TOKEN"},
		"bad cursor":         {[]string{"tail", "--token", "t", "--since", "x"}, "--since"},
		"bad url":            {[]string{"tail", "--token", "t", "--url", "x"}, "http://"},
		"no ops token":       {[]string{"cluster"}, "--scope ops"},
		"bad node":           {[]string{"cluster", "--token", "t", "--url", "ftp://x"}, "http://host:port"},
		"load elsewhere":     {append([]string{"load", "--url", "http://192.0.2.1"}, secret...), "--i-own-this-host"},
		"load without end":   {append([]string{"load", "-d", "0s"}, secret...), "duration or events"},
		"load targets":       {append([]string{"load", "--targets", "some"}, secret...), "mixed"},
		"no config file":     {[]string{"--config", "nowhere.yaml", "version"}, "nowhere.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			r := bongsu(t, "", c.args...)
			if r.code != exitUsage || r.out != "" || !strings.Contains(r.err, c.says) {
				t.Fatalf("exit %d, out %q, err %q; want exit 2 and %q", r.code, r.out, r.err, c.says)
			}
			if strings.Contains(r.err, testSecret) {
				t.Fatalf("the secret is shown: %s", r.err)
			}
		})
	}
}

func TestWhatIsAwayExitsTemporarily(t *testing.T) {
	bare(t)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"tail":    {[]string{"tail", "--token", "t", "--url", "http://127.0.0.1:1"}, "is the hub running"},
		"publish": {[]string{"publish", "--text", "x", "--brokers", "127.0.0.1:1"}, "--kafka-brokers"},
		"load":    {[]string{"load", "-c", "1", "--secret", testSecret, "--url", "http://127.0.0.1:1"}, "is the hub running"},
	} {
		t.Run(name, func(t *testing.T) {
			if r := bongsu(t, "", c.args...); r.code != exitUnavailable || !strings.Contains(r.err, c.says) {
				t.Fatalf("exit %d, %s", r.code, r.err)
			}
		})
	}
}

func TestReportGivesExitCodes(t *testing.T) {
	io := &stdio{err: &bytes.Buffer{}}
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, exitOK}, {context.Canceled, exitOK}, {errors.New("x"), exitFailed},
		{hub.Invalidf("x"), exitUsage}, {hub.Unavailablef("x"), exitUnavailable},
	} {
		if got := report(io, c.err); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.code)
		}
	}
}

func TestVersion(t *testing.T) {
	bare(t)
	if r := bongsu(t, "", "version"); r.code != exitOK || !strings.HasPrefix(r.out, "bongsu ") {
		t.Errorf("got %+v", r)
	}
	var b build
	if r := bongsu(t, "", "version", "--json"); json.Unmarshal([]byte(r.out), &b) != nil || b.Go == "" {
		t.Errorf("got %+v", r)
	}
	b = build{Version: "v1.2.0", Commit: "0123456789abcdef", Time: "2026-11-20T10:30:00Z", Modified: true, Go: "go1.26", Platform: "linux/amd64"}
	if got := b.String(); got != "bongsu v1.2.0 0123456789ab+changes of 2026-11-20T10:30:00Z (go1.26, linux/amd64)" {
		t.Errorf("got %s", got)
	}
}
