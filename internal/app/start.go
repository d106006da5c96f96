package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bongsu/actors"
	"bongsu/cluster"
	"bongsu/gateway"
	"bongsu/gateway/api"
	"bongsu/gateway/auth"
	"bongsu/gateway/ingest"
	"bongsu/gateway/sse"
	"bongsu/gateway/ws"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/persistence"
	"bongsu/persistence/clickhouse"
	"bongsu/persistence/embedded"
	"bongsu/persistence/journal"
	"bongsu/persistence/sqlite"
	"bongsu/web"
)

// parts are what a node consists of.
type parts struct {
	server   *server
	kafka    kafka.Config
	shards   int32
	timeline persistence.Timeline
	producer *journal.Producer
	ingress  *ingest.Publisher   // nil without the proof of concept's endpoints
	dev      sarama.SyncProducer // nil without dev mode
	verifier *auth.Verifier
	secret   string
	gateway  *gateway.Gateway
	host     *actors.Host
	cluster  *cluster.Node
	core     *actors.Core
	consumer *journal.Consumer
	leave    []func(context.Context) error // the consumer groups, in this order
}

// start starts the parts, each after those that it needs.
func (n *node) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		n.startHTTP, n.startKafka, n.startTimeline, n.startJournal, n.startPublishers,
		n.startAuth, n.startActors, n.startConsumers, n.startRedis, n.startServing,
	} {
		if err := step(ctx); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // told to stop while starting
			}
			return err
		}
	}
	return nil
}

func (n *node) startHTTP(ctx context.Context) error {
	server, err := listen(ctx, n.cfg.HTTPAddr, n.log)
	if err != nil {
		return fmt.Errorf("%w: set BONGSU_HTTP_ADDR to a free address", err)
	}
	n.parts.server = server
	go server.serve()
	n.onStop("http", server.shutdown) // of a node that gets no further
	return nil
}

func (n *node) startKafka(ctx context.Context) error {
	fingerprint, err := n.fingerprint()
	if err != nil {
		return err
	}
	n.parts.kafka = kafka.Config{Brokers: n.cfg.KafkaBrokers, ClientID: clientID(n.cfg.NodeName), Fingerprint: fingerprint}
	if err := n.cfg.KafkaAccess.Apply(&n.parts.kafka); err != nil {
		return err
	}
	if len(n.cfg.KafkaBrokers) == 0 {
		broker, err := embedded.Start(ctx, embedded.Options{
			Addr: n.cfg.KafkaEmbeddedAddr,
			Dir:  filepath.Join(n.cfg.DataDir, "kafka"),
			Sync: n.cfg.KafkaEmbeddedSync,
		}, n.log)
		if err != nil {
			return err
		}
		n.onStop("embedded broker", broker.Close)
		n.parts.kafka.Brokers = []string{broker.Addr()}
	}
	return n.retry(ctx, "Kafka", func(ctx context.Context) (err error) {
		n.parts.shards, err = journal.Ensure(ctx, n.parts.kafka, n.cfg.KafkaShards, n.log)
		return err
	})
}

func (n *node) startTimeline(ctx context.Context) error {
	err := n.retry(ctx, "the timeline", func(ctx context.Context) (err error) {
		if n.cfg.ClickHouseDSN != "" {
			n.parts.timeline, err = clickhouse.Open(ctx, n.cfg.ClickHouseDSN, clickhouse.Options{Retention: n.cfg.Retention}, n.log)
			return err
		}
		if err := os.MkdirAll(n.cfg.DataDir, 0o750); err != nil {
			return err
		}
		n.parts.timeline, err = sqlite.Open(ctx, filepath.Join(n.cfg.DataDir, "timeline.db"), n.log)
		return err
	})
	if err != nil {
		return err
	}
	n.onStop("timeline", func(context.Context) error { return n.parts.timeline.Close() })
	return nil
}

func (n *node) startJournal(context.Context) error {
	producer, err := journal.NewProducer(n.parts.kafka, n.parts.shards, n.registry, n.log)
	if err != nil {
		return err
	}
	n.parts.producer = producer
	n.onStop("journal producer", func(context.Context) error { return producer.Close() })
	return nil
}

// startPublishers starts what requests publish with. The requests end before it does,
// and before the journal's producer, the timeline and the broker: while HTTP is open,
// no request finds them closed.
func (n *node) startPublishers(context.Context) error {
	if err := n.startDev(); err != nil {
		return err
	}
	n.startPoC()
	n.onStop("requests", n.parts.server.shutdown)
	return nil
}

func (n *node) startAuth(ctx context.Context) error {
	n.parts.secret = n.cfg.AuthJWTSecret
	if n.cfg.Dev && n.parts.secret == "" {
		secret, err := devSecret(n.cfg.DataDir)
		if err != nil {
			return err
		}
		n.parts.secret = secret
	}
	verifier, err := auth.New(ctx, auth.Options{
		Secret:   n.parts.secret,
		JWKSURL:  n.cfg.AuthJWKSURL,
		Issuer:   n.cfg.AuthIssuer,
		Audience: n.cfg.AuthAudience,
		Log:      n.log,
	})
	n.parts.verifier = verifier
	return err
}

