package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

// pair writes a certificate that signs itself, for loopback, and its key into files.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// A Kafka that wants certificates from both sides and a password lets in who has them.
func TestAccessToAKafkaThatLetsNotEverybodyIn(t *testing.T) {
	cert, key := pair(t)
	shown, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	authorities := x509.NewCertPool()
	authorities.AddCert(shown.Leaf)
	_, cfg := cluster(t, kfake.SeedTopics(1, "t"), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "bongsu", "secret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{shown}, ClientCAs: authorities, ClientAuth: tls.RequireAndVerifyClientCert}))
	good := Access{TLS: true, CA: cert, Cert: cert, Key: key, SASL: "SCRAM-SHA-512", User: "bongsu", Password: "secret"}
	for name, change := range map[string]func(*Access){
		"no TLS":              func(a *Access) { a.TLS, a.CA, a.Cert, a.Key = false, "", "", "" },
		"unknown authorities": func(a *Access) { a.CA = "" },
		"no certificate":      func(a *Access) { a.Cert, a.Key = "", "" },
		"no password":         func(a *Access) { a.Password = "" },
		"no sign-in":          func(a *Access) { a.SASL, a.User, a.Password = "", "", "" },
	} {
		bad, with := good, cfg
		change(&bad)
		if err := bad.Apply(&with); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := EnsureTopics(t.Context(), with, []Topic{{Name: "t", Partitions: 1}}); err == nil {
			t.Errorf("%s: let in", name)
		}
	}
	if err := good.Apply(&cfg); err != nil {
		t.Fatal(err)
	}
	_, g := firstClaim(t, cfg)
	await.That(t, "a member", g.Fresh)
}

func TestAccessSaysWhatToChange(t *testing.T) {
	cert, key := pair(t)
	for want, a := range map[string]Access{
		"BONGSU_KAFKA_TLS is not":            {CA: cert},
		"BONGSU_KAFKA_TLS_KEY go together":   {TLS: true, Cert: cert},
		"BONGSU_KAFKA_SASL is not":           {User: "u", Password: "hush"},
		"BONGSU_KAFKA_USER is not":           {SASL: "PLAIN", Password: "hush"},
		`"NTLM"; want PLAIN, SCRAM-SHA-256`:  {SASL: "NTLM", User: "u", Password: "hush"},
		"BONGSU_KAFKA_PASSWORD: the user or": {SASL: "SCRAM-SHA-256", User: "u", Password: "hush\n"},
		"BONGSU_KAFKA_TLS_CA: open":          {TLS: true, CA: cert + "x"},
		"has no certificate in PEM":          {TLS: true, CA: key},
		"BONGSU_KAFKA_TLS_KEY: tls: failed ": {TLS: true, Cert: key, Key: cert},
	} {
		err := a.Apply(&Config{})
		if !errors.Is(err, hub.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if none := (&Access{}); none.Any() || none.Check() != nil {
		t.Error("nothing is set")
	}
}
