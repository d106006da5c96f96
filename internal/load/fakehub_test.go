package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/gorilla/websocket"
	"github.com/twmb/franz-go/pkg/kfake"

	"bongsu/internal/hub"
)

const testTopic = "EVENTS"

// hubWait is how long a fetch of the fake hub's waits: not as long as the tool's own.
const hubWait = 50 * time.Millisecond

// fakeHub is the smallest hub: one topic in, frames out, everything in memory. Its
// fault decides how often an entry is pushed.
type fakeHub struct {
	t      *testing.T
	http   *httptest.Server
	kafka  *kfake.Cluster
	faulty func(stream hub.Stream, seq uint64) (times int)

	mu       sync.Mutex
	streams  map[hub.Stream][]string // frames by seq, from 1
	sessions map[*websocket.Conn][]hub.Stream
	applied  int
	resumed  int
	holds    func() bool // whether the next event has to wait; mu is held
}

func newFakeHub(t *testing.T, faulty func(hub.Stream, uint64) int) *fakeHub {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, testTopic))
	if err != nil {
		t.Fatal(err)
	}
	h := &fakeHub{
		t: t, kafka: cluster, faulty: faulty,
		streams: map[hub.Stream][]string{}, sessions: map[*websocket.Conn][]hub.Stream{},
		holds: func() bool { return false },
	}
	h.http = httptest.NewServer(http.HandlerFunc(h.serve))
	settings := sarama.NewConfig()
	settings.Consumer.MaxWaitTime = hubWait
	consumer, err := sarama.NewConsumer(cluster.ListenAddrs(), settings)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := consumer.ConsumePartition(testTopic, 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	var consuming sync.WaitGroup
	consuming.Go(func() {
		for message := range claim.Messages() {
			h.apply(message.Value)
		}
	})
	t.Cleanup(func() {
		_ = claim.Close()
		consuming.Wait()
		_ = consumer.Close()
		h.http.Close()
		cluster.Close()
	})
	return h
}

// holdBack has events wait while holds, which is called with mu held, says so.
func (h *fakeHub) holdBack(holds func() bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.holds = holds
}

func (h *fakeHub) held() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.holds()
}

// apply numbers an event and pushes it.
func (h *fakeHub) apply(value []byte) {
	event, err := hub.ParseEvent(value)
	if err != nil {
		h.t.Errorf("the tool published %s: %v", value, err)
		return
	}
	for h.held() && h.t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.applied++
	stream := event.Targets[0]
	seq := uint64(len(h.streams[stream]) + 1)
	frame := fmt.Sprintf(`{"jsonrpc":"2.0","method":"entry","params":{"stream":"%s","seq":%d,"id":"%s","data":%s}}`,
		stream, seq, event.ID, event.Data)
	h.streams[stream] = append(h.streams[stream], frame)
	times := 1
	if h.faulty != nil {
		times = h.faulty(stream, seq)
	}
	for conn, streams := range h.sessions {
		for _, s := range streams {
			for range times {
				if s == stream {
					_ = conn.WriteMessage(websocket.TextMessage, []byte(frame)) // it may have left
				}
			}
		}
	}
}

// serve connects a session, replays what it missed, and waits until it leaves. The
// token is a principal in JSON.
func (h *fakeHub) serve(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"bongsu.v1.json"}}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	var call struct {
		Params struct {
			Token  string
			Cursor hub.Cursor
		}
	}
	var person hub.Principal
	if conn.ReadJSON(&call) != nil || json.Unmarshal([]byte(call.Params.Token), &person) != nil {
		return
	}
	h.join(conn, person.Streams(), call.Params.Cursor)
	for {
		if _, _, err := conn.NextReader(); err != nil {
			break
		}
	}
	h.mu.Lock()
	delete(h.sessions, conn)
	h.mu.Unlock()
}

func (h *fakeHub) join(conn *websocket.Conn, streams []hub.Stream, cursor hub.Cursor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	states := []map[string]any{}
	for _, s := range streams {
		states = append(states, map[string]any{"stream": s, "head": len(h.streams[s])})
	}
	_ = conn.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 0, "result": map[string]any{"session": "s", "streams": states}})
	if len(cursor) > 0 {
		h.resumed++
	}
	for stream, seq := range cursor {
		for _, frame := range h.streams[stream][seq:] {
			_ = conn.WriteMessage(websocket.TextMessage, []byte(frame)) // it may have left
		}
	}
	h.sessions[conn] = streams
}

func (h *fakeHub) config() Config {
	return Config{
		URL: h.http.URL, Connections: 20, Malls: 4, Targets: ToMixed, Rate: 2000, Events: 200, Drain: testDrain,
		Brokers: h.kafka.ListenAddrs(), Topic: testTopic,
		Token: func(p *hub.Principal) (string, error) {
			token, err := json.Marshal(p)
			return string(token), err
		},
	}
}

func (h *fakeHub) run(t *testing.T, config Config) *Report {
	t.Helper()
	report, err := Run(context.WithoutCancel(t.Context()), config)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
