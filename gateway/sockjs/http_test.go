package sockjs_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"bongsu/gateway"
	"bongsu/gateway/sockjs"
)

func TestInfoTellsWhatThereIs(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{Origins: gateway.Origins{"https://office.example"}})
	answer := s.request(http.MethodGet, "/info", "", "Origin", "https://office.example")
	var info map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&info); err != nil {
		t.Fatal(err)
	}
	if info["websocket"] != true || info["cookie_needed"] != false || info["entropy"] == nil {
		t.Errorf("%v", info)
	}
	if h := answer.Header; h.Get("Access-Control-Allow-Origin") != "https://office.example" ||
		h.Get("Access-Control-Allow-Credentials") != "true" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
		t.Errorf("%v", h)
	}
	answer = s.request(http.MethodOptions, "/info", "", "Origin", "https://office.example", "Access-Control-Request-Headers", "a, b")
	if h := answer.Header; answer.StatusCode != http.StatusNoContent || h.Get("Access-Control-Allow-Methods") != "OPTIONS, GET" ||
		h.Get("Access-Control-Allow-Headers") != "a, b" {
		t.Errorf("preflight: %d %v", answer.StatusCode, h)
	}
	if answer = s.request(http.MethodGet, "/info", "", "Origin", "https://evil.example"); answer.StatusCode != http.StatusForbidden {
		t.Errorf("from another origin: %d", answer.StatusCode)
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{})
	for _, path := range []string{"/x", "/a/b", "/a/b/jsonp", "/a.b/c/xhr", "/a/b.c/xhr", "//b/xhr", "/a//xhr", "/a/b/xhr/", "/iframe.html"} {
		if answer := s.request(http.MethodPost, path, ""); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	if answer := s.request(http.MethodGet, "/a/b/xhr", ""); answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") == "" {
		t.Errorf("another method: %d", answer.StatusCode)
	}
	answer := s.request(http.MethodGet, "/", "")
	if body, _ := io.ReadAll(answer.Body); string(body) != "Welcome to SockJS!\n" {
		t.Errorf("welcome %q", body)
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{})
	const path = "/000/abcd1234"
	if answer := s.request(http.MethodPost, path+"/xhr_send", `["x"]`); answer.StatusCode != http.StatusNotFound {
		t.Errorf("to no session: %d", answer.StatusCode)
	}
	if got := s.poll(path); got != "o" {
		t.Fatalf("first %q", got)
	}
	for body, status := range map[string]int{
		"": http.StatusBadRequest, `["x`: http.StatusBadRequest, `{}`: http.StatusBadRequest, `[1]`: http.StatusBadRequest,
		`[]`: http.StatusNoContent, `["` + strings.Repeat("x", sockjs.MaxMessage) + `"]`: http.StatusRequestEntityTooLarge,
	} {
		if answer := s.request(http.MethodPost, path+"/xhr_send", body); answer.StatusCode != status {
			t.Errorf("%.20s: %d, want %d", body, answer.StatusCode, status)
		}
	}
}

func TestThePageForIframesNamesTheClient(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{ClientURL: "https://office.example/sockjs.min.js"})
	answer := s.request(http.MethodGet, "/iframe-1.6.1.html", "")
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), `src="https://office.example/sockjs.min.js"`) {
		t.Errorf("%d %s: %v", answer.StatusCode, body, err)
	}
}
