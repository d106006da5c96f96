package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

const (
	// maxRemoteMessage bounds one message between nodes. gRPC's own default of
	// 4 MiB is less than a batch of the largest entries, and a message over the
	// bound is lost without a word.
	maxRemoteMessage = 32 << 20
	// maxMessage is what one batch, answer or call takes at most: a batch of a link that
	// is full, or an answer with the largest entry that the journal takes, 900,000 bytes,
	// and a failure of a thousand for each of the other streams.
	maxMessage = maxBatch + 512<<10
	// messageFrame is what the remote adds to each, at most.
	messageFrame = 256
	// remoteBatch is how many the remote packs into one message, while the connection
	// takes no more: however large they are they must go. 21 × 1.5 MiB = 31.5 MiB.
	remoteBatch = maxRemoteMessage / (maxMessage + messageFrame)
	// handshakePatience bounds the setting up of a connection between nodes.
	handshakePatience = time.Second
	// silence is how long what was sent to another node may stay unacknowledged by
	// its kernel before the connection counts as broken.
	silence = 2 * time.Second
	// receiveMethod is the one call that nodes make of each other. The others that
	// the service has are not implemented: they panic.
	receiveMethod = "/remote.Remoting/Receive"
)

// remoting configures how actors of other nodes are reached, and reach this one.
func remoting(host string, port int, advertised string, keys *keys, dial dialer, log *slog.Logger) *remote.Config {
	config := remote.Configure(host, port,
		remote.WithEndpointWriterBatchSize(remoteBatch),
		remote.WithEndpointWriterQueueSize(4096),
		remote.WithAdvertisedHost(advertised),
		remote.WithServerOptions(serverOptions(keys, log)...),
		remote.WithCallOptions(grpc.MaxCallRecvMsgSize(maxRemoteMessage), grpc.MaxCallSendMsgSize(maxRemoteMessage)),
		remote.WithDialOptions(dialOptions(keys, dial)...),
	)
	config.MaxRetryCount = 1 // it sleeps for two seconds after each
	return config
}

func serverOptions(keys *keys, log *slog.Logger) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(&watchedCredentials{TransportCredentials: credentials.NewTLS(keys.server()), refused: refusals(log)}),
		grpc.ConnectionTimeout(2 * handshakePatience),
		grpc.MaxRecvMsgSize(maxRemoteMessage), grpc.MaxSendMsgSize(maxRemoteMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: silence}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(refuseUnary),
		grpc.StreamInterceptor(onlyReceive(log)),
	}
}

func dialOptions(keys *keys, dial dialer) []grpc.DialOption {
	retry := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(keys.client())),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: handshakePatience}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: silence, PermitWithoutStream: true}),
		grpc.WithContextDialer(dial),
		grpc.WithNoProxy(),
		grpc.WithStreamInterceptor(answeredSoon),
	}
}

// dialer opens a TCP connection.
type dialer func(ctx context.Context, addr string) (net.Conn, error)

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

func refuseUnary(_ context.Context, _ any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	return nil, status.Errorf(codes.Unimplemented, "%s is not offered", info.FullMethod)
}

// onlyReceive lets the one call through that nodes make, and keeps a message
// that its handler cannot cope with from ending the process.
func onlyReceive(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		if info.FullMethod != receiveMethod {
			return status.Errorf(codes.Unimplemented, "%s is not offered", info.FullMethod)
		}
		defer func() {
			if reason := recover(); reason != nil {
				log.Error("a message of another node could not be handled; its connection is closed", "err", fmt.Sprint(reason))
				err = status.Error(codes.Internal, "malformed message")
			}
		}()
		return handle(srv, stream)
	}
}

// answeredSoon breaks off a stream whose first message does not come: whoever
// opens it waits for that without a bound of its own.
func answeredSoon(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(silence, cancel)
	stream, err := open(ctx, desc, conn, method, opts...)
	if err != nil {
		timer.Stop()
		cancel()
		return nil, err
	}
	return &answered{ClientStream: stream, timer: timer, cancel: cancel}, nil
}

type answered struct {
	grpc.ClientStream
	timer  *time.Timer
	cancel context.CancelFunc
}

// RecvMsg implements grpc.ClientStream.
func (s *answered) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	s.timer.Stop()
	if err != nil {
		s.cancel()
	}
	return err
}

// watchedCredentials tells of handshakes that fail.
type watchedCredentials struct {
	credentials.TransportCredentials
	refused func(from net.Addr, err error)
}

// ServerHandshake implements credentials.TransportCredentials.
func (c *watchedCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := c.TransportCredentials.ServerHandshake(raw)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		c.refused(raw.RemoteAddr(), err)
	}
	return conn, info, err
}

// Clone implements credentials.TransportCredentials.
func (c *watchedCredentials) Clone() credentials.TransportCredentials {
	return &watchedCredentials{TransportCredentials: c.TransportCredentials.Clone(), refused: c.refused}
}

// refusals tells of those who do not hold the secret, and quietly of connections that
// broke before that was known.
func refusals(log *slog.Logger) func(net.Addr, error) {
	var seldom seldom
	return func(from net.Addr, err error) {
		if brokenOff(err) {
			log.Debug("a connection to the port of the nodes broke as it began", "from", from.String(), "err", err)
			return
		}
		if more, ok := seldom.now(time.Now()); ok {
			log.Warn("a connection to the port of the nodes was refused: whoever made it does not hold the cluster's secret",
				"from", from.String(), "err", err, "more", more)
		}
	}
}

// brokenOff reports whether the error is of a connection that ended or fell silent, and
// says nothing of who made it.
func brokenOff(err error) bool {
	var timeout net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.As(err, &timeout) && timeout.Timeout()
}
