package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/kafka"
)

const (
	kafkaReady = 60 * time.Second
	kafkaStop  = 30 * time.Second
	// kafkaCluster is the id that the data directory is formatted with.
	kafkaCluster = "Ym9uZ3N1LXRlc3QtY2x1cw"
)

// KafkaServer is an Apache Kafka of one node, broker and controller in one,
// without replicas, that creates topics on first use and rebalances groups
// without delay. It dies with the process that started it. Its methods are not
// safe for use by several goroutines at once.
type KafkaServer struct {
	dir, libs, host  string
	port, controller int
	log              *slog.Logger

	process *os.Process
	exited  <-chan struct{}
}

// Kafka installs Apache Kafka if need be, starts it with its data and its log
// file, kafka.log, in dir, and returns when it takes requests, which is some
// seconds later. It needs a Java runtime and, the first time, mvn.
func Kafka(ctx context.Context, dir string, log *slog.Logger) (*KafkaServer, error) {
	return KafkaOn(ctx, loopback, dir, log)
}

// KafkaOn is Kafka on another address of this machine, for clients that cannot
// reach the loopback address.
func KafkaOn(ctx context.Context, host, dir string, log *slog.Logger) (*KafkaServer, error) {
	libs, err := installKafka(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(host, 2)
	if err != nil {
		return nil, err
	}
	k := &KafkaServer{dir: dir, libs: libs, host: host, port: ports[0], controller: ports[1], log: log}
	if err := k.format(ctx); err != nil {
		return nil, err
	}
	return k, k.Start(ctx)
}

// installKafka returns the directory of Kafka's jars.
func installKafka(ctx context.Context) (string, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("testenv: the source directory is not known")
	}
	script := exec.CommandContext(ctx, "sh", filepath.Join(filepath.Dir(here), "install-kafka.sh"))
	var stderr bytes.Buffer
	script.Stderr = &stderr
	out, err := script.Output()
	if err != nil {
		return "", fmt.Errorf("install Kafka: %w: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// loopback is the address that servers listen on if no other is named.
const loopback = "127.0.0.1"

// freePorts returns ports of the host that nobody listens on now.
func freePorts(host string, n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func (k *KafkaServer) properties() string {
	return fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://%[4]s:%[1]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://%[4]s:%[1]d
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[3]s
num.partitions=4
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`, k.port, k.controller, filepath.Join(k.dir, "data"), k.host)
}

func (k *KafkaServer) format(ctx context.Context) error {
	settings := filepath.Join(k.dir, "server.properties")
	if err := os.WriteFile(settings, []byte(k.properties()), 0o600); err != nil {
		return err
	}
	format := k.java(ctx, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", kafkaCluster, "-c", settings)
	if out, err := format.CombinedOutput(); err != nil {
		return fmt.Errorf("format Kafka's directory: %w: %s", err, out)
	}
	return nil
}

func (k *KafkaServer) java(ctx context.Context, class string, args ...string) *exec.Cmd {
	args = append([]string{"-Xms256m", "-Xmx512m", "-cp", filepath.Join(k.libs, "*"), class}, args...)
	return exec.CommandContext(ctx, "java", args...)
}

// Addr returns the address for clients. It never changes.
func (k *KafkaServer) Addr() string { return fmt.Sprintf("%s:%d", k.host, k.port) }

// Start starts the server again on the same address and data, after Stop or
// Kill, and returns when it takes requests.
func (k *KafkaServer) Start(ctx context.Context) error {
	if k.process != nil {
		return errors.New("Kafka runs already")
	}
	logFile, err := os.OpenFile(filepath.Join(k.dir, "kafka.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// Not bound to ctx, which is for the start only.
	server := k.java(context.WithoutCancel(ctx), "kafka.Kafka", filepath.Join(k.dir, "server.properties"))
	server.Stdout, server.Stderr = logFile, logFile
	exited, err := StartChild(server)
	_ = logFile.Close() // the server has its own
	if err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	k.process, k.exited = server.Process, exited
	k.log.Info("started Apache Kafka", "addr", k.Addr(), "dir", k.dir)
	if err := k.wait(ctx); err != nil {
		return errors.Join(err, k.Kill())
	}
	return nil
}

// wait waits until the server takes requests.
func (k *KafkaServer) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, kafkaReady)
	defer cancel()
	settings, err := kafka.Config{Brokers: []string{k.Addr()}}.Sarama()
	if err != nil {
		return err
	}
	for {
		client, err := sarama.NewClient([]string{k.Addr()}, settings)
		if err == nil {
			_, err = client.Controller()
			_ = client.Close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-k.exited:
			return fmt.Errorf("Kafka has ended; see kafka.log in %s", k.dir)
		case <-ctx.Done():
			return fmt.Errorf("Kafka is not ready: %w: %w", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Stop ends the server in an orderly way, or kills it if that takes too long.
func (k *KafkaServer) Stop() error { return k.end(syscall.SIGTERM) }

// Kill ends the server at once, as a crash does.
func (k *KafkaServer) Kill() error { return k.end(syscall.SIGKILL) }

func (k *KafkaServer) end(signal os.Signal) error {
	if k.process == nil {
		return nil
	}
	process, exited := k.process, k.exited
	k.process = nil
	if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.AfterFunc(kafkaStop, func() { _ = process.Kill() })
	defer timer.Stop()
	<-exited
	return nil
}

// Pause makes the server hang, its connections open, until Resume.
func (k *KafkaServer) Pause() error { return k.process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (k *KafkaServer) Resume() error { return k.process.Signal(syscall.SIGCONT) }

// Port returns the port of Addr.
func (k *KafkaServer) Port() int { return k.port }
