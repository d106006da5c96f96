package cluster

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// SecretLen is the length of the key that all nodes share, in bytes.
const SecretLen = 32

// serverName is the name in every node's certificate. Who a node is matters to
// membership alone; a certificate says that it knows the secret.
const serverName = "bongsu"

const (
	// leafBefore and leafAfter are how far a certificate is good around the moment
	// at which it was made, so that a node whose clock jumped is not shut out.
	leafBefore = 7 * 24 * time.Hour
	leafAfter  = 30 * 24 * time.Hour
	// leafRenewal is the age at which a node makes itself a new one.
	leafRenewal = 24 * time.Hour
)

// loopbackSecret is what nodes share that talk over loopback alone and were given
// no secret. It keeps nobody out.
func loopbackSecret() []byte {
	key := sha256.Sum256([]byte("bongsu nodes on loopback"))
	return key[:]
}

// Fingerprint names a secret where nodes meet that hold different ones: 16 hex
// digits, the same wherever the secret is. It tells no more of a random secret than
// whether a guess at all of it is right. Nodes without a secret share "alone".
func Fingerprint(secret []byte) string {
	if secret == nil {
		return "alone"
	}
	name, err := hkdf.Key(sha256.New, secret, nil, "bongsu fingerprint v1", 8)
	if err != nil {
		return "" // cannot be: so few bytes can always be derived
	}
	return hex.EncodeToString(name)
}

// keys is what the secret that all nodes share gives each of them.
type keys struct {
	gossip    []byte // of memberlist
	authority *x509.Certificate
	signer    ed25519.PrivateKey
	pool      *x509.CertPool
	// now reads the wall clock, by which others judge a certificate.
	now func() time.Time

	mu   sync.Mutex
	leaf *tls.Certificate
	made time.Time
}

// wallClock returns the time without a monotonic reading: that one does not step
// when the clock is set, and would hide how old a certificate has become.
func wallClock() time.Time { return time.Now().Round(0) }

// newKeys derives the keys. All who know the secret derive the same authority.
func newKeys(secret []byte) (*keys, error) {
	if len(secret) != SecretLen {
		return nil, fmt.Errorf("the cluster's secret has %d bytes, want %d", len(secret), SecretLen)
	}
	gossip, err := hkdf.Key(sha256.New, secret, nil, "bongsu gossip v1", SecretLen)
	if err != nil {
		return nil, err
	}
	seed, err := hkdf.Key(sha256.New, secret, nil, "bongsu authority v1", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	k := &keys{gossip: gossip, signer: ed25519.NewKeyFromSeed(seed), pool: x509.NewCertPool(), now: wallClock}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "bongsu cluster"},
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.signer.Public(), k.signer)
	if err != nil {
		return nil, fmt.Errorf("make the cluster's authority: %w", err)
	}
	if k.authority, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("make the cluster's authority: %w", err)
	}
	k.pool.AddCert(k.authority)
	return k, nil
}

// certificate returns this node's certificate, and makes a new one when the last
// is a day old. Its key never leaves memory.
func (k *keys) certificate() (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if k.leaf != nil && now.Sub(k.made).Abs() < leafRenewal {
		return k.leaf, nil
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: serverName},
		DNSNames:     []string{serverName},
		NotBefore:    now.Add(-leafBefore),
		NotAfter:     now.Add(leafAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, k.authority, public, k.signer)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	k.leaf, k.made = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, now
	return k.leaf, nil
}

// server is the TLS of connections from other nodes, client that to them. Both
// sides show a certificate of the cluster's authority.
func (k *keys) server() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              k.pool,
		SessionTicketsDisabled: true,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.certificate() },
	}
}

func (k *keys) client() *tls.Config {
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		RootCAs:              k.pool,
		ServerName:           serverName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return k.certificate() },
	}
}