func (n *node) startActors(ctx context.Context) error {
	var member *cluster.Node // made last, for it needs the others
	gw, err := gateway.New(gateway.Options{
		Auth:           n.parts.verifier,
		Node:           n.cfg.NodeName,
		Nodes:          func() []string { return member.URLs() },
		Log:            n.log,
		Metrics:        n.registry,
		PersonSessions: n.cfg.SessionsPerPerson,
		ResetAfter:     n.cfg.resetAfter(),
	})
	if err != nil {
		return err
	}
	host := actors.NewHost(actors.Options{
		Shards:           n.parts.shards,
		Timeline:         n.parts.timeline,
		Journal:          n.parts.producer,
		Log:              n.log,
		Metrics:          n.registry,
		OwnershipChanged: func() { member.OwnershipChanged() },
		MaxUnflushed:     n.cfg.MaxUnflushed,
		Retention:        n.cfg.Retention,
	})
	consumer := journal.NewConsumer(n.parts.kafka, n.parts.shards, n.registry, n.log)
	if member, err = n.newMember(gw, host, consumer); err != nil {
		return err
	}
	n.onStop("cluster", func(ctx context.Context) error {
		defer member.Stop()
		return member.Leave(ctx)
	})
	host.Start(member)
	n.onStop("actors", func(ctx context.Context) error { host.Stop(ctx); return nil })
	if err := member.Start(ctx, host); err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	core := actors.NewCore(member, n.parts.timeline)
	gw.Start(core)
	n.parts.gateway, n.parts.host, n.parts.cluster, n.parts.core, n.parts.consumer = gw, host, member, core, consumer
	return nil
}

func (n *node) startConsumers(context.Context) error {
	consumer := n.parts.consumer
	n.parts.host.MemberOf(consumer)
	leaveJournal := n.background("journal consumer", func(ctx context.Context) error { return consumer.Run(ctx, n.parts.host) })
	ingester := ingest.New(ingest.Options{
		Kafka:   n.parts.kafka,
		Topics:  n.cfg.KafkaIngressTopics,
		Metrics: n.registry,
	}, n.parts.producer, n.log)
	leaveIngest := n.background("ingest", ingester.Run)
	n.parts.leave = []func(context.Context) error{leaveIngest, leaveJournal}
	return nil
}

// startServing opens the doors. They are the first to close: the others take the
// shards over, then clients are told to go, while everything behind still works.
func (n *node) startServing(ctx context.Context) error {
	handler, err := n.handler(ctx)
	if err != nil {
		return err
	}
	n.onStop("gateway", func(ctx context.Context) error {
		defer n.parts.gateway.Close()
		return n.parts.gateway.Drain(ctx, n.cfg.DrainWindow)
	})
	n.stops[len(n.stops)-1].extra = n.cfg.DrainWindow
	n.onStop("ownership", func(ctx context.Context) error {
		n.stopping.Store(true)
		return n.handOver(ctx)
	})
	if err := n.awaitShards(ctx); err != nil {
		return err
	}
	n.parts.server.open(handler)
	n.log.Info("ready", "url", n.url(), "node", n.cfg.NodeName, "settings", n.cfg.String())
	if n.cfg.Dev {
		n.log.Warn("dev mode: anybody on this machine can sign in as anyone", "console", n.url())
	}
	return nil
}

// joinPatience is how long joining the consumer group usually takes; waiting for
// less is not worth a warning.
const joinPatience = 5 * time.Second

// awaitShards waits until the journal's consumer group has given this node its
// shards: before that nobody could be served.
func (n *node) awaitShards(ctx context.Context) error {
	for start := time.Now(); time.Since(start) < joinPatience && n.serving() != nil && ctx.Err() == nil; {
		time.Sleep(5 * time.Millisecond)
	}
	return n.retry(ctx, "the journal's shards", func(context.Context) error { return n.serving() })
}

// serving returns nil when the node answers for all shards that it was given, or why
// it does not.
func (n *node) serving() error {
	if !n.parts.host.Serving() {
		return hub.Unavailablef("this node owns no shards of the journal yet, or is catching up with them")
	}
	return nil
}

// url returns the address under which a browser on this machine finds the console.
func (n *node) url() string {
	host, port, err := net.SplitHostPort(n.parts.server.addr())
	if err == nil && (host == "::" || host == "0.0.0.0" || host == "") {
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	return "http://" + n.parts.server.addr()
}

// handler routes what the HTTP port answers.
func (n *node) handler(ctx context.Context) (http.Handler, error) {
	inbox := gateway.NewInbox(n.parts.core)
	calls, err := api.New(n.apiOptions(inbox))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	clients := &compat{
		mux: mux,
		socket: ws.Handler(n.parts.gateway, ws.Options{
			Inbox: inbox, Origins: n.cfg.AllowedOrigins, Peers: n.parts.cluster.PageURLs, Log: n.log,
		}),
		notifications: sse.Handler(n.parts.gateway, n.sseOptions()),
	}
	if err := n.addCompat(ctx, clients); err != nil {
		return nil, err
	}
	mux.Handle("/ws", clients.socket)
	mux.Handle("/notifications", clients.notifications)
	mux.Handle(api.Prefix+"/", calls)
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", ready(n.fit))
	mux.Handle("/", web.Handler())
	return mux, nil
}

// fit returns nil when the node is fit for traffic, or why it is not. It is asked
// once the doors are open, and then only stopping makes a node unfit: what holds up
// the shards that it is given, such as a timeline that is away, holds up every other
// node as well, and clients would find no door open at all.
func (n *node) fit() error {
	if n.stopping.Load() {
		return errors.New("the node is stopping")
	}
	return nil
}

func (n *node) apiOptions(inbox *gateway.Inbox) api.Options {
	options := api.Options{
		Inbox:      inbox,
		Journal:    n.parts.producer,
		Auth:       n.parts.verifier,
		Cluster:    n.cluster,
		Origins:    n.cfg.AllowedOrigins,
		Peers:      n.parts.cluster.PageURLs,
		Log:        n.log,
		Registerer: n.registry,
	}
	if n.cfg.Dev {
		options.Dev = n.dev()
	}
	return options
}
