package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// site is the handler under test; making one compresses all files.
type site struct{ http.Handler }

func newSite() site { return site{Handler()} }

func (s site) get(path string, header map[string]string) *http.Response {
	return s.do(http.MethodGet, path, header)
}

func (s site) do(method, path string, header map[string]string) *http.Response {
	request := httptest.NewRequest(method, path, nil)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	return recorder.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var assetPath = regexp.MustCompile(`/assets/[A-Za-z0-9._-]+`)

func TestTheConsoleIsServedAtTheRoot(t *testing.T) {
	s := newSite()
	response := s.get("/", nil)
	page := body(t, response.Body)
	if response.StatusCode != http.StatusOK || !strings.Contains(page, `id="app"`) {
		t.Fatalf("GET / answered %d with %q", response.StatusCode, page)
	}
	if got := response.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the page must be asked for again, but Cache-Control is %q", got)
	}
}

func TestEverythingThePageNamesIsThereAndKeptForEver(t *testing.T) {
	s := newSite()
	page := body(t, s.get("/", nil).Body)
	names := assetPath.FindAllString(page, -1)
	if len(names) < 2 {
		t.Fatalf("the page names %v, want a script and a style sheet", names)
	}
	types := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
	for _, name := range names {
		response := s.get(name, nil)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s answered %d", name, response.StatusCode)
		}
		if got := response.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s has Cache-Control %q", name, got)
		}
		extension := name[strings.LastIndex(name, "."):]
		if got := response.Header.Get("Content-Type"); got != types[extension] {
			t.Errorf("%s has content type %q", name, got)
		}
	}
}

func TestThePageObeysItsOwnPolicy(t *testing.T) {
	s := newSite()
	response := s.get("/", nil)
	page := body(t, response.Body)
	for _, want := range []string{"default-src 'self'", "connect-src 'self' ws: wss: http: https:", "frame-ancestors 'none'"} {
		if got := response.Header.Get("Content-Security-Policy"); !strings.Contains(got, want) {
			t.Errorf("the policy %q lacks %q", got, want)
		}
	}
	if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options is %q", got)
	}
	inline := regexp.MustCompile(`<script(?:\s[^>]*)?>\s*[^\s<]|<style|\son[a-z]+=|style=`)
	if found := inline.FindString(page); found != "" {
		t.Errorf("the page has something inline that the policy forbids: %q", found)
	}
}

func TestTheClientIsServedAsAModule(t *testing.T) {
	s := newSite()
	response := s.get("/client/index.js", nil)
	if response.StatusCode != http.StatusOK || !strings.Contains(body(t, response.Body), "connect") {
		t.Fatalf("GET /client/index.js answered %d", response.StatusCode)
	}
	if response := s.get("/client/index.d.ts", nil); response.StatusCode != http.StatusOK {
		t.Errorf("the types answered %d", response.StatusCode)
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	s := newSite()
	for _, path := range []string{"/inbox", "/index.html", "/assets/", "/assets/none.js", "/client", "/api/v1/unread", "/../embed.go", "//"} {
		if response := s.get(path, nil); response.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s answered %d, want 404", path, response.StatusCode)
		}
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	s := newSite()
	response := s.do(http.MethodPost, "/", nil)
	if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST / answered %d, Allow %q", response.StatusCode, response.Header.Get("Allow"))
	}
	head := s.do(http.MethodHead, "/", nil)
	if head.StatusCode != http.StatusOK || body(t, head.Body) != "" || head.Header.Get("Content-Length") == "" {
		t.Errorf("HEAD / answered %d, Content-Length %q", head.StatusCode, head.Header.Get("Content-Length"))
	}
}

func TestAnUnchangedFileIsNotSentAgain(t *testing.T) {
	s := newSite()
	for _, accept := range []string{"", "gzip"} {
		first := s.get("/", map[string]string{"Accept-Encoding": accept})
		etag := first.Header.Get("Etag")
		again := s.get("/", map[string]string{"Accept-Encoding": accept, "If-None-Match": `"other", W/` + etag})
		if again.StatusCode != http.StatusNotModified || body(t, again.Body) != "" {
			t.Errorf("with encoding %q and its own etag: %d", accept, again.StatusCode)
		}
		stale := s.get("/", map[string]string{"Accept-Encoding": accept, "If-None-Match": `"stale"`})
		if stale.StatusCode != http.StatusOK {
			t.Errorf("with encoding %q and a stale etag: %d", accept, stale.StatusCode)
		}
	}
}

func TestFilesAreCompressedForWhoTakesIt(t *testing.T) {
	s := newSite()
	name := assetPath.FindString(body(t, s.get("/", nil).Body))
	plain := s.get(name, nil)
	if plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("without Accept-Encoding: encoding %q, Vary %q", plain.Header.Get("Content-Encoding"), plain.Header.Get("Vary"))
	}
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, gzip;q=0.8": "gzip", "gzip;q=0": "", "gzip; q=0.0": "", "br": "", "identity": "",
	} {
		response := s.get(name, map[string]string{"Accept-Encoding": accept})
		if got := response.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q gave %q, want %q", accept, got, want)
		}
	}
	packed := s.get(name, map[string]string{"Accept-Encoding": "gzip"})
	reader, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body(t, reader) != body(t, plain.Body) {
		t.Error("the compressed file is another one")
	}
}
