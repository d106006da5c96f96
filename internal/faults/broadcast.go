package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/IBM/sarama"
	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/client"
	"bongsu/internal/faults/report"
	"bongsu/internal/hub"
	"bongsu/internal/testenv"
)

// BroadcastConfig says how to measure a broadcast.
type BroadcastConfig struct {
	Cluster ClusterConfig
	// Connections are opened to each node, by a process of their own: one process
	// has not files enough.
	Connections int
	// Events is how many are published, one a second.
	Events int
	// Listen returns the command that runs Listen for one node.
	Listen func(url string, connections int) *exec.Cmd
}

// Broadcast measures how long an event to everybody takes to everybody, and how
// many messages between the nodes it costs.
func Broadcast(ctx context.Context, config BroadcastConfig) (f *Figures, err error) {
	cluster, err := OpenCluster(ctx, config.Cluster)
	if err != nil {
		return nil, err
	}
	defer func() { _ = cluster.Close() }() // what it has to say was measured before
	f = &Figures{Title: fmt.Sprintf("Broadcast to %d × %d connections", len(cluster.Nodes), config.Connections), Started: time.Now()}
	audiences := make([]*audience, len(cluster.Nodes))
	for i, node := range cluster.Nodes {
		if audiences[i], err = gather(config.Listen(node.URL, config.Connections)); err != nil {
			return nil, err
		}
	}
	for _, a := range audiences {
		if err := a.awaitReady(); err != nil {
			return nil, err
		}
	}
	config.Cluster.Log.Info("everybody is connected")
	if err := pause(ctx, 5*time.Second); err != nil {
		return nil, err
	}
	messages, err := broadcast(ctx, cluster, config.Events)
	if err != nil {
		return nil, err
	}
	return f, f.broadcast(cluster, audiences, messages, config)
}

// broadcast publishes and returns how many link batches each node received, an
// event apart.
func broadcast(ctx context.Context, cluster *Cluster, events int) (map[string][]float64, error) {
	producer, err := newProducer(cluster.Kafka.Addr())
	if err != nil {
		return nil, err
	}
	defer func() { _ = producer.Close() }()
	received := map[string][]float64{}
	before, err := batches(ctx, cluster)
	if err != nil {
		return nil, err
	}
	for n := range events {
		value, err := json.Marshal(map[string]any{
			"id": fmt.Sprint("broadcast-", n), "type": "NOTICE", "title": "To everybody", "targets": []string{"all"},
			"data": map[string]any{"sent": time.Now().UnixNano()},
		})
		if err != nil {
			return nil, err
		}
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: Topic, Value: sarama.ByteEncoder(value)}); err != nil {
			return nil, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
		after, err := batches(ctx, cluster)
		if err != nil {
			return nil, err
		}
		for name, count := range after {
			received[name] = append(received[name], count-before[name])
		}
		before = after
	}
	return received, nil
}

// batches returns how many batches of entries each node has received from others.
func batches(ctx context.Context, cluster *Cluster) (map[string]float64, error) {
	counts := map[string]float64{}
	for _, node := range cluster.Nodes {
		m, err := scrape(ctx, node)
		if err != nil {
			return nil, err
		}
		if counts[node.Name], err = m.sum("bongsu_link_messages_total", `type="batch"`, `direction="in"`); err != nil {
			return nil, fmt.Errorf("%s: %w", node.Name, err)
		}
	}
	return counts, nil
}

// broadcast fills in what was measured.
func (f *Figures) broadcast(cluster *Cluster, audiences []*audience, messages map[string][]float64, config BroadcastConfig) error {
	all := hdrhistogram.New(1, time.Minute.Microseconds(), 3)
	for i, a := range audiences {
		heard, err := a.result()
		if err != nil {
			return err
		}
		latency := hdrhistogram.Import(heard.Latency)
		all.Merge(latency)
		name := cluster.Nodes[i].Name
		want := uint64(config.Connections * config.Events)
		f.spans("published to received at "+name, fmt.Sprintf("%d received, each once", want), spansOf(latency), func(report.Spans) bool {
			return heard.Received == want && heard.Disordered == 0
		})
		f.Notes = append(f.Notes, fmt.Sprintf("  %s: batches from other nodes for each event: %v; %d connections broke", name, messages[name], heard.Broken))
	}
	var names []string
	for _, node := range cluster.Nodes {
		names = append(names, node.Name)
	}
	f.batches(names, messages, config.Events)
	f.spans("published to received, all", "", spansOf(all), nil)
	return nil
}

