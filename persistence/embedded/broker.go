// Package embedded runs a Kafka broker inside the process, so that one command
// starts the whole hub. The broker keeps its log in a directory and is spoken to
// over its port like any other: by this process and by every Kafka client on the
// machine. It is a single broker without replicas, made for one machine and for
// trying things out; several nodes, or data that a lost disk must not take along,
// want a Kafka cluster.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Options says where the broker listens and keeps its log.
type Options struct {
	// Addr is the address to listen on, host:port; port 0 takes a free one.
	Addr string
	// Dir is the directory of the log. It is created if missing, and belongs to
	// one broker at a time.
	Dir string
	// Partitions is how many partitions a topic gets that a client's first use
	// creates; 0 means 4.
	Partitions int
	// Retention is how long records of a topic are kept that does not say
	// otherwise; 0 means 7 days.
	Retention time.Duration
	// Sync writes every record batch to the disk itself before it is
	// acknowledged. Without it the operating system does so a moment later, as
	// with Kafka: what was acknowledged survives the end of the process, however
	// it ends, but the last seconds not that of the machine.
	Sync bool
}

// segmentBytes is how large a segment of a partition's log grows. Retention
// removes whole segments, and the index of each record batch is held in memory.
const segmentBytes = 16 << 20

// expireEvery is how often old records are looked for.
const expireEvery = 10 * time.Minute

// Broker is a running broker. Its methods may be called at once from many goroutines.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	lock    *os.File
	closing sync.Once
	stop    chan struct{}
	closed  chan struct{}
}

// Start starts a broker; when it returns, clients can connect. It goes on where
// the last broker on the same directory stopped, however that one ended. The error
// of a taken port or directory says which setting to change.
func Start(ctx context.Context, o Options, log *slog.Logger) (*Broker, error) {
	host, port, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, fmt.Errorf("BONGSU_KAFKA_EMBEDDED_ADDR %q: %w", o.Addr, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("BONGSU_KAFKA_EMBEDDED_ADDR %q: the port is not a number", o.Addr)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	cluster, err := kfake.NewCluster(options(ctx, o, host, int(number), log)...)
	if err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("the embedded Kafka broker cannot listen on %s, which another program does: "+
				"set BONGSU_KAFKA_EMBEDDED_ADDR to a free address, or BONGSU_KAFKA_BROKERS to that Kafka: %w", o.Addr, err)
		}
		return nil, fmt.Errorf("embedded Kafka broker: %w", err)
	}
	b := &Broker{cluster: cluster, addr: cluster.ListenAddrs()[0], lock: lock, stop: make(chan struct{}), closed: make(chan struct{})}
	go b.tend()
	log.Warn("using the embedded Kafka broker: a single broker without replicas; "+
		"set BONGSU_KAFKA_BROKERS to use a Kafka cluster", "addr", b.addr, "dir", o.Dir)
	return b, nil
}

func options(ctx context.Context, o Options, host string, port int, log *slog.Logger) []kfake.Opt {
	partitions, retention := o.Partitions, o.Retention
	if partitions == 0 {
		partitions = 4
	}
	if retention == 0 {
		retention = 7 * 24 * time.Hour
	}
	var listen net.ListenConfig
	opts := []kfake.Opt{
		kfake.Ports(port),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return listen.Listen(ctx, network, net.JoinHostPort(host, strconv.Itoa(port)))
		}),
		kfake.ClusterID("bongsu-embedded"),
		kfake.DataDir(o.Dir),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(partitions),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.ms":          strconv.FormatInt(retention.Milliseconds(), 10),
			"log.segment.bytes":         strconv.Itoa(segmentBytes),
			"offsets.retention.minutes": "5256000",
		}),
		kfake.WithLogger(brokerLog{log.With("part", "embedded kafka")}),
	}
	if o.Sync {
		opts = append(opts, kfake.SyncWrites())
	}
	return opts
}

// lockDir creates the directory and keeps other brokers off it until the file
// is closed, which the end of the process does too.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("the embedded Kafka broker's directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "broker.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the embedded Kafka broker's directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another process uses the embedded Kafka broker's directory %s: "+
			"stop it, or set BONGSU_DATA_DIR to another directory: %w", dir, err)
	}
	return lock, nil
}

// tend lets go of old records from time to time, which the broker would do by
// itself only for topics with a retention of their own, and closes it at the end.
func (b *Broker) tend() {
	ticker := time.NewTicker(expireEvery)
	defer ticker.Stop()
	for {
		select {
		case <-b.stop:
			b.cluster.Close()
			_ = b.lock.Close()
			close(b.closed)
			return
		case <-ticker.C:
			b.cluster.ApplyRetention()
		}
	}
}

// Addr returns the address that the broker listens on, host:port.
func (b *Broker) Addr() string { return b.addr }

// Close stops the broker and writes down what it holds in memory. It returns
// early, with the error of ctx, if that takes longer; the broker then goes on
// closing. Closing again is harmless.
func (b *Broker) Close(ctx context.Context) error {
	b.closing.Do(func() { close(b.stop) })
	select {
	case <-b.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the embedded Kafka broker: %w", ctx.Err())
	}
}

// brokerLog is a kfake.Logger.
type brokerLog struct{ log *slog.Logger }

// Logf logs warnings and errors as such, and all else at debug level.
func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if ctx := context.Background(); l.log.Enabled(ctx, to) {
		l.log.Log(ctx, to, fmt.Sprintf(format, args...))
	}
}
