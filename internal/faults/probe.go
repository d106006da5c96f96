package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/client"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

const (
	// probeEvery is how often every probe stream gets an entry: a pause is measured
	// to that much.
	probeEvery = 50 * time.Millisecond
	// keepProbes is how far back deliveries are kept.
	keepProbes = 2 * time.Minute
)

// prober publishes to one stream of every shard all the time, and watches at every
// node what comes of it. A shard's entries go to the journal straight, by a node
// that nothing will befall; beside them one entry goes through Kafka's ingress
// topic, by each of its partitions.
type prober struct {
	cluster *Cluster
	began   time.Time
	shards  []hub.Stream // by shard
	ingress []hub.Stream // by ingress partition

	mu    sync.Mutex
	avoid *Node // is not published to
	// toShards and toIngress are what was sent, each probe to all of those streams.
	toShards, toIngress []*probe
	tries               int // to publish
	arrivals            map[*Node]map[hub.Stream][]arrival
	refused             []error // by nodes that nothing had befallen, or by Kafka
}

func newProber(c *Cluster, shards int32) *prober {
	p := &prober{cluster: c, began: time.Now(), shards: make([]hub.Stream, shards), arrivals: map[*Node]map[hub.Stream][]arrival{}}
	for found, i := 0, 0; found < len(p.shards); i++ {
		stream := hub.MallStream("shard" + strconv.Itoa(i))
		if at := stream.Shard(shards); p.shards[at] == "" {
			p.shards[at] = stream
			found++
		}
	}
	for i := range topicPartitions {
		p.ingress = append(p.ingress, hub.MallStream("ingress"+strconv.Itoa(i)))
	}
	return p
}

func (p *prober) clock() time.Duration { return time.Since(p.began) }

// run watches and publishes until ctx ends; it returns when all watchers are
// connected.
func (p *prober) run(ctx context.Context) error {
	var malls []string
	for _, stream := range append(p.shards, p.ingress...) {
		malls = append(malls, stream.Key())
	}
	token, err := mint(jwt.MapClaims{"sub": "watcher", "malls": malls})
	if err != nil {
		return err
	}
	publisher, err := mint(jwt.MapClaims{"sub": "publisher", "scope": "publish"})
	if err != nil {
		return err
	}
	for _, node := range p.cluster.Nodes {
		p.arrivals[node] = map[hub.Stream][]arrival{}
		go p.watch(ctx, node, token)
	}
	go p.post(ctx, publisher)
	go p.produce(ctx)
	return nil
}

// watch follows everything at one node and at no other.
func (p *prober) watch(ctx context.Context, node *Node, token string) {
	cursor := hub.Cursor{}
	for ctx.Err() == nil {
		life, end := context.WithCancel(ctx)
		connection, err := client.Dial(ctx, client.Options{
			URL: node.URL, Cursor: cursor, SkipUnread: true, ConnectTimeout: callPatience,
			Token: func(context.Context) (string, error) { return token, nil },
		})
		if err == nil {
			_ = connection.Run(life, &watcher{p, node, end}) // it ends with the connection
			cursor = connection.Cursor()
		}
		end()
		_ = pause(ctx, 50*time.Millisecond) // its end ends the loop
	}
}

// watcher hears what one node pushes.
type watcher struct {
	*prober
	node *Node
	end  context.CancelFunc
}

var sentMark = []byte(`"sent":`)

// sentAt finds when an entry was sent, in what is pushed.
func sentAt(raw []byte) (time.Duration, bool) {
	_, rest, found := bytes.Cut(raw, sentMark)
	if end := bytes.IndexByte(rest, '}'); found && end > 0 {
		at, err := strconv.ParseInt(string(rest[:end]), 10, 64)
		return time.Duration(at), err == nil
	}
	return 0, false
}

// Entry notes an arrival.
func (w *watcher) Entry(stream hub.Stream, _ uint64, raw []byte) {
	now := w.clock()
	sent, ours := sentAt(raw)
	if !ours {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrivals[w.node][stream] = keep(w.arrivals[w.node][stream], arrival{sent, now}, func(a arrival) bool { return a.sent < now-keepProbes })
}

// keep appends to a list, and lets go of some of it when it is long and old.
func keep[T any](list []T, one T, old func(T) bool) []T {
	const some = 512
	if list = append(list, one); len(list) > 2*some && old(list[some]) {
		return append([]T(nil), list[some:]...)
	}
	return list
}

// begin notes a probe that is about to be sent to the streams of a list.
func (p *prober) begin(list *[]*probe) *probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	now := p.clock()
	one := &probe{sent: now}
	*list = keep(*list, one, func(old *probe) bool { return old.sent < now-keepProbes })
	return one
}

// refuse notes why a probe was not taken.
func (p *prober) refuse(one *probe, where string, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one.refused = true
	p.refused = append(p.refused, fmt.Errorf("%s at %s: %w", where, p.clock().Round(time.Millisecond), why))
}

// Unread is never called: the client passes counts over.
func (w *watcher) Unread(client.Unread) {}

// Gap is not what is measured.
func (w *watcher) Gap(client.Gap) {}

// State ends the session's client with its connection, before it goes elsewhere.
func (w *watcher) State(state client.State) {
	if !state.Connected {
		w.end()
	}
}

