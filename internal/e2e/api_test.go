//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// page is a page of the timeline.
type page struct {
	Entries []entry `json:"entries"`
	Next    string  `json:"next"`
}

// answer is an HTTP answer, read whole.
type answer struct {
	*http.Response
	body []byte
}

// problem is an error of the API.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// request makes an HTTP request; body is sent as it is when it is bytes, as
// JSON otherwise.
func request(method, url, token string, header http.Header, body any) (*answer, error) {
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case []byte:
		content = bytes.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, url, content)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return &answer{Response: res, body: text}, err
}

// do makes a request of the API.
func (s *server) do(t *testing.T, method, path, token string, body any) *answer {
	t.Helper()
	a, err := request(method, s.url(path), token, nil, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// want fails the test unless the answer has the status, and decodes its body.
func (a *answer) want(t *testing.T, status int, into any) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: %s, want %d: %s", a.Request.Method, a.Request.URL, a.Status, status, a.body)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("%s: %v in %s", a.Request.URL, err, a.body)
	}
}

// wantProblem fails the test unless the answer is a problem with the status and
// a text that says something.
func (a *answer) wantProblem(t *testing.T, status int) problem {
	t.Helper()
	var p problem
	a.want(t, status, &p)
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
		t.Fatalf("%s: content type %q, want application/problem+json", a.Request.URL, got)
	}
	if p.Status != status || p.Title == "" && p.Detail == "" {
		t.Fatalf("%s: problem %s does not say what it is", a.Request.URL, a.body)
	}
	return p
}

func (s *server) get(t *testing.T, p person, path string, into any) {
	t.Helper()
	s.do(t, http.MethodGet, path, p.token(t), nil).want(t, http.StatusOK, into)
}

// timeline reads one page.
func (s *server) timeline(t *testing.T, p person, query url.Values) page {
	t.Helper()
	var got page
	s.get(t, p, "/api/v1/timeline?"+query.Encode(), &got)
	return got
}

// wholeTimeline reads all pages and returns them, newest first.
func (s *server) wholeTimeline(t *testing.T, p person, query url.Values, limit int) []entry {
	t.Helper()
	var all []entry
	query = cloneValues(query)
	query.Set("limit", strconv.Itoa(limit))
	for {
		got := s.timeline(t, p, query)
		if len(got.Entries) > limit {
			t.Fatalf("a page of %d entries, the limit was %d", len(got.Entries), limit)
		}
		all = append(all, got.Entries...)
		if got.Next == "" {
			return all
		}
		query.Set("before", got.Next)
	}
}

func cloneValues(values url.Values) url.Values {
	out := url.Values{}
	for name, list := range values {
		out[name] = list
	}
	return out
}

// unread asks for the person's counts.
func (s *server) unread(t *testing.T, p person) unread {
	t.Helper()
	var got unread
	s.get(t, p, "/api/v1/unread", &got)
	return got
}

// post publishes over HTTP and returns the entry's id.
func (s *server) post(t *testing.T, event any) string {
	t.Helper()
	var got struct {
		ID string `json:"id"`
	}
	publisher := person{admin: "publisher", scopes: []string{"publish"}}
	s.do(t, http.MethodPost, "/api/v1/events", publisher.token(t), event).want(t, http.StatusAccepted, &got)
	if got.ID == "" {
		t.Fatal("202 without an id")
	}
	return got.ID
}

// read marks entries as read and returns the counts after it.
func (s *server) read(t *testing.T, p person, body any) unread {
	t.Helper()
	var got unread
	s.do(t, http.MethodPost, "/api/v1/timeline/read", p.token(t), body).want(t, http.StatusOK, &got)
	return got
}

// notice returns an event of the type for the targets.
func notice(id string, targets ...string) map[string]any {
	return map[string]any{"id": id, "type": "NOTICE", "targets": targets, "title": "알림 " + id, "body": "본문 " + id}
}
