package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"bongsu/internal/hub"
)

// Access is how to get into a Kafka that lets not everybody in, as flags, environment
// variables and keys of the file of settings. The zero value is a Kafka that does.
type Access struct {
	TLS      bool   `name:"kafka-tls" env:"BONGSU_KAFKA_TLS" help:"Encrypt the connections to Kafka."`
	CA       string `name:"kafka-tls-ca" env:"BONGSU_KAFKA_TLS_CA" placeholder:"FILE" help:"PEM file of the authorities that the brokers' certificates are from. Empty: those of the system."`
	Cert     string `name:"kafka-tls-cert" env:"BONGSU_KAFKA_TLS_CERT" placeholder:"FILE" help:"PEM file of the certificate to show to brokers that ask for one."`
	Key      string `name:"kafka-tls-key" env:"BONGSU_KAFKA_TLS_KEY" placeholder:"FILE" help:"PEM file of its key."`
	SASL     string `name:"kafka-sasl" env:"BONGSU_KAFKA_SASL" placeholder:"MECHANISM" help:"How to sign in to Kafka: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Empty: not at all."`
	User     string `name:"kafka-user" env:"BONGSU_KAFKA_USER" help:"Who signs in to Kafka."`
	Password string `name:"kafka-password" env:"BONGSU_KAFKA_PASSWORD" help:"The password; better in the environment than on the command line."`
}

// Check returns an error that says what to change, wrapping hub.ErrInvalid. It reads no
// file.
func (a *Access) Check() error {
	switch {
	case !a.TLS && (a.CA != "" || a.Cert != "" || a.Key != ""):
		return hub.Invalidf("certificates for Kafka are set, and BONGSU_KAFKA_TLS is not: set it to true")
	case (a.Cert == "") != (a.Key == ""):
		return hub.Invalidf("BONGSU_KAFKA_TLS_CERT and BONGSU_KAFKA_TLS_KEY go together")
	case a.SASL == "" && (a.User != "" || a.Password != ""):
		return hub.Invalidf("who signs in to Kafka is set, and BONGSU_KAFKA_SASL is not: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	case a.SASL != "" && a.User == "":
		return hub.Invalidf("BONGSU_KAFKA_SASL is set, and BONGSU_KAFKA_USER is not")
	case a.SASL != "" && hashOf(a.SASL) == nil && a.SASL != mechanismPlain:
		return hub.Invalidf("BONGSU_KAFKA_SASL is %q; want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", a.SASL)
	}
	if hash := hashOf(a.SASL); hash != nil {
		if err := (&scramClient{hash: hash}).Begin(a.User, a.Password, ""); err != nil {
			return hub.Invalidf("BONGSU_KAFKA_USER, BONGSU_KAFKA_PASSWORD: %v", err)
		}
	}
	return nil
}

// Any reports whether anything is set.
func (a *Access) Any() bool { return *a != Access{} }

// Apply sets what it takes in c. It reads the files. The error says what to change,
// and wraps hub.ErrInvalid.
func (a *Access) Apply(c *Config) error {
	if err := a.Check(); err != nil {
		return err
	}
	if a.SASL != "" {
		c.SASL = &SASL{Mechanism: a.SASL, User: a.User, Password: a.Password}
	}
	if !a.TLS {
		return nil
	}
	c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CA != "" {
		text, err := os.ReadFile(a.CA)
		if err != nil {
			return hub.Invalidf("BONGSU_KAFKA_TLS_CA: %v", err)
		}
		c.TLS.RootCAs = x509.NewCertPool()
		if !c.TLS.RootCAs.AppendCertsFromPEM(text) {
			return hub.Invalidf("BONGSU_KAFKA_TLS_CA: %s has no certificate in PEM", a.CA)
		}
	}
	if a.Cert != "" {
		pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
		if err != nil {
			return hub.Invalidf("BONGSU_KAFKA_TLS_CERT and BONGSU_KAFKA_TLS_KEY: %v", err)
		}
		c.TLS.Certificates = []tls.Certificate{pair}
	}
	return nil
}
