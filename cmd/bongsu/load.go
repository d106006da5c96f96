package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"bongsu/internal/hub"
	"bongsu/internal/load"
)

type loadCmd struct {
	URL         string        `name:"url" default:"http://127.0.0.1:8080" help:"The hub's address."`
	Connections int           `short:"c" default:"1000" help:"Connections, each of a person of its own."`
	Malls       int           `default:"500" help:"Malls, over which the persons are spread."`
	Ramp        int           `default:"2000" help:"Connections opened a second; 0 is as fast as possible."`
	Settle      time.Duration `default:"2s" help:"Wait once all are connected, before memory is measured."`

	Targets      string        `enum:"all,mall,admin,mixed" default:"mixed" help:"Whom events are for: ${enum}. mixed is 1 % all, 29 % a mall, 70 % a person."`
	Rate         float64       `short:"r" default:"100" help:"Events published a second; 0 is as fast as Kafka takes them."`
	Duration     time.Duration `short:"d" default:"10s" help:"How long to publish; 0 until --events are."`
	Events       int           `default:"0" help:"How many events to publish; 0 until --duration is over."`
	PayloadBytes int           `default:"0" help:"Length of the events' body; a frame is about 220 bytes without."`
	Drain        time.Duration `default:"10s" help:"Give up on missing deliveries when none came for so long."`

	Slow        int             `default:"0" help:"How many connections stop reading until publishing ends."`
	ReconnectAt []time.Duration `placeholder:"DURATION" help:"Cut every connection this long after publishing began; repeat, or separate by commas."`
	BareKafka   bool            `help:"Also measure how long Kafka alone takes to a consumer."`

	ServerPID  int    `name:"server-pid" placeholder:"PID" help:"The hub's process on this machine: reports its memory and CPU time."`
	MetricsURL string `name:"metrics-url" placeholder:"URL" help:"Scrape these metrics before and after, like http://127.0.0.1:8080/metrics."`
	AnyHost    bool   `name:"i-own-this-host" help:"Allow targets that are not this machine."`
	kafkaFlags
	secretFlags
	output
}

// Help shows examples.
func (*loadCmd) Help() string {
	return `Opens connections, publishes events to Kafka, and accounts for every delivery.
Exits 1 if any was lost, doubled or out of order. The table goes to standard
output, progress to standard error.

Examples:

	# 10,000 persons, 500 events a second to 20 people each
	bongsu load -c 10000 --targets mall --rate 500 --server-pid "$(pgrep -x bongsu)"

	# a broadcast every second
	bongsu load -c 10000 --targets all --rate 1 -d 30s

	# everybody reconnects at once, in the middle
	bongsu load -c 10000 --reconnect-at 5s

	# how much goes through: 500,000 events to one person each
	bongsu load -c 1000 --targets admin --rate 0 --events 500000 -d 0s --json`
}

func (c *loadCmd) Run(ctx context.Context, io *stdio) error {
	config, err := c.config(io.err)
	if err != nil {
		return err
	}
	report, err := load.Run(ctx, config)
	if report == nil {
		return c.explain(err)
	}
	if c.JSON {
		encoder := json.NewEncoder(io.out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(report); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	} else if err := report.WriteText(io.out); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	switch {
	case ctx.Err() != nil:
		return nil //nolint:nilerr // an interrupted run is no verdict
	case err != nil:
		return err
	case !report.OK:
		return fmt.Errorf("load: %s", strings.Join(report.Problems, "; "))
	}
	return nil
}

func (c *loadCmd) config(progress io.Writer) (load.Config, error) {
	topic, err := c.topic()
	if err != nil {
		return load.Config{}, err
	}
	ttl := time.Hour + c.Duration + time.Duration(len(c.ReconnectAt))*time.Minute
	token := func(p *hub.Principal) (string, error) { return c.mint(p, ttl) }
	if _, err := token(&hub.Principal{Admin: "1"}); err != nil {
		return load.Config{}, err // before anything is opened
	}
	return load.Config{
		URL: c.URL, Connections: c.Connections, Malls: c.Malls, Ramp: c.Ramp, Settle: c.Settle,
		Targets: load.Targets(c.Targets), Rate: c.Rate, Duration: c.Duration, Events: c.Events,
		PayloadBytes: c.PayloadBytes, Drain: c.Drain, Slow: c.Slow, ReconnectAt: c.ReconnectAt,
		Brokers: c.brokers(), Access: c.Access, Topic: topic, Bare: c.BareKafka, Token: token,
		ServerPID: c.ServerPID, MetricsURL: c.MetricsURL, AnyHost: c.AnyHost, Progress: progress,
	}, nil
}

func (c *loadCmd) explain(err error) error {
	if hub.Temporary(err) {
		return fmt.Errorf("%w: is the hub running at %s, and its Kafka at %v?", err, c.URL, c.brokers())
	}
	return err
}
