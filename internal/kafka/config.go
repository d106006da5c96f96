// Package kafka is what the parts that speak to Kafka share: the client's
// settings, the classes of its errors, the making of topics, and membership of
// a consumer group. It knows nothing of what the records mean.
package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/IBM/sarama"
)

// Timing that users feel. A call to a broker that is gone ends within the dial
// time-out; to one that hangs, within the read time-out.
const (
	dialTimeout  = time.Second
	writeTimeout = 2 * time.Second
	// produceTimeout bounds one produce request, at the broker and on the wire.
	produceTimeout = 2 * time.Second
	// joinTimeout is how long a rebalance waits for a member that does not come.
	// Those that live hear of it within a heartbeat, and let go of claims within
	// letGo at most.
	joinTimeout = 3 * time.Second
	// heartbeat is how soon a member hears of a rebalance at the latest, session
	// how soon a silent member is removed; 6 s is the least that brokers allow.
	heartbeat = 200 * time.Millisecond
	session   = 6 * time.Second
	// quickHeartbeat is used for the time of settling after a rebalance, which
	// another one often follows: members let go of partitions for others to have.
	quickHeartbeat = 50 * time.Millisecond
	settling       = 1500 * time.Millisecond
)

// oldestBroker is the oldest that is spoken to; what newer ones can do beyond is
// not used.
var oldestBroker = sarama.V2_8_0_0

// Config says how to reach Kafka. The zero value of a field but Brokers is fit
// for use.
type Config struct {
	// Brokers are the addresses to start from, host:port.
	Brokers []string
	// ClientID names this process to the brokers.
	ClientID string
	// TLS, if not nil, encrypts the connections.
	TLS *tls.Config
	// SASL, if not nil, signs in.
	SASL *SASL
	// Fingerprint tells the members of one cluster from those of another: a
	// consumer group takes only members of one fingerprint, those who came first.
	// It is seen by all who may describe the groups, so it must give away no
	// secret. "" is a fingerprint like any other.
	Fingerprint string
}

// SASL says how to sign in.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	Mechanism string
	User      string
	Password  string
}

// Sarama returns settings for a client that neither produces nor consumes. The
// caller may change them.
func (c Config) Sarama() (*sarama.Config, error) {
	if len(c.Brokers) == 0 {
		return nil, errors.New("no Kafka brokers are given")
	}
	for _, broker := range c.Brokers {
		if _, _, err := net.SplitHostPort(broker); err != nil {
			return nil, fmt.Errorf("Kafka broker %q: %w", broker, err)
		}
	}
	s := sarama.NewConfig()
	s.Version = oldestBroker
	if c.ClientID != "" {
		s.ClientID = c.ClientID
	}
	s.Net.DialTimeout = dialTimeout
	s.Net.WriteTimeout = writeTimeout
	s.Net.ReadTimeout = produceTimeout
	s.Net.Proxy.Enable = true // which is how a dialer of one's own is given
	s.Net.Proxy.Dialer = &dialer{net.Dialer{Timeout: dialTimeout}, produceTimeout}
	s.Metadata.Retry.Max = 1
	s.Metadata.Retry.Backoff = 50 * time.Millisecond
	s.Metadata.RefreshFrequency = time.Minute
	s.Metadata.AllowAutoTopicCreation = false
	if c.TLS != nil {
		s.Net.TLS.Enable = true
		s.Net.TLS.Config = c.TLS
	}
	if c.SASL != nil {
		if err := c.SASL.apply(s); err != nil {
			return nil, err
		}
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("Kafka settings: %w", err)
	}
	return s, nil
}

// Producer returns settings for an idempotent sarama producer that returns
// successes and errors, waits for all in-sync replicas and never for company.
func (c Config) Producer() (*sarama.Config, error) {
	s, err := c.Sarama()
	if err != nil {
		return nil, err
	}
	s.Net.MaxOpenRequests = 1
	s.Producer.Idempotent = true
	s.Producer.RequiredAcks = sarama.WaitForAll
	s.Producer.Timeout = produceTimeout
	s.Producer.Retry.Max = 3
	s.Producer.Retry.Backoff = 100 * time.Millisecond
	s.Producer.Return.Successes = true
	s.Producer.Return.Errors = true
	return s, nil
}

// Consumer returns settings for a plain consumer, which is in no group: from the
// oldest record, with short waits.
func (c Config) Consumer() (*sarama.Config, error) {
	s, err := c.Sarama()
	if err != nil {
		return nil, err
	}
	s.Consumer.Return.Errors = true
	s.Consumer.MaxWaitTime = fetchWait
	s.Consumer.Offsets.Initial = sarama.OffsetOldest
	return s, nil
}

// member returns settings for a client of a member of a group.
func (c Config) member() (*sarama.Config, error) {
	s, err := c.Sarama()
	if err != nil {
		return nil, err
	}
	s.Net.ReadTimeout = callTimeout
	s.Metadata.Full = false
	return s, nil
}