// post publishes to the shards' streams, all in one event.
func (p *prober) post(ctx context.Context, token string) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	var under sync.WaitGroup
	defer under.Wait()
	for n := 0; ctx.Err() == nil; n++ {
		<-ticker.C
		node, one := p.target(n), p.begin(&p.toShards)
		event := map[string]any{
			"id": fmt.Sprint("shard-", n), "type": "NOTICE", "title": "probe", "targets": p.shards,
			"data": map[string]any{"sent": int64(one.sent)},
		}
		// A slow answer must not slow the probes down.
		under.Go(func() {
			if err := call(ctx, http.MethodPost, node.URL+"/api/v1/events", token, event, nil); err != nil && ctx.Err() == nil {
				p.refuse(one, node.Name, err)
			}
		})
	}
}

// target returns the node to publish to: in turn, but not the one to avoid.
func (p *prober) target(n int) *Node {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.cluster.Nodes {
		if node := p.cluster.Nodes[(n+i)%len(p.cluster.Nodes)]; node != p.avoid {
			return node
		}
	}
	return p.avoid
}

// spare keeps a node from being published to; nil spares none.
func (p *prober) spare(node *Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.avoid = node
}

// produce publishes by each partition of the ingress topic.
func (p *prober) produce(ctx context.Context) {
	settings, err := kafka.Config{Brokers: []string{p.cluster.Kafka.Addr()}, ClientID: "bongsu-faults-probe"}.Producer()
	if err != nil {
		return
	}
	settings.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer([]string{p.cluster.Kafka.Addr()}, settings)
	if err != nil {
		return
	}
	defer func() { _ = producer.Close() }()
	ticker := time.NewTicker(2 * probeEvery)
	defer ticker.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		<-ticker.C
		one := p.begin(&p.toIngress)
		var messages []*sarama.ProducerMessage
		for partition, stream := range p.ingress {
			value, err := json.Marshal(map[string]any{
				"id": fmt.Sprint("ingress-", partition, "-", n), "type": "NOTICE", "title": "probe",
				"targets": []hub.Stream{stream}, "data": map[string]any{"sent": int64(one.sent)},
			})
			if err == nil {
				messages = append(messages, &sarama.ProducerMessage{Topic: Topic, Partition: int32(partition), Value: sarama.ByteEncoder(value)})
			}
		}
		if err := producer.SendMessages(messages); err != nil && ctx.Err() == nil {
			p.refuse(one, "Kafka", err)
		}
	}
}

// first returns when the node first delivered an entry of the stream that was sent
// at the time or later.
func (p *prober) first(node *Node, stream hub.Stream, since time.Duration) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.arrivals[node][stream] {
		if a.sent >= since {
			return a.received, true
		}
	}
	return 0, false
}

// pause returns the longest that a stream stood still for a node, as what was sent
// between the two times shows.
func (p *prober) pause(node *Node, stream hub.Stream, from, to time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.toShards
	if slices.Contains(p.ingress, stream) {
		sent = p.toIngress
	}
	return longestPause(sent, p.arrivals[node][stream], from, to, p.clock())
}

// awaitFlow waits until every stream flows to every node again, except to one.
func (p *prober) awaitFlow(ctx context.Context, except *Node, within time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	since := p.clock()
	for _, node := range p.cluster.Nodes {
		if node == except {
			continue
		}
		for _, stream := range append(p.ingress[:len(p.ingress):len(p.ingress)], p.shards...) {
			for _, ok := p.first(node, stream, since); !ok; _, ok = p.first(node, stream, since) {
				if err := pause(limited, askEvery); err != nil {
					return fmt.Errorf("%s does not get %s: %w", node.Name, stream, err)
				}
			}
		}
	}
	return nil
}

// clusterView is what GET /cluster says.
type clusterView struct {
	Shards  int32 `json:"shards"`
	Members []struct {
		Name   string  `json:"name"`
		Shards []int32 `json:"shards"`
	} `json:"members"`
}

var errNoMember = errors.New("the cluster does not name the node")

// viewFrom asks a node who owns what.
func viewFrom(ctx context.Context, node *Node) (clusterView, error) {
	var view clusterView
	token, err := OperatorToken()
	if err != nil {
		return view, err
	}
	return view, call(ctx, http.MethodGet, node.URL+"/api/v1/cluster", token, nil, &view)
}

// settledView waits until every shard has an owner, as the node knows, that stays its
// owner for a while, and returns who owns what.
func settledView(ctx context.Context, node *Node) (clusterView, error) {
	limited, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	var before map[int32]string
	for {
		view, err := viewFrom(limited, node)
		if err != nil {
			return view, err
		}
		owners := view.owners()
		if len(owners) == int(view.Shards) && maps.Equal(owners, before) {
			return view, nil
		}
		before = owners
		if err := pause(limited, calm); err != nil {
			return view, fmt.Errorf("%s knows the owners of %d of %d shards: %w", node.Name, len(owners), view.Shards, err)
		}
	}
}

// owners returns the name of each shard's owner.
func (v *clusterView) owners() map[int32]string {
	owners := map[int32]string{}
	for _, m := range v.Members {
		for _, shard := range m.Shards {
			owners[shard] = m.Name
		}
	}
	return owners
}

// owned returns the shards of a member.
func (v *clusterView) owned(node *Node) ([]int32, error) {
	for _, m := range v.Members {
		if m.Name == node.Name {
			return m.Shards, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", errNoMember, node.Name)
}
