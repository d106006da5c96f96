package poc_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/ingest"
	"bongsu/gateway/poc"
)

// topic is an ingress topic of one partition: what is published is decoded and
// pushed, as ingress does.
type topic struct {
	core *gatewaytest.Core

	mu     sync.Mutex
	values []string
	err    error
}

// Publish implements poc.Publisher.
func (p *topic) Publish(_ context.Context, value []byte) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	p.values = append(p.values, string(value))
	offset := int64(len(p.values)) - 1
	if e, err := ingest.Decode(ingest.Message{Topic: "t", Offset: offset, Value: value}); err == nil {
		p.core.PublishEvent(e)
	}
	return offset, nil
}

// fail makes Publish fail.
func (p *topic) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// published returns what was published.
func (p *topic) published() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.values...)
}

// site is a server with the proof of concept's endpoints.
type site struct {
	t     *testing.T
	url   string
	core  *gatewaytest.Core
	topic *topic

	dialer  *websocket.Dialer
	metrics *prometheus.Registry
}

// settled waits until there are so many open sessions: a client that is let in
// gets what comes from a moment later on.
func (s *site) settled(sessions float64) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		families, err := s.metrics.Gather()
		if err != nil {
			s.t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() == "bongsu_gateway_sessions" && family.GetMetric()[0].GetGauge().GetValue() == sessions {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("there are not %v sessions", sessions)
		}
	}
}

func serve(t *testing.T, o poc.Options) *site {
	t.Helper()
	return serveBy(t, gatewaytest.BySockets, gateway.Options{}, o)
}

func serveBy(t *testing.T, way gatewaytest.Way, g gateway.Options, o poc.Options) *site {
	t.Helper()
	metrics := prometheus.NewRegistry()
	g.Metrics = metrics
	gw, core := gatewaytest.Start(t, g)
	topic := &topic{core: core}
	o.Publisher = topic
	mux := http.NewServeMux()
	mux.Handle("/notifications", poc.Events(gw, o))
	mux.Handle("/ws", poc.Socket(gw, o))
	mux.Handle("/produce", poc.Produce(gw, o))
	server := way(t, mux)
	return &site{t, server.URL, core, topic, gatewaytest.Dialer(server), metrics}
}

// events opens a stream of an id.
func (s *site) events(query string, header http.Header) *gatewaytest.Stream {
	s.t.Helper()
	return gatewaytest.GetStream(s.t, s.url+"/notifications?"+query, header)
}

// socket is a page's WebSocket.
type socket struct {
	t *testing.T
	*websocket.Conn
}

func (s *site) socket(query string) socket {
	s.t.Helper()
	conn, _, err := s.dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/ws?"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return socket{s.t, conn}
}

// text returns the next frame.
func (c socket) text() string {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	kind, message, err := c.ReadMessage()
	if err != nil || kind != websocket.TextMessage {
		c.t.Fatalf("%d %q: %v", kind, message, err)
	}
	return string(message)
}

// closed returns the code of the close frame that comes next.
func (c socket) closed() int {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, message, err := c.ReadMessage()
	var left *websocket.CloseError
	if !errors.As(err, &left) {
		c.t.Fatalf("%q: %v", message, err)
	}
	return left.Code
}

// produce publishes and returns the answer's status, type and body.
func (s *site) produce(query string) (status int, kind, body string) {
	s.t.Helper()
	answer, err := http.Get(s.url + "/produce?" + query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), string(text)
}

// ask makes a request with headers, given as names and values.
func (s *site) ask(method, path string, header ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer
}

// publish publishes texts as person 1.
func (s *site) publish(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if status, _, body := s.produce("access_token=1&msg=" + url.QueryEscape(text)); status != 200 {
			s.t.Fatalf("%q: %d %s", text, status, body)
		}
	}
}
