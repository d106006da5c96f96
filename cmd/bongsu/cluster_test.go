package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const twoNodes = `{"node":"b-1","generation":7,"shards":8,"members":[
	{"id":"b-1","name":"b","address":"10.0.0.2:7001","url":"http://b:8080","generation":7,"shards":[4,5,7],"lag":12,"sessions":1204,"since":"2026-11-20T10:30:00Z","reachable":true},
	{"id":"a-1","name":"a\u001b[31m","address":"10.0.0.1:7001","generation":6,"shards":[0,1,2,3],"lag":0,"sessions":0,"since":"2026-11-20T10:30:00Z","reachable":false}],
	"unowned":[6],"moves":[
	{"at":"2026-11-20T10:31:05Z","shard":5,"from":"a\u001b[31m","to":"b"},
	{"at":"2026-11-20T10:31:05Z","shard":4,"from":"a\u001b[31m","to":"b"},
	{"at":"2026-11-20T10:30:01Z","shard":7,"from":"","to":"b"}]}`

// clusterNode plays a node: each call is answered by the next of these, the last
// one again and again.
func clusterNode(t *testing.T, answers ...http.HandlerFunc) (url string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/cluster" || r.Header.Get("Authorization") != "Bearer t" {
			t.Errorf("%s with %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		n := int(calls.Add(1))
		answers[min(n, len(answers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may have left
	}
}

func TestTheClusterIsATable(t *testing.T) {
	bare(t)
	url, _ := clusterNode(t, says(200, twoNodes))
	r := bongsu(t, "", "cluster", "--url", url, "--token", "t")
	if r.code != exitOK {
		t.Fatalf("got %+v", r)
	}
	var got []string
	for line := range strings.Lines(r.out) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	at := func(s string) string { return localTime(t, s).Format(time.TimeOnly) }
	since := localTime(t, "2026-11-20T10:30:00Z").Format("01-02 15:04:05")
	want := []string{
		"2 nodes, 8 shards, 1 unowned, generation 7, 1204 sessions, lag 12",
		"",
		"NODE SHARDS SESSIONS LAG SINCE ADDRESS OWNS",
		"! a[31m 4 - no answer " + since + " 10.0.0.1:7001 0-3",
		"* b 3 1204 12 " + since + " 10.0.0.2:7001 4-5, 7",
		"",
		"unowned: 6",
		"",
		"moves",
		at("2026-11-20T10:31:05Z") + " a[31m -> b 4-5",
		at("2026-11-20T10:30:01Z") + " nobody -> b 7",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant, but for spaces:\n%s", r.out, strings.Join(want, "\n"))
	}
	lines := strings.Split(r.out, "\n")
	if strings.Index(lines[2], "ADDRESS") != strings.Index(lines[3], "10.0.0.1") || strings.Index(lines[3], "10.0") != strings.Index(lines[4], "10.0") {
		t.Errorf("the columns are not in line:\n%s", r.out)
	}
}

func localTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.Local()
}

func TestTheClusterInJSONIsWhatTheHubSaidInOneLine(t *testing.T) {
	bare(t)
	url, _ := clusterNode(t, says(200, twoNodes))
	r := bongsu(t, "", "cluster", "--url", url, "--token", "t", "--json")
	var got, want map[string]any
	if strings.Count(r.out, "\n") != 1 || json.Unmarshal([]byte(r.out), &got) != nil || json.Unmarshal([]byte(twoNodes), &want) != nil {
		t.Fatalf("got %+v", r)
	}
	if len(got) != len(want) || got["generation"] != want["generation"] {
		t.Errorf("got %v", got)
	}
}

func TestTheClusterIsAskedOfTheFirstNodeThatAnswers(t *testing.T) {
	bare(t)
	const gone = "http://127.0.0.1:1"
	busy, _ := clusterNode(t, says(503, `{"title":"starting"}`))
	url, _ := clusterNode(t, says(200, twoNodes))
	if r := bongsu(t, "", "cluster", "--url", gone+","+busy+","+url, "--token", "t"); r.code != exitOK {
		t.Errorf("got %+v", r)
	}
	r := bongsu(t, "", "cluster", "--url", gone, "--url", busy, "--token", "t")
	if r.code != exitUnavailable || !strings.Contains(r.err, "starting") || !strings.Contains(r.err, gone) {
		t.Errorf("got %+v", r)
	}
}

func TestARefusalSaysWhatIsMissing(t *testing.T) {
	bare(t)
	elsewhere, led := clusterNode(t, says(200, twoNodes))
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"token":     {says(401, `{"detail":"the token has expired"}`), "the token has expired: make a new token"},
		"scope":     {says(403, `{"detail":"forbidden"}`), "--scope ops"},
		"no hub":    {says(404, `not found`), "404"},
		"no JSON":   {says(200, `<html>`), "not understood"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) }, "302"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := clusterNode(t, c.answer)
			r := bongsu(t, "", "cluster", "--url", url, "--token", "t", "--watch")
			if r.code != exitFailed || !strings.Contains(r.err, c.says) {
				t.Errorf("got %+v, want %q", r, c.says)
			}
		})
	}
	if led.Load() != 0 {
		t.Error("a redirect was followed, with the token")
	}
}

// until calls then once so many lines were written to it.
type until struct {
	bytes.Buffer
	lines int
	then  func()
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	if bytes.Count(u.Bytes(), []byte("\n")) == u.lines {
		u.then()
	}
	return n, err
}

func TestAWatchedClusterOutlivesItsNodes(t *testing.T) {
	bare(t)
	ctx, cancel := context.WithCancel(t.Context())
	url, _ := clusterNode(t, says(200, twoNodes), says(503, `{"title":"restarting"}`), says(200, twoNodes))
	out, said := &until{lines: 2, then: cancel}, &bytes.Buffer{}
	code := run(ctx, []string{"cluster", "--url", url, "--token", "t", "--watch", "--json"}, &stdio{in: strings.NewReader(""), out: out, err: said})
	if code != exitOK || strings.Count(out.String(), "\n") != 2 || !strings.Contains(said.String(), "restarting") {
		t.Errorf("exit %d, %s, %s", code, out, said)
	}
}

func TestRangesOfShards(t *testing.T) {
	for want, numbers := range map[string][]int32{"": nil, "5": {5}, "0-1": {0, 1}, "0-2, 4, 6-7": {0, 1, 2, 4, 6, 7}} {
		if got := ranges(numbers); got != want {
			t.Errorf("%v is %q, want %q", numbers, got, want)
		}
	}
}
