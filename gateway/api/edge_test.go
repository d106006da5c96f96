package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/api"
)

// callHost makes a request without a token that names a host.
func (w *world) callHost(t *testing.T, host, method, path, body string) reply {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = host
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	return reply{recorder.Code, recorder.Header(), recorder.Body.String()}
}

func TestAPageOfAnAllowedOriginMayCall(t *testing.T) {
	w := newWorld(t, nil)
	const origin = "https://console.example"
	asked := w.call(t, "OPTIONS", "/api/v1/timeline/read", "", "", "Origin", origin,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	asked.is(t, 204, "")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":  origin,
		"Access-Control-Allow-Methods": "GET, POST",
		"Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
		"Vary":                         "Origin",
	} {
		if got := asked.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, got := range map[string]reply{
		"success": w.call(t, "POST", "/api/v1/timeline/read", token(t), `{"all":true}`, "Origin", origin, "Sec-Fetch-Site", "cross-site"),
		"refusal": w.call(t, "GET", "/api/v1/me", "", "", "Origin", origin),
	} {
		if got.header.Get("Access-Control-Allow-Origin") != origin || got.status == 403 {
			t.Errorf("%s: got %d, %v", name, got.status, got.header)
		}
	}
}

func TestAPageOfAnotherOriginMayNot(t *testing.T) {
	w := newWorld(t, nil)
	const origin = "https://evil.example"
	asked := w.call(t, "OPTIONS", "/api/v1/timeline/read", "", "", "Origin", origin, "Access-Control-Request-Method", "POST")
	if asked.status == 204 || asked.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight: got %d, %v", asked.status, asked.header)
	}
	w.call(t, "POST", "/api/v1/timeline/read", token(t), `{"all":true}`, "Origin", origin, "Sec-Fetch-Site", "cross-site").
		problem(t, 403, "pages of this origin may not call the API: see BONGSU_ALLOWED_ORIGINS")
	got := w.call(t, "GET", "/api/v1/me", token(t), "", "Origin", origin)
	if got.status != 403 || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %d, %v", got.status, got.header)
	}
}

func TestTheServersOwnPageMayCall(t *testing.T) {
	w := newWorld(t, func(o *api.Options) { o.Origins = nil })
	got := w.call(t, "POST", "/api/v1/timeline/read", token(t), `{"all":true}`,
		"Origin", "http://127.0.0.1:8080", "Sec-Fetch-Site", "same-origin")
	got.is(t, 200, `{"total":0,"version":0,"streams":{}}`)
}

func TestAPageOfAnotherNodeMayCall(t *testing.T) {
	nodes := []string{"http://127.0.0.1:8080"}
	w := newWorld(t, func(o *api.Options) { o.Peers = func() []string { return nodes } })
	const origin = "http://node-2:8080"
	from := func(method string) reply {
		return w.call(t, method, "/api/v1/me", token(t), "", "Origin", origin, "Access-Control-Request-Method", "GET")
	}
	if got := from("GET"); got.status != 403 {
		t.Errorf("before it joined: %d", got.status)
	}
	nodes = append(nodes, origin+"/")
	for method, status := range map[string]int{"GET": 200, "OPTIONS": 204} {
		if got := from(method); got.status != status || got.header.Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("%s: got %d, %v", method, got.status, got.header)
		}
	}
	nodes = nodes[:1]
	if got := from("GET"); got.status != 403 {
		t.Errorf("after it left: %d", got.status)
	}
}

func TestAnyOriginCanBeAllowed(t *testing.T) {
	w := newWorld(t, func(o *api.Options) { o.Origins = gateway.Origins{"*"} })
	got := w.call(t, "POST", "/api/v1/timeline/read", token(t), `{"all":true}`,
		"Origin", "https://any.example", "Sec-Fetch-Site", "cross-site")
	if got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "https://any.example" {
		t.Errorf("got %d, %v", got.status, got.header)
	}
}

// Over a real connection: the read deadline of a body must not end the call,
// and a connection serves one call after another.
func TestOverAConnection(t *testing.T) {
	w := newWorld(t, nil)
	server := httptest.NewServer(w)
	defer server.Close()
	client := &http.Client{Timeout: 10 * time.Second}
	for range 3 {
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/api/v1/events", strings.NewReader(order))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "bearer "+token(t, "publish"))
		got, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		_ = got.Body.Close()
		if err != nil || got.StatusCode != 202 || strings.TrimSpace(string(body)) != `{"id":"o-1"}` {
			t.Fatalf("got %d %s, %v", got.StatusCode, body, err)
		}
	}
}
