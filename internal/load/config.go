package load

import (
	"context"
	"io"
	"net"
	"net/url"
	"slices"
	"time"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// The bounds of a run.
const (
	// MaxConnections is the most connections of one process.
	MaxConnections = 60_000
	// MaxDuration is the longest time that a run publishes.
	MaxDuration = 24 * time.Hour
	// MaxPayload is the most bytes of an event's body.
	MaxPayload = 64 << 10
)

// Targets say whom the events of a run are for.
type Targets string

// The kinds of targets.
const (
	// ToAll is a broadcast.
	ToAll Targets = "all"
	// ToMall picks one of the malls for each event.
	ToMall Targets = "mall"
	// ToAdmin picks one of the connected persons for each event.
	ToAdmin Targets = "admin"
	// ToMixed is 1 % to all, 29 % to a mall and 70 % to a person.
	ToMixed Targets = "mixed"
)

// Config says what to run.
type Config struct {
	// URL is the hub's address, http or ws.
	URL string
	// Connections are opened, each of a person of its own with the streams all,
	// one of Malls malls, and the person's own.
	Connections int
	Malls       int
	// Ramp is how many connections are opened a second; 0 is as fast as possible.
	Ramp int
	// Settle is how long to wait, once all are connected, before memory is measured.
	Settle time.Duration

	// Targets, Rate (events a second; 0 is as fast as Kafka takes them) and
	// PayloadBytes (of the body) describe the events. Publishing ends after
	// Duration or Events, whichever comes first; 0 is no limit, of one of them.
	Targets      Targets
	Rate         float64
	Duration     time.Duration
	Events       int
	PayloadBytes int
	// Drain is how long to wait for deliveries when none come any more.
	Drain time.Duration

	// Slow is how many of the connections stop reading until publishing ends.
	Slow int
	// ReconnectAt are the moments, from the start of publishing, at which every
	// connection is cut; if all are not back by the next, it comes later. The run lasts
	// until after the last.
	ReconnectAt []time.Duration

	// Brokers and Topic are where events go, Access how to get in.
	Brokers []string
	Access  kafka.Access
	Topic   string
	// Bare also measures how long Kafka alone takes from produce to consume.
	Bare bool
	// Token mints a person's token. It must be safe for use by many goroutines.
	Token func(*hub.Principal) (string, error)

	// ServerPID, if above 0, is the hub's process on this machine, whose memory and
	// CPU time are read. MetricsURL, if not empty, is scraped before and after.
	ServerPID  int
	MetricsURL string
	// AnyHost allows targets that are not this machine.
	AnyHost bool
	// Progress gets a line now and then; nil is silent.
	Progress io.Writer
}

// longest is how long the run may publish.
func (c *Config) longest() time.Duration {
	if c.Duration > 0 {
		return c.Duration
	}
	return MaxDuration
}

// check returns what is wrong with the configuration, wrapping hub.ErrInvalid.
func (c *Config) check(ctx context.Context) error {
	switch {
	case c.Connections < 1 || c.Connections > MaxConnections:
		return hub.Invalidf("connections: want 1 to %d, not %d", MaxConnections, c.Connections)
	case c.Malls < 1 || c.Malls > 1_000_000:
		return hub.Invalidf("malls: want 1 to 1000000, not %d", c.Malls)
	case c.Slow < 0 || c.Slow >= c.Connections:
		return hub.Invalidf("slow: want less than the %d connections, not %d", c.Connections, c.Slow)
	case c.Duration < 0 || c.Duration > MaxDuration:
		return hub.Invalidf("duration: want at most %v", MaxDuration)
	case c.Duration == 0 && c.Events <= 0:
		return hub.Invalidf("duration or events: one of them must end the run")
	case c.Rate < 0 || c.Events < 0 || c.Ramp < 0 || c.Settle < 0 || c.Drain <= 0:
		return hub.Invalidf("rate, events, ramp and settle cannot be below 0, and drain must be above it")
	case c.PayloadBytes < 0 || c.PayloadBytes > MaxPayload:
		return hub.Invalidf("payload: want 0 to %d bytes, not %d", MaxPayload, c.PayloadBytes)
	case slices.ContainsFunc(c.ReconnectAt, func(at time.Duration) bool { return at < 0 || at >= c.longest() }):
		return hub.Invalidf("reconnect-at: want moments before the %v of publishing are over", c.longest())
	case c.Topic == "" || len(c.Brokers) == 0 || c.Token == nil:
		return hub.Invalidf("brokers, a topic and a secret for tokens are needed")
	}
	switch c.Targets {
	case ToAll, ToMall, ToAdmin, ToMixed:
	default:
		return hub.Invalidf("targets: want all, mall, admin or mixed, not %q", c.Targets)
	}
	if _, err := c.kafka(); err != nil { // before anything is opened
		return err
	}
	if err := checkFiles(c.Connections); err != nil {
		return err
	}
	return c.checkHosts(ctx)
}

// checkHosts refuses hosts that are not this machine: a load test of somebody
// else's is an attack.
func (c *Config) checkHosts(ctx context.Context) error {
	if c.AnyHost {
		return nil
	}
	addresses := append([]string{}, c.Brokers...)
	for _, raw := range []string{c.URL, c.MetricsURL} {
		if raw == "" {
			continue
		}
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			return hub.Invalidf("%q is not an address like http://127.0.0.1:8080", raw)
		}
		addresses = append(addresses, u.Host)
	}
	for _, address := range addresses {
		if err := checkLoopback(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

func checkLoopback(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return hub.Invalidf("%s: %v", address, err)
	}
	for _, ip := range ips {
		if !ip.IP.IsLoopback() {
			return hub.Invalidf("%s is not this machine: a load test needs --i-own-this-host for that, and you must", address)
		}
	}
	return nil
}
