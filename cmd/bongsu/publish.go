package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// kafkaFlags say where events go.
type kafkaFlags struct {
	Brokers []string     `name:"kafka-brokers" aliases:"brokers" env:"BONGSU_KAFKA_BROKERS" placeholder:"HOST:PORT" help:"Kafka brokers, comma-separated; by default the hub's embedded one."`
	Access  kafka.Access `embed:""`
	Addr    string       `name:"kafka-embedded-addr" env:"BONGSU_KAFKA_EMBEDDED_ADDR" default:"127.0.0.1:9092" hidden:""`
	Topics  []string     `name:"kafka-ingress-topics" aliases:"topic" env:"BONGSU_KAFKA_INGRESS_TOPICS" default:"BACKOFFICE-NOTIFICATIONS" help:"The topic; of several the first."`
}

// brokers returns the addresses to start from.
func (f *kafkaFlags) brokers() []string {
	if len(f.Brokers) == 0 || f.Brokers[0] == "" {
		return []string{f.Addr}
	}
	return f.Brokers
}

// topic returns the topic to publish to.
func (f *kafkaFlags) topic() (string, error) {
	if len(f.Topics) == 0 || f.Topics[0] == "" {
		return "", hub.Invalidf("no topic: set --topic or BONGSU_KAFKA_INGRESS_TOPICS")
	}
	return f.Topics[0], nil
}

type publishCmd struct {
	Type      string   `group:"One event" placeholder:"TYPE" help:"EXCEL_COMPLETED, ORDER_PLACED, CLAIM_FILED, INQUIRY_CREATED, PRODUCT_APPROVAL, PRODUCT_INQUIRY, FDS_DETECTED, NOTICE or your own."`
	Target    []string `group:"One event" short:"t" placeholder:"STREAM" help:"Who gets it: all, mall:<no>, partner:<no>, admin:<no>; repeat, or separate by commas."`
	Title     string   `group:"One event" help:"What people read first."`
	Body      string   `group:"One event" help:"What they read then; title or body is needed."`
	Link      string   `group:"One event" help:"Where a click leads."`
	Data      string   `group:"One event" placeholder:"JSON" help:"A JSON object for programs."`
	ID        string   `group:"One event" help:"The event's id, under which it is shown once however often it is published; made when absent."`
	Sound     string   `group:"One event" help:"The sound it plays."`
	Priority  string   `group:"One event" help:"Its priority."`
	At        string   `group:"One event" placeholder:"TIME" help:"When it happened, like 2026-11-20T10:30:00Z."`
	ExpiresAt string   `group:"One event" placeholder:"TIME" help:"When it stops being worth a toast."`

	File string `group:"Many events" short:"f" placeholder:"FILE" help:"One event a line in JSON; - reads standard input."`
	Text string `group:"Plain text" help:"Publish this text as it is: 'text', 'all:text' or '<admin>:text'."`
	kafkaFlags
	output
}

// Help shows examples.
func (*publishCmd) Help() string {
	return `Events are checked before they are sent. What was reported as published is
in Kafka with all in-sync replicas. A file is published up to its first bad
line; one in its first 1,000 lines and nothing is.

Examples:

	# an order for everybody of a mall
	bongsu publish --type ORDER_PLACED --target mall:1001 --body '주문 3건 59,000원' --link /orders/20261120-0001

	# a notice to all, and one person
	bongsu publish --type NOTICE -t all -t admin:7 --title '점검 안내' --body '오늘 밤 2시'

	# many at once
	bongsu publish --file events.ndjson

	# plain text
	bongsu publish --text 'all:hello'`
}

func (c *publishCmd) Run(ctx context.Context, io *stdio) error {
	topic, err := c.topic()
	if err != nil {
		return err
	}
	source, err := c.source(io)
	if err != nil {
		return err
	}
	defer source.close()
	first, err := source.next() // bad input is reported before Kafka is asked for
	if err != nil {
		return fmt.Errorf("%w (nothing is published)", err)
	}
	producer, err := c.producer()
	if err != nil {
		return err
	}
	p := &publisher{topic: topic, producer: producer, io: io, json: c.JSON, quiet: c.File != ""}
	err = p.publish(ctx, first, source)
	return errors.Join(err, producer.Close())
}

// producer connects to Kafka.
func (c *publishCmd) producer() (sarama.SyncProducer, error) {
	config := kafka.Config{Brokers: c.brokers(), ClientID: "bongsu-publish"}
	if err := c.Access.Apply(&config); err != nil {
		return nil, err
	}
	settings, err := config.Producer()
	if err != nil {
		return nil, hub.Invalidf("%v", err)
	}
	producer, err := sarama.NewSyncProducer(c.brokers(), settings)
	if err != nil {
		return nil, hub.Unavailablef("no Kafka at %v: start the hub with `bongsu serve`, or say where Kafka is with --kafka-brokers: %w", c.brokers(), err)
	}
	return producer, nil
}

// source returns what is to be published.
func (c *publishCmd) source(io *stdio) (*source, error) {
	one := c.Type != "" || len(c.Target) > 0 || c.Title != "" || c.Body != ""
	switch {
	case one && c.File == "" && c.Text == "":
		record, err := c.event()
		return &source{one: record}, err
	case c.Text != "" && c.File == "" && !one:
		if !utf8.ValidString(c.Text) || len(c.Text) > hub.MaxEvent {
			return nil, hub.Invalidf("--text: want UTF-8 of at most %d bytes", hub.MaxEvent)
		}
		return &source{one: &record{value: []byte(c.Text)}}, nil
	case c.File != "" && c.Text == "" && !one:
		return openSource(c.File, io.in)
	}
	return nil, hub.Invalidf("say what to publish: one event (--type, --target and --title or --body), --file or --text")
}

// event builds the record that the flags describe.
func (c *publishCmd) event() (*record, error) {
	if c.ID == "" {
		c.ID = rand.Text()
	}
	fields := map[string]any{"type": c.Type, "targets": c.Target, "id": c.ID}
	for name, value := range map[string]string{
		"title": c.Title, "body": c.Body, "link": c.Link, "sound": c.Sound, "priority": c.Priority,
		"at": c.At, "expiresAt": c.ExpiresAt,
	} {
		if value != "" {
			fields[name] = value
		}
	}
	if c.Data != "" {
		if !json.Valid([]byte(c.Data)) {
			return nil, hub.Invalidf("--data: not JSON")
		}
		fields["data"] = json.RawMessage(c.Data)
	}
	value, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	return parseRecord(value)
}

// record is one Kafka record to be.
type record struct {
	key   string
	id    string // "" where the hub will make one
	value []byte
}

// parseRecord checks an event. Its key, the first target, keeps a target's events
// in order.
func parseRecord(value []byte) (*record, error) {
	event, err := hub.ParseEvent(value)
	if err != nil {
		return nil, err
	}
	return &record{key: string(event.Targets[0]), id: event.ID, value: value}, nil
}

func openFile(path string, stdin io.Reader) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(stdin), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, hub.Invalidf("--file: %v", err)
	}
	return file, nil
}