// batches judges how many batches each event cost: the owner of the stream sends
// every other node one.
func (f *Figures) batches(names []string, messages map[string][]float64, events int) {
	for _, name := range names {
		got := messages[name]
		f.Rows = append(f.Rows, Figure{
			Name: "most batches to " + name + " for one event", Goal: "at most one", Spans: report.Spans{Count: len(got)},
			Met: events > 0 && len(got) == events && slices.Max(got) <= 1, Each: got,
		})
	}
	right := 0
	for n := range events {
		sum := 0.0
		for _, name := range names {
			if n < len(messages[name]) {
				sum += messages[name][n]
			}
		}
		if sum == float64(len(names)-1) {
			right++
		}
	}
	f.count(fmt.Sprintf("events that cost %d batches, one for each other node", len(names)-1), right, events)
}

func spansOf(h *hdrhistogram.Histogram) report.Spans {
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1e6 }
	return report.Spans{Count: int(h.TotalCount()), P50: at(50), P90: at(90), P99: at(99), Max: float64(h.Max()) / 1e6}
}

// audience is a process that listens with many connections.
type audience struct {
	in    io.WriteCloser
	lines *bufio.Reader
}

func gather(command *exec.Cmd) (*audience, error) {
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if _, err := testenv.StartChild(command); err != nil {
		return nil, err
	}
	return &audience{in, bufio.NewReader(out)}, nil
}

func (a *audience) awaitReady() error {
	line, err := a.lines.ReadString('\n')
	if err != nil || line != "ready\n" {
		return fmt.Errorf("an audience did not connect: %q %w", line, err)
	}
	return nil
}

// result ends the audience and returns what it heard.
func (a *audience) result() (heard heard, err error) {
	if err := a.in.Close(); err != nil {
		return heard, err
	}
	line, err := a.lines.ReadBytes('\n')
	if err != nil {
		return heard, fmt.Errorf("an audience did not say what it heard: %w", err)
	}
	return heard, json.Unmarshal(line, &heard)
}

// heard is what an audience says at its end.
type heard struct {
	Received   uint64                 `json:"received"`
	Disordered uint64                 `json:"disordered"`
	Broken     uint64                 `json:"broken"`
	Latency    *hdrhistogram.Snapshot `json:"latency"`
}

// listening counts what all connections of a process hear.
type listening struct {
	mu      sync.Mutex
	heard   heard
	up      int
	latency *hdrhistogram.Histogram
}

// Listen opens connections to a node, writes "ready" when all are there, and what
// they heard, as JSON, when in ends.
func Listen(ctx context.Context, url string, connections int, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &listening{latency: hdrhistogram.New(1, time.Minute.Microseconds(), 3)}
	pool := client.NewPool()
	for i := range connections {
		token, err := mint(jwt.MapClaims{"sub": "listener" + strconv.Itoa(i)})
		if err != nil {
			return err
		}
		if i%100 == 99 {
			_ = pause(ctx, 20*time.Millisecond) // its end ends the connections
		}
		go l.hold(ctx, client.Options{
			URL: url, Pool: pool, ReadBuffer: 512, SkipUnread: true, ConnectTimeout: time.Minute,
			Token: func(context.Context) (string, error) { return token, nil },
		})
	}
	for l.connected() < connections {
		if err := pause(ctx, askEvery); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	return l.write(out)
}

func (l *listening) connected() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up
}

func (l *listening) write(out io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard.Latency = l.latency.Export()
	return json.NewEncoder(out).Encode(l.heard)
}

// hold keeps one connection.
func (l *listening) hold(ctx context.Context, options client.Options) {
	for ctx.Err() == nil {
		connection, err := client.Dial(ctx, options)
		if err == nil {
			_ = connection.Run(ctx, &ear{listening: l}) // its end is counted by State
			return
		}
		_ = pause(ctx, time.Second) // its end ends the loop
	}
}

// ear is one connection's.
type ear struct {
	*listening
	last uint64
}

// Entry counts an entry and how long it took.
func (e *ear) Entry(_ hub.Stream, seq uint64, raw []byte) {
	now := time.Now().UnixNano()
	sent, ours := sentAt(raw)
	if !ours {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard.Received++
	if e.last != 0 && seq != e.last+1 {
		e.heard.Disordered++
	}
	e.last = seq
	// It fails for what is out of range only.
	_ = e.latency.RecordValue(max(1, min((now-int64(sent))/1000, time.Minute.Microseconds())))
}

// Unread is never called: the client passes counts over.
func (e *ear) Unread(client.Unread) {}

// Gap is counted as what it is: something is missing.
func (e *ear) Gap(client.Gap) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard.Disordered++
}

// State counts the connections.
func (e *ear) State(state client.State) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if state.Connected {
		e.up++
		return
	}
	e.up--
	e.heard.Broken++
}
