package sockjs_test

import (
	"encoding/json"
	"fmt"
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
	const broken = "Broken JSON encoding."
	for _, one := range []struct {
		body   string
		status int
		why    string
	}{
		{"", http.StatusInternalServerError, "Payload expected."},
		{`["x`, http.StatusInternalServerError, broken},
		{`{}`, http.StatusInternalServerError, broken},
		{`[1]`, http.StatusInternalServerError, broken},
		{`["` + strings.Repeat("x", sockjs.MaxSend) + `"]`, http.StatusRequestEntityTooLarge, "at most"},
		{`[]`, http.StatusNoContent, ""},
	} {
		answer := s.request(http.MethodPost, path+"/xhr_send", one.body)
		why, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != one.status || !strings.Contains(string(why), one.why) {
			t.Errorf("%.20s: %d %s, want %d %s: %v", one.body, answer.StatusCode, why, one.status, one.why, err)
		}
	}
}

// As the protocol's own tests want it.
func TestHeadersOfTheProtocol(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{})
	const path = "/000/abcd1234"
	for _, one := range []struct{ method, path, body, kind string }{
		{http.MethodPost, "/xhr", "", "application/javascript; charset=UTF-8"},
		{http.MethodPost, "/xhr_send", "[]", "text/plain; charset=UTF-8"},
		{http.MethodPost, "/xhr_streaming", "", "application/javascript; charset=UTF-8"},
	} {
		h := s.request(one.method, path+one.path, one.body).Header
		if h.Get("Content-Type") != one.kind || h.Get("Cache-Control") != "no-store, no-cache, no-transform, must-revalidate, max-age=0" ||
			h.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", one.path, h)
		}
		answer := s.request(http.MethodOptions, path+one.path, "", "Access-Control-Request-Headers", "a, b")
		if h = answer.Header; answer.StatusCode != http.StatusNoContent || h.Get("Access-Control-Allow-Methods") != "OPTIONS, POST" ||
			h.Get("Access-Control-Allow-Headers") != "a, b" || h.Get("Access-Control-Max-Age") == "" {
			t.Errorf("preflight of %s: %d %v", one.path, answer.StatusCode, h)
		}
	}
	for _, kind := range []string{"", "text/plain", "T", "application/json", "application/xml", "text/xml; charset=utf-8"} {
		if answer := s.request(http.MethodPost, path+"/xhr_send", "[]", "Content-Type", kind); answer.StatusCode != http.StatusNoContent {
			t.Errorf("content of type %q: %d", kind, answer.StatusCode)
		}
	}
}

// What sockjs-client gathers while a request is under way goes into the next.
func TestAPageMaySubscribeToEveryMallInOneRequest(t *testing.T) {
	const malls = 1000
	s := serve(t, gateway.Options{}, sockjs.Options{})
	token, said := "7", []string{}
	for i := range malls {
		token += fmt.Sprintf(" mall:%d", 1000+i)
		said = append(said, fmt.Sprintf("SUBSCRIBE\nid:sub-%d\ndestination:/topic/notification/complex/%d/user/7\n\n\x00", i, 1000+i))
	}
	const path = "/000/abcd1234"
	if got := s.poll(path); got != "o" {
		t.Fatalf("first %q", got)
	}
	s.send(path, strings.Replace(connect, "7 mall:500", token, 1))
	s.poll(path)
	s.send(path, said...)
	s.core.Publish("mall:1999", 1)
	if got := s.poll(path); !strings.Contains(got, `subscription:sub-999\n`) {
		t.Errorf("got %.100s", got)
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
