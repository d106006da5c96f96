package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// prepared returns a node as Run makes one, which sets the Kafka client's logger as
// well: that is for the start of a program, and not of a test.
func prepared(cfg *Config) *node {
	return &node{cfg: *cfg, log: slog.New(slog.DiscardHandler), registry: newRegistry(), failed: make(chan error, 8)}
}

// running starts a node of its own, in dev mode and with the proof of concept's endpoints.
func running(t *testing.T) *node {
	t.Helper()
	n := prepared(&Config{
		HTTPAddr: "127.0.0.1:0", DataDir: t.TempDir(), KafkaEmbeddedAddr: "127.0.0.1:0", KafkaIngressTopics: []string{"t"}, KafkaShards: 1,
		Dev: true, NodeName: "n", SessionsPerPerson: 1, ClusterConfig: ClusterConfig{ClusterRemoteAddr: "127.0.0.1:0"},
		CompatConfig: CompatConfig{Compat: []string{compatPoC}, CompatOpen: true, TimeZone: "Asia/Seoul"},
	})
	if err := n.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// ask makes a request and returns the answer's code and body; ended says that nobody
// answers any more.
func ask(t *testing.T, method, url, token, body string) (code int, answer string, ended bool) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return 0, "", true
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(all), false
}

func TestWhatIsPublishedIsTakenUntilHTTPHasEnded(t *testing.T) {
	n := running(t)
	_, signedIn, _ := ask(t, http.MethodPost, n.url()+"/api/v1/dev/sign-in", "", `{"admin":"7"}`)
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(signedIn), &token); err != nil {
		t.Fatal(err)
	}
	var open, closed []string // which parts were about to stop
	for i, part := range n.stops {
		n.stops[i].stop = func(ctx context.Context) error {
			code, answer, ended := ask(t, http.MethodPost, n.url()+"/api/v1/dev/publish", token.Token, "x")
			produced, text, _ := ask(t, http.MethodGet, n.url()+"/produce?msg=x", "", "")
			if !ended && (code != http.StatusNoContent || produced != http.StatusOK) {
				t.Errorf("before %s ends: %d %s, %d %s", part.name, code, answer, produced, text)
			}
			if ended {
				closed = append(closed, part.name)
			} else {
				open = append(open, part.name)
			}
			return part.stop(ctx)
		}
	}
	if err := n.stop(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"ingress publisher", "dev mode's producer", "journal producer", "timeline", "embedded broker"} {
		if !slices.Contains(closed, name) {
			t.Errorf("HTTP is open when %s ends", name)
		}
	}
	if !slices.Contains(open, "actors") {
		t.Error("HTTP is closed while the actors work still")
	}
}
