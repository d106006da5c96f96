package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"bongsu/internal/await"
)

func mustKeys(t *testing.T, of string) *keys {
	t.Helper()
	k, err := newKeys([]byte(strings.Repeat(of, SecretLen)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// shake has both sides set a connection up and exchange a byte.
func shake(t *testing.T, server, client *tls.Config) (serverErr, clientErr error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close() }()
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{near, far} {
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	}
	served := make(chan error, 1)
	go func() {
		defer func() { _ = far.Close() }()
		conn := tls.Server(far, server)
		_, err := io.ReadFull(conn, make([]byte, 1))
		if err == nil {
			_, err = conn.Write([]byte{1})
		}
		served <- err
	}()
	conn := tls.Client(near, client)
	if _, clientErr = conn.Write([]byte{1}); clientErr == nil {
		_, clientErr = io.ReadFull(conn, make([]byte, 1))
	}
	_ = near.Close()
	return <-served, clientErr
}

func TestWhoSharesTheSecretCanTalk(t *testing.T) {
	a, b := mustKeys(t, "s"), mustKeys(t, "s")
	if !bytes.Equal(a.gossip, b.gossip) || bytes.Equal(a.gossip, []byte(strings.Repeat("s", SecretLen))) {
		t.Error("memberlist's key is not derived, or not the same")
	}
	if serverErr, clientErr := shake(t, a.server(), b.client()); serverErr != nil || clientErr != nil {
		t.Errorf("server %v, client %v", serverErr, clientErr)
	}
}

func TestWhoDoesNotIsRefusedByBothSides(t *testing.T) {
	ours, theirs := mustKeys(t, "s"), mustKeys(t, "x")
	if bytes.Equal(ours.gossip, theirs.gossip) {
		t.Error("memberlist's key is the same")
	}
	trusting := theirs.client()
	trusting.InsecureSkipVerify = true
	bare := ours.client()
	bare.GetClientCertificate = nil
	old := ours.client()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for name, client := range map[string]*tls.Config{
		"of another cluster": theirs.client(), "of another cluster, trusting all": trusting, "without a certificate": bare, "an old version": old,
	} {
		if serverErr, clientErr := shake(t, ours.server(), client); serverErr == nil || clientErr == nil {
			t.Errorf("%s: server %v, client %v", name, serverErr, clientErr)
		}
	}
	if _, clientErr := shake(t, theirs.server(), ours.client()); clientErr == nil {
		t.Error("a node trusts a server of another cluster")
	}
}

func TestCertificatesOutliveAJumpOfTheClock(t *testing.T) {
	k := mustKeys(t, "s")
	leaf, err := k.certificate()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(leaf.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, jump := range []time.Duration{-6 * 24 * time.Hour, 0, 6 * 24 * time.Hour} {
		if _, err := parsed.Verify(x509.VerifyOptions{Roots: k.pool, DNSName: serverName, CurrentTime: time.Now().Add(jump)}); err != nil {
			t.Errorf("after a jump of %s: %v", jump, err)
		}
	}
	if again, err := k.certificate(); err != nil || again != leaf {
		t.Error("a new certificate was made, though the last is fresh")
	}
}

func TestTheAgeOfACertificateGoesByTheWallClock(t *testing.T) {
	k := mustKeys(t, "s")
	if now := k.now(); now != now.Round(0) {
		t.Errorf("%s was read off the monotonic clock, which does not step with the wall clock", now)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	k.now = func() time.Time { return now }
	last, err := k.certificate()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []time.Duration{time.Hour, leafRenewal, -365 * 24 * time.Hour, 2 * 365 * 24 * time.Hour} {
		now = now.Add(step)
		leaf, err := k.certificate()
		if err != nil {
			t.Fatal(err)
		}
		if renewed := leaf != last; renewed != (step != time.Hour) {
			t.Errorf("after a step of %s: renewed is %v", step, renewed)
		}
		parsed, err := x509.ParseCertificate(leaf.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsed.Verify(x509.VerifyOptions{Roots: k.pool, DNSName: serverName, CurrentTime: now}); err != nil {
			t.Errorf("after a step of %s: %v", step, err)
		}
		last = leaf
	}
}

func TestAFingerprintTellsSecretsApartAndNothingOfThem(t *testing.T) {
	secret, other := []byte(strings.Repeat("s", SecretLen)), []byte(strings.Repeat("x", SecretLen))
	name := Fingerprint(secret)
	if name != Fingerprint(bytes.Clone(secret)) || name == Fingerprint(other) {
		t.Errorf("fingerprints %s, %s of one secret and %s of another", name, Fingerprint(bytes.Clone(secret)), Fingerprint(other))
	}
	raw, err := hex.DecodeString(name)
	if err != nil || len(raw) != 8 {
		t.Errorf("fingerprint %q: %v", name, err)
	}
	k := mustKeys(t, "s")
	for what, key := range map[string][]byte{"the secret": secret, "memberlist's key": k.gossip, "the authority's": k.signer} {
		if bytes.Contains(key, raw) {
			t.Errorf("the fingerprint is a part of %s", what)
		}
	}
	if Fingerprint(nil) != "alone" {
		t.Errorf("fingerprint %q without a secret", Fingerprint(nil))
	}
}

func TestASecretHasItsLength(t *testing.T) {
	for _, secret := range [][]byte{nil, {}, make([]byte, 31), make([]byte, 33)} {
		if _, err := newKeys(secret); err == nil {
			t.Errorf("%d bytes were taken", len(secret))
		}
	}
}

// records keeps what is logged.
type records struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *records) count(part string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.text.String(), part)
}

func TestANodeWithAWrongSecretChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLAN()
	var log records
	a := prepare(t, l, "a", func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if err := a.Start(t.Context(), a.holder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	b := start(t, l, "b", a)
	agree(t, a, b)
	stranger := prepare(t, l, "c", func(o *Options) {
		o.Join, o.Secret = []string{a.Joinable(), b.Joinable()}, []byte(strings.Repeat("x", SecretLen))
	})
	if err := stranger.Start(t.Context(), stranger.holder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stranger.Stop)
	const told = "does not hold the cluster's secret"
	await.That(t, "a tells of it", func() bool { return log.count(told) > 0 })
	time.Sleep(rejoining + time.Second) // it tries again
	if stranger.Peers() != 0 || a.Peers() != 1 || b.Peers() != 1 {
		t.Errorf("peers: stranger %d, a %d, b %d", stranger.Peers(), a.Peers(), b.Peers())
	}
	if n := log.count(told); n != 1 {
		t.Errorf("it was told of %d times", n)
	}
}

// sendJunk opens connections and sends what nobody there speaks.
func sendJunk(t *testing.T, addr string) {
	t.Helper()
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", strings.Repeat("\xff", 4096), "\xf4\x06bongsu"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
}

func TestPlainTCPToTheNodesPortsChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLAN()
	members := together(t, l, "a", "b")
	a := members[0]
	for name, addr := range map[string]string{"actors": a.Addr(), "members": a.Joinable()} {
		t.Run(name, func(t *testing.T) {
			if underRace && addr == a.Addr() {
				t.Skip("nobody listens there: messages are carried within the process")
			}
			sendJunk(t, addr)
		})
	}
	udp, err := net.Dial("udp", a.Joinable())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"\x00", "\xf4\x06bongsu\x08junk", strings.Repeat("a", 1400)} {
		_, _ = io.WriteString(udp, text)
	}
	_ = udp.Close()
	time.Sleep(repetition)
	agree(t, members...)
	if a.rejoins() != 0 {
		t.Error("a was reborn")
	}
}

func TestOnlyTheOneCallIsOffered(t *testing.T) {
	if underRace {
		t.Skip("messages are carried within the process")
	}
	node := single(t, nil)
	if err := node.Start(t.Context(), &holder{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
	conn, err := grpc.NewClient(node.Addr(), grpc.WithTransportCredentials(credentials.NewTLS(node.keys.client())))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := remote.NewRemotingClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := client.ListProcesses(ctx, &remote.ListProcessesRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("ListProcesses = %v", err)
	}
	if _, err := client.GetProcessDiagnostics(ctx, &remote.GetProcessDiagnosticsRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("GetProcessDiagnostics = %v", err)
	}
	// A batch that points nowhere.
	stream, err := client.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{
		MessageBatch: &remote.MessageBatch{Envelopes: []*remote.MessageEnvelope{{Target: 9, TypeId: 9, Sender: 9}}},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Internal {
		t.Errorf("Recv = %v", err)
	}
	if node.Root() == nil || node.Peers() != 0 {
		t.Error("the node is not what it was")
	}
}
