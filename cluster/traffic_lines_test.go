package cluster

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

// newSystem returns an actor system that reaches the others of the town: over
// loopback by protoactor's remote, or by lines of our own if the town has them.
func newSystem(t testing.TB, w *town, name string) *actor.ActorSystem {
	t.Helper()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	if w.lines != nil {
		system.ProcessRegistry.Address = name + ":1"
		system.ProcessRegistry.RegisterAddressResolver(w.lines.from(system))
		t.Cleanup(w.lines.close)
		return system
	}
	config := remote.Configure("127.0.0.1", 0,
		remote.WithEndpointWriterBatchSize(remoteBatch), remote.WithEndpointWriterQueueSize(4096),
		remote.WithServerOptions(grpc.MaxRecvMsgSize(maxRemoteMessage), grpc.MaxSendMsgSize(maxRemoteMessage)),
		remote.WithCallOptions(grpc.MaxCallRecvMsgSize(maxRemoteMessage), grpc.MaxCallSendMsgSize(maxRemoteMessage)),
		remote.WithDialOptions(grpc.WithTransportCredentials(insecure.NewCredentials())),
	)
	config.MaxRetryCount = 1
	remote.NewRemote(system, config).Start()
	t.Cleanup(func() { remote.GetRemote(system).Shutdown(false) })
	return system
}

// lines connect actor systems as a remote does: each message is encoded, and those
// from one to another arrive in their order, on one goroutine.
type lines struct {
	mu      sync.Mutex
	systems map[string]*actor.ActorSystem
	open    map[[2]string]chan letter
	closed  bool
}

type letter struct {
	to      string
	message []byte
	kind    proto.Message
}

func newLines() *lines {
	return &lines{systems: map[string]*actor.ActorSystem{}, open: map[[2]string]chan letter{}}
}

func (l *lines) from(system *actor.ActorSystem) actor.AddressResolver {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.systems[system.Address()] = system
	return func(pid *actor.PID) (actor.Process, bool) {
		return entrance(func(message any) { l.send(system.Address(), pid, message) }), true
	}
}

func (l *lines) send(from string, to *actor.PID, message any) {
	m, ok := message.(proto.Message)
	if !ok {
		return
	}
	encoded, err := proto.Marshal(m)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{from, to.Address}
	line := l.open[key]
	if line == nil && !l.closed && l.systems[to.Address] != nil {
		line = make(chan letter, 100_000) // the traffic's own bounds are far below
		l.open[key] = line
		go deliver(l.systems[to.Address], line)
	}
	if line != nil && !l.closed {
		line <- letter{to.Id, encoded, m}
	}
}

func deliver(system *actor.ActorSystem, line <-chan letter) {
	for letter := range line {
		m := letter.kind.ProtoReflect().New().Interface()
		if proto.Unmarshal(letter.message, m) == nil {
			system.Root.Send(actor.NewPID(system.Address(), letter.to), m)
		}
	}
}

func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		for _, line := range l.open {
			close(line)
		}
	}
}
