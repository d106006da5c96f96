//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func (s *suite) testHealth(t *testing.T) {
	for _, path := range []string{"/healthz", "/readyz"} {
		s.do(t, http.MethodGet, path, "", nil).want(t, http.StatusOK, nil)
	}
}

func (s *suite) testMetrics(t *testing.T) {
	a := s.do(t, http.MethodGet, "/metrics", "", nil)
	a.want(t, http.StatusOK, nil)
	for _, name := range []string{"bongsu_gateway_connections", "bongsu_gateway_deliveries_total", "go_goroutines"} {
		if !strings.Contains(string(a.body), "\n"+name) {
			t.Errorf("no metric %s", name)
		}
	}
	if strings.Contains(string(a.body), secret) {
		t.Error("the secret is in the metrics")
	}
}

func (s *suite) testMe(t *testing.T) {
	p := person{admin: s.fresh(), name: "홍길동", malls: []string{"1001"}, partners: []string{"p-1"}, scopes: []string{"ops", "publish:mall:1001"}}
	var got me
	s.get(t, p, "/api/v1/me", &got)
	if got.Admin != p.admin || got.Name != p.name || !slices.Equal(got.Malls, p.malls) ||
		!slices.Equal(got.Partners, p.partners) || !slices.Equal(got.Scopes, p.scopes) {
		t.Fatalf("me is %+v, the token says %+v", got, p)
	}
	raw := s.do(t, http.MethodGet, "/api/v1/me", person{admin: s.fresh()}.token(t), nil)
	for _, list := range []string{`"malls":[]`, `"partners":[]`, `"scopes":[]`} {
		if !strings.Contains(string(raw.body), list) {
			t.Errorf("an empty list is not %s in %s", list, raw.body)
		}
	}
}

func (s *suite) testOpenAPI(t *testing.T) {
	a := s.do(t, http.MethodGet, "/api/v1/openapi.json", "", nil)
	var doc struct {
		OpenAPI string                     `json:"openapi"`
		Paths   map[string]json.RawMessage `json:"paths"`
	}
	a.want(t, http.StatusOK, &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %q, want 3.1", doc.OpenAPI)
	}
	text := string(a.body)
	for _, path := range []string{"/me", "/timeline", "/timeline/read", "/unread", "/events", "/cluster"} {
		if !strings.Contains(text, path+`"`) {
			t.Errorf("the description has no %s", path)
		}
	}
}

func (s *suite) testCluster(t *testing.T) {
	ops := person{admin: s.fresh(), scopes: []string{"ops"}}
	a := s.do(t, http.MethodGet, "/api/v1/cluster", ops.token(t), nil)
	a.want(t, http.StatusOK, nil)
	if !strings.Contains(string(a.body), `"e2e`) {
		t.Errorf("the cluster does not name this node: %s", a.body)
	}
	s.do(t, http.MethodGet, "/api/v1/cluster", person{admin: s.fresh()}.token(t), nil).wantProblem(t, http.StatusForbidden)
}

// testGracefulStop is the last: it ends the server.
func (s *suite) testGracefulStop(t *testing.T) {
	p := person{admin: s.fresh()}
	ws, sse := s.socket(t, p, nil), s.events(t, p, "")
	s.kafka.publish(t, notice("stop-"+p.admin, "admin:"+p.admin))
	s.terminate(t)
	if code := closeCode(ws.awaitEnd(t, patience)); code != 4000 {
		t.Errorf("the socket was closed with %d, want 4000", code)
	}
	_ = sse.awaitEnd(t, patience)
	if code := s.exit(t, patience); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	if _, err := http.Get(s.url("/healthz")); err == nil {
		t.Error("the port still answers")
	}
	// What was acknowledged before the stop is there after it.
	s.up(t)
	s.events(t, p, "admin:"+p.admin+"=0").awaitEntry(t, "admin:"+p.admin, "stop-"+p.admin)
}

// TestRefusesToStart is a server that nobody could use, or everybody.
func TestRefusesToStart(t *testing.T) {
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"nobody could sign in":    {nil, "BONGSU_AUTH_JWT_SECRET"},
		"a short secret":          {[]string{"BONGSU_AUTH_JWT_SECRET=short"}, "32"},
		"dev mode off loopback":   {[]string{"BONGSU_DEV=true", "BONGSU_HTTP_ADDR=0.0.0.0:0"}, "BONGSU_HTTP_ADDR"},
		"an address without port": {[]string{"BONGSU_DEV=true", "BONGSU_HTTP_ADDR=localhost"}, "BONGSU_HTTP_ADDR"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := freePorts(t, 1)[0]
			cmd := exec.Command(*binaryFlag, "serve")
			cmd.Env = append(cleanEnv(), "BONGSU_HTTP_ADDR=127.0.0.1:0", "BONGSU_KAFKA_EMBEDDED_ADDR="+addr, "BONGSU_DATA_DIR="+t.TempDir())
			cmd.Env = append(cmd.Env, test.env...)
			timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
			out, err := cmd.CombinedOutput()
			if err == nil || cmd.ProcessState.ExitCode() <= 0 {
				t.Fatalf("it ran (%v):\n%s", err, out)
			}
			if !strings.Contains(string(out), test.want) {
				t.Errorf("it does not say %q:\n%s", test.want, out)
			}
		})
	}
}
