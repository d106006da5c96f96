package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway"
	"bongsu/gateway/api"
	"bongsu/gateway/auth"
	"bongsu/gateway/coretest"
	"bongsu/internal/hub"
)

const (
	secret   = "0123456789abcdef0123456789abcdef"
	audience = "bongsu"
)

// journal is a gateway.Journal in memory.
type journal struct {
	mu      sync.Mutex
	records []hub.Record
	err     error
	panics  bool
}

func (j *journal) Append(_ context.Context, records []hub.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.panics {
		panic("journal: secret of the house")
	}
	if j.err != nil {
		return j.err
	}
	j.records = append(j.records, records...)
	return nil
}

// world is an API over fakes.
type world struct {
	http.Handler
	core      *coretest.Core
	journal   *journal
	published [][]byte
	log       *bytes.Buffer
	metrics   *prometheus.Registry
}

func newWorld(t *testing.T, change func(*api.Options)) *world {
	t.Helper()
	w := &world{core: &coretest.Core{}, journal: &journal{}, log: &bytes.Buffer{}, metrics: prometheus.NewRegistry()}
	verifier, err := auth.New(t.Context(), auth.Options{Secret: secret, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	options := api.Options{
		Inbox:      gateway.NewInbox(w.core),
		Journal:    w.journal,
		Auth:       verifier,
		Cluster:    func(context.Context) api.Cluster { return threeShards() },
		Origins:    gateway.Origins{"https://console.example"},
		Log:        slog.New(slog.NewTextHandler(w.log, nil)),
		Registerer: w.metrics,
		Dev: &api.Dev{
			Token: func(p *hub.Principal) (string, error) {
				return auth.Mint(p, auth.MintOptions{Secret: secret, Audience: audience, TTL: time.Hour})
			},
			Publish: func(_ context.Context, value []byte) error {
				w.published = append(w.published, value)
				return nil
			},
		},
	}
	if change != nil {
		change(&options)
	}
	if w.Handler, err = api.New(options); err != nil {
		t.Fatal(err)
	}
	return w
}

func token(t *testing.T, scopes ...string) string {
	t.Helper()
	p := &hub.Principal{Admin: "7", Name: "김", Malls: []string{"1001"}, Scopes: scopes}
	text, err := auth.Mint(p, auth.MintOptions{Secret: secret, Audience: audience, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// call makes a request; headers are name, value, name, value, …
func (w *world) call(t *testing.T, method, path, token, body string, headers ...string) reply {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:8080"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	raw, err := io.ReadAll(recorder.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{recorder.Code, recorder.Header(), strings.TrimSpace(string(raw))}
}

// is checks an answer that succeeded.
func (r reply) is(t *testing.T, status int, body string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Errorf("got  %d %s\nwant %d %s", r.status, r.body, status, body)
	}
}

// problem checks an answer that did not.
func (r reply) problem(t *testing.T, status int, detail string) {
	t.Helper()
	var got struct {
		Type, Title, Detail string
		Status              int
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	if r.status != status || got.Status != status || got.Title != http.StatusText(status) || got.Detail != detail {
		t.Errorf("got  %d %s\nwant %d with detail %q", r.status, r.body, status, detail)
	}
	if kind := r.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("Content-Type is %q", kind)
	}
}

func TestMe(t *testing.T) {
	w := newWorld(t, nil)
	w.call(t, "GET", "/api/v1/me", token(t, "publish:mall:1001"), "").is(t, 200,
		`{"admin":"7","name":"김","malls":["1001"],"partners":[],"scopes":["publish:mall:1001"]}`)
}

func TestTimelineReadAndUnread(t *testing.T) {
	w := newWorld(t, nil)
	mine := token(t)
	w.call(t, "GET", "/api/v1/unread", mine, "").is(t, 200, `{"total":0,"version":0,"streams":{}}`)
	for range 3 {
		w.core.Add("mall:1001", "ORDER_PLACED")
	}
	w.core.Add("mall:9", "ORDER_PLACED")
	const entry3 = `{"stream":"mall:1001","seq":3,"id":"mall:1001-3","kind":"notification","type":"ORDER_PLACED","title":"t","at":"2026-11-20T10:30:00.000Z","read":false}`
	page := w.call(t, "GET", "/api/v1/timeline?limit=1&unread=true&type=ORDER_PLACED", mine, "")
	var got struct {
		Entries []json.RawMessage
		Next    string
	}
	if err := json.Unmarshal([]byte(page.body), &got); err != nil || len(got.Entries) != 1 || string(got.Entries[0]) != entry3 || got.Next == "" {
		t.Fatalf("got %s", page.body)
	}
	rest := w.call(t, "GET", "/api/v1/timeline?before="+got.Next, mine, "")
	if !strings.Contains(rest.body, `"seq":2`) || strings.Contains(rest.body, `"seq":3`) || strings.Contains(rest.body, "next") {
		t.Errorf("got %s", rest.body)
	}
	w.call(t, "GET", "/api/v1/timeline?stream=mall:1001&after=2", mine, "").is(t, 200, `{"entries":[`+entry3+`]}`)
	w.call(t, "POST", "/api/v1/timeline/read", mine, `{"stream":"mall:1001","seq":2}`).is(t, 200,
		`{"total":1,"version":5,"streams":{"mall:1001":1}}`)
	w.call(t, "POST", "/api/v1/timeline/read", mine, `{"all":true}`, "Content-Type", "application/x-www-form-urlencoded").is(t, 200,
		`{"total":0,"version":6,"streams":{}}`)
	w.call(t, "GET", "/api/v1/timeline?unread=true", mine, "").is(t, 200, `{"entries":[]}`)
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, nil)
	good := token(t)
	head, rest, _ := strings.Cut(good, ".")
	claims, _, _ := strings.Cut(rest, ".")
	expired, err := auth.Mint(&hub.Principal{Admin: "7"}, auth.MintOptions{Secret: secret, Audience: audience,
		TTL: time.Minute, Now: func() time.Time { return time.Now().Add(-time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := auth.Mint(&hub.Principal{Admin: "7"}, auth.MintOptions{Secret: secret, Audience: "other", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	// {"alg":"none","typ":"JWT"}
	none := "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + claims + "."
	for name, test := range map[string]struct{ token, want string }{
		"no token":       {"", "a token is required"},
		"bad signature":  {head + "." + claims + ".AAAA", "the token's signature is wrong"},
		"none":           {none, "the token's algorithm is not accepted"},
		"expired":        {expired, "the token has expired"},
		"wrong audience": {elsewhere, "the token is for another audience"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, call := range []string{"GET /me", "GET /timeline", "POST /timeline/read", "GET /unread", "POST /events", "GET /cluster", "POST /dev/publish"} {
				method, path, _ := strings.Cut(call, " ")
				got := w.call(t, method, "/api/v1"+path, test.token, `{"all":true}`)
				got.problem(t, 401, test.want)
				want := `Bearer realm="bongsu", error="invalid_token"`
				if test.token == "" {
					want = `Bearer realm="bongsu"`
				}
				if challenge := got.header.Get("WWW-Authenticate"); challenge != want {
					t.Errorf("%s: WWW-Authenticate is %q", call, challenge)
				}
				if isExpired := strings.Contains(got.body, api.TypeTokenExpired); isExpired != (name == "expired") {
					t.Errorf("%s: %s", call, got.body)
				}
			}
		})
	}
	t.Run("foreign stream", func(t *testing.T) {
		w.call(t, "GET", "/api/v1/timeline?stream=mall:9", good, "").
			problem(t, 403, `stream "mall:9" is not one of yours`)
		w.call(t, "POST", "/api/v1/timeline/read", good, `{"stream":"admin:8","seq":1}`).
			problem(t, 403, `stream "admin:8" is not one of yours`)
	})
	if strings.Contains(w.log.String(), claims) {
		t.Error("a token is in the log")
	}
}

func TestBadInput(t *testing.T) {
	w := newWorld(t, nil)
	mine := token(t)
	w.call(t, "GET", "/api/v1/timeline?before=zzz", mine, "").problem(t, 422, `before: not the "next" of a page`)
	w.call(t, "GET", "/api/v1/timeline?limit=201", mine, "").problem(t, 422, "query.limit: expected number <= 200")
	w.call(t, "GET", "/api/v1/timeline?limit=x&unread=7", mine, "").problem(t, 422, "query.unread: invalid boolean; query.limit: invalid integer")
	w.call(t, "POST", "/api/v1/timeline/read", mine, `{}`).problem(t, 422, `want either "stream" and "seq" or "all": true`)
	w.call(t, "POST", "/api/v1/timeline/read", mine, `{"stream":"mall:1001","seq":-1}`).problem(t, 422, "body.seq: expected number >= 0")
	w.call(t, "POST", "/api/v1/timeline/read", mine, `{`).problem(t, 400, "body: unexpected end of JSON input")
	w.call(t, "POST", "/api/v1/timeline/read", mine, ``).problem(t, 400, "request body is required")
	w.call(t, "POST", "/api/v1/timeline/read", mine, strings.Repeat(" ", 1<<20)).
		problem(t, 413, "request body is too large limit=16385 bytes")
}

func TestUnknownCalls(t *testing.T) {
	w := newWorld(t, nil)
	w.call(t, "GET", "/api/v1/nothing", "", "").problem(t, 404, "no such call: /api/v1/openapi.json lists them")
	got := w.call(t, "DELETE", "/api/v1/timeline", "", "")
	got.problem(t, 405, "this path answers GET, HEAD")
	if got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow is %q", got.header.Get("Allow"))
	}
}

func TestAPartThatIsAway(t *testing.T) {
	w := newWorld(t, nil)
	w.core.Fail(hub.Unavailablef("clickhouse://user:pass@host is away"))
	for _, path := range []string{"/api/v1/timeline", "/api/v1/unread"} {
		got := w.call(t, "GET", path, token(t), "")
		got.problem(t, 503, "a part of the hub is away: the same call can succeed later")
		if got.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
		}
	}
	w.core.Fail(context.DeadlineExceeded)
	w.call(t, "GET", "/api/v1/unread", token(t), "").problem(t, 503, "the call took too long: it can succeed later")
	w.core.Fail(io.ErrUnexpectedEOF)
	w.call(t, "GET", "/api/v1/unread", token(t), "").problem(t, 500, "the call failed; the server's log says why")
	if !strings.Contains(w.log.String(), "unexpected EOF") {
		t.Errorf("the log does not say why:\n%s", w.log)
	}
}

func TestAPanicIsContained(t *testing.T) {
	w := newWorld(t, nil)
	w.journal.panics = true
	got := w.call(t, "POST", "/api/v1/events", token(t, "publish"), `{"type":"NOTICE","targets":["all"],"title":"t"}`)
	got.problem(t, 500, "the call failed; the server's log says why")
	if !strings.Contains(w.log.String(), "secret of the house") {
		t.Error("the log does not say why")
	}
}

func TestPersonalDataIsNotCached(t *testing.T) {
	got := newWorld(t, nil).call(t, "GET", "/api/v1/timeline", token(t), "")
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q", got.header.Get("Cache-Control"))
	}
}

func TestCallsAreMeasured(t *testing.T) {
	w := newWorld(t, nil)
	w.call(t, "GET", "/api/v1/me", token(t), "")
	w.call(t, "GET", "/api/v1/made-up-"+strings.Repeat("x", 10), "", "")
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			calls = append(calls, metric.GetLabel()[0].GetValue()+" "+metric.GetLabel()[1].GetValue())
		}
	}
	if got := strings.Join(calls, ", "); got != "GET /api/v1/me 200, none 404" {
		t.Errorf("got %s", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := api.New(api.Options{}); err == nil {
		t.Error("no options at all were accepted")
	}
}
