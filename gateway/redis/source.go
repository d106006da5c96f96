// Package redis takes what the older services publish to Redis Pub/Sub into the
// journal, beside what comes from Kafka. Redis keeps nothing for those who do not
// listen: what is published while no node of the hub does is lost, as it was
// before the hub.
//
// Every node listens and appends every message; the ids of its events make it
// count once. They are compared with the last hub.DuplicateWindow entries of
// their stream, so nodes that share the channels append no more of one stream at
// a time than lets a node that is late find its duplicates. A message that is not
// what its channel carries goes to the dead-letter topic of an ingress topic, from
// each node that heard it. Where only some of a message's notifications are wrong,
// the whole message goes there and the others are appended.
package redis

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"bongsu/gateway/ingest"
	"bongsu/gateway/legacy"
	"bongsu/internal/hub"
	"bongsu/internal/outage"
)

// The channels whose names are the older services' own.
const (
	// ChannelUser carries notifications for one person.
	ChannelUser = "/notification/user"
	// ChannelMall carries notifications for one person and a page of one mall.
	ChannelMall = "/notification/complex/user"
)

// Journal is where records go.
type Journal interface {
	// Append returns when all records are durable. On an error some may be. An
	// error that wraps hub.ErrInvalid means that the records never can be
	// appended, and that none was.
	Append(ctx context.Context, records []hub.Record) error
}

// DeadLetters is where messages go that are no events. *ingest.DeadLetters is one.
type DeadLetters interface {
	// Write returns when all letters are durable. On an error some may be.
	Write(letters []ingest.Letter) error
}

// Options say what to listen to and where it goes. URL, Topic, Journal and
// DeadLetters are required; every other zero value stands for the default named
// beside it.
type Options struct {
	// URL is redis://user:password@host:port/db, or rediss:// for TLS. It is
	// never logged.
	URL string
	// OrderChannel is the channel of orders (order).
	OrderChannel string
	// Zone is where the messages' times are local (UTC).
	Zone *time.Location
	// Topic is the ingress topic whose dead-letter topic gets bad messages.
	Topic string
	// Journal takes the events' records.
	Journal Journal
	// DeadLetters takes bad messages.
	DeadLetters DeadLetters
	// Shared says that other nodes listen to the same channels.
	Shared bool
	// Log gets what operators need to know; nil logs nothing.
	Log *slog.Logger
	// Metrics is where the metrics are registered; nil registers none.
	Metrics prometheus.Registerer

	// QueueBytes is how much may wait for the journal (16 MiB), each message
	// counted as 1 KiB more than it has. At the bound nothing is read from Redis,
	// which holds some for a slow subscriber.
	QueueBytes int64
	// Patience is how long reading stops at the bound (60 s). Then messages are
	// dropped as they come, and counted, until there is room again.
	Patience time.Duration
	// PingEvery is how often the connection is tested (5 s). One that is silent
	// for three times as long is given up.
	PingEvery time.Duration
}

// messageWeight is what a message takes of the queue beside its bytes.
const messageWeight = 1 << 10

// grace is how long messages that wait are still appended once Run is to end.
const grace = 2 * time.Second

// Source moves messages from Redis to the journal. Create it with New.
type Source struct {
	options Options
	dial    *goredis.Options
	metrics *metrics
	log     *slog.Logger

	room  *semaphore.Weighted // of the queue, in bytes
	queue chan message
	pace  *pace // nil if nobody else listens
	told  rate.Sometimes

	// The reader's own.
	full bool // Patience has run out since there was room
	lost outage.Log
}

// message is what came on a channel.
type message struct {
	channel, text string
	weight        int64
}

// New returns a Source that does nothing yet. The error says which option is
// wrong, without the URL.
func New(o Options) (*Source, error) {
	o.OrderChannel = cmp.Or(o.OrderChannel, "order")
	o.QueueBytes = cmp.Or(o.QueueBytes, 16<<20)
	o.Patience = cmp.Or(o.Patience, time.Minute)
	o.PingEvery = cmp.Or(o.PingEvery, 5*time.Second)
	o.Zone = cmp.Or(o.Zone, time.UTC)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	dial, err := goredis.ParseURL(o.URL)
	switch {
	case err != nil: // whose text may hold the password
		return nil, hub.Invalidf("the Redis URL cannot be read: want redis://user:password@host:port/db, or rediss:// for TLS")
	case o.OrderChannel == ChannelUser || o.OrderChannel == ChannelMall:
		return nil, hub.Invalidf("the order channel cannot be %s", o.OrderChannel)
	case o.Topic == "" || o.Journal == nil || o.DeadLetters == nil:
		return nil, hub.Invalidf("redis: a topic, a journal and dead letters are required")
	}
	dial.Protocol = 2 // all that Pub/Sub needs; servers before 6 have no other
	dial.DisableIdentity = true
	dial.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	dial.DialTimeout = 2 * time.Second
	dial.DialerRetries = 1 // we try again, and say so
	s := &Source{
		options: o, dial: dial, log: o.Log.With("part", "redis"),
		room:  semaphore.NewWeighted(o.QueueBytes),
		queue: make(chan message, o.QueueBytes/messageWeight+1),
		told:  rate.Sometimes{Interval: time.Second},
	}
	if o.Shared {
		s.pace = newPace()
	}
	s.metrics, err = newMetrics(o.Metrics)
	return s, err
}

// Run listens until ctx ends, and then returns nil once what has come is in the
// journal or a moment has passed. It rides out a Redis and a Kafka that are away.
// It is called once.
//
// Messages of one channel are appended in their order, each at least once. While
// the journal refuses, the same records are tried again and messages wait.
func (s *Source) Run(ctx context.Context) error {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { s.move(later) })
	s.listen(ctx)
	close(s.queue)
	work.Wait()
	return nil
}

// decode reads a message as its channel's events. With the error there may be
// some: those of a message that is wrong in part.
func (s *Source) decode(m message) ([]hub.Event, error) {
	switch m.channel {
	case ChannelUser, ChannelMall:
		return legacy.Events([]byte(m.text), m.channel == ChannelMall, s.options.Zone)
	}
	event, err := legacy.Order([]byte(m.text))
	if err != nil {
		return nil, err
	}
	return []hub.Event{event}, nil
}

// address names the server in the log, without who signs in.
func (s *Source) address() string {
	if _, _, err := net.SplitHostPort(s.dial.Addr); err != nil {
		return s.dial.Addr // a socket's path
	}
	return fmt.Sprintf("%s/%d", s.dial.Addr, s.dial.DB)
}

// BridgeLogs sends what the Redis client says of itself to log, at debug level:
// whatever matters comes back as an error. The client has one logger a process,
// so this is for the program's start.
func BridgeLogs(log *slog.Logger) { goredis.SetLogger(clientLog{log.With("part", "go-redis")}) }

type clientLog struct{ log *slog.Logger }

// Printf logs as the client asks.
func (l clientLog) Printf(ctx context.Context, format string, v ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, v...))
	}
}
