package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

const (
	// publishBatch is how many records are sent, and waited for, together.
	publishBatch = 1000
	// progressEvery is how often long work says how far it is.
	progressEvery = 2 * time.Second
)

// source gives the records to publish: one, or those of a file, of which only a
// batch is in memory.
type source struct {
	one   *record
	lines *bufio.Scanner
	line  int
	file  io.Closer
}

func openSource(path string, stdin io.Reader) (*source, error) {
	file, err := openFile(path, stdin)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 0, 64<<10), hub.MaxEvent+2)
	return &source{lines: lines, file: file}, nil
}

func (s *source) close() {
	if s.file != nil {
		_ = s.file.Close() // it was only read
	}
}

// next returns the next records, at most a batch; none at the end. Records before
// a bad line come with its error.
func (s *source) next() ([]*record, error) {
	if s.lines == nil {
		if s.one == nil {
			return nil, nil
		}
		batch := []*record{s.one}
		s.one = nil
		return batch, nil
	}
	var batch []*record
	for len(batch) < publishBatch && s.lines.Scan() {
		s.line++
		line := bytes.TrimSpace(s.lines.Bytes())
		if len(line) == 0 {
			continue
		}
		r, err := parseRecord(bytes.Clone(line))
		if err != nil {
			return batch, fmt.Errorf("line %d: %w", s.line, err)
		}
		batch = append(batch, r)
	}
	if err := s.lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return batch, hub.Invalidf("line %d: an event has at most %d bytes", s.line+1, hub.MaxEvent)
	} else if err != nil {
		return batch, fmt.Errorf("after line %d: %w", s.line, err)
	}
	return batch, nil
}

// publisher sends batches and tells what became of them.
type publisher struct {
	topic    string
	producer sarama.SyncProducer
	io       *stdio
	json     bool
	quiet    bool // many records: totals in place of a line each

	sent  int
	began time.Time
	told  time.Time
}

// publish sends the first batch and all that follow. It ends at the first bad
// line; everything before that has been sent.
func (p *publisher) publish(ctx context.Context, batch []*record, from *source) error {
	p.began = time.Now()
	p.told = p.began
	var bad error
	for len(batch) > 0 {
		if err := p.send(ctx, batch); err != nil {
			return fmt.Errorf("after %d published: %w", p.sent, err)
		}
		if bad != nil {
			break
		}
		batch, bad = from.next()
	}
	if bad != nil {
		return fmt.Errorf("%w (the %d before it are published)", bad, p.sent)
	}
	return p.total()
}

func (p *publisher) send(ctx context.Context, batch []*record) error {
	if ctx.Err() != nil {
		return hub.Unavailablef("stopped") // an interrupt leaves work undone, so it is no success
	}
	messages := make([]*sarama.ProducerMessage, len(batch))
	for i, r := range batch {
		messages[i] = &sarama.ProducerMessage{Topic: p.topic, Value: sarama.ByteEncoder(r.value), Metadata: r}
		if r.key != "" {
			messages[i].Key = sarama.StringEncoder(r.key)
		}
	}
	if err := p.producer.SendMessages(messages); err != nil {
		return p.explain(err)
	}
	p.sent += len(batch)
	return p.tell(messages)
}

// explain turns the producer's list of failures into the first and their number.
func (p *publisher) explain(err error) error {
	var failures sarama.ProducerErrors
	if errors.As(err, &failures) && len(failures) > 0 {
		err = failures[0].Err
	}
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return hub.Unavailablef("Kafka has no topic %s: the hub creates it when it starts, or choose another with --topic: %w", p.topic, err)
	}
	return kafka.Classify(err)
}

// tell writes a line for each record, or progress.
func (p *publisher) tell(messages []*sarama.ProducerMessage) error {
	if p.quiet && !p.json {
		if time.Since(p.told) >= progressEvery {
			p.told = time.Now()
			_, _ = fmt.Fprintf(p.io.err, "%d published, %.0f a second\n", p.sent, float64(p.sent)/time.Since(p.began).Seconds())
		}
		return nil
	}
	for _, m := range messages {
		if err := p.tellOne(m); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) tellOne(m *sarama.ProducerMessage) error {
	id := ""
	if r, ok := m.Metadata.(*record); ok {
		id = r.id
	}
	if p.json {
		return json.NewEncoder(p.io.out).Encode(struct {
			Topic     string `json:"topic"`
			Partition int32  `json:"partition"`
			Offset    int64  `json:"offset"`
			ID        string `json:"id,omitempty"`
		}{m.Topic, m.Partition, m.Offset, id})
	}
	_, err := fmt.Fprintf(p.io.out, "%s partition %d offset %d", m.Topic, m.Partition, m.Offset)
	if err == nil && id != "" {
		_, err = fmt.Fprintf(p.io.out, " id %s", id)
	}
	if err == nil {
		_, err = fmt.Fprintln(p.io.out)
	}
	return err
}

func (p *publisher) total() error {
	if !p.quiet || p.json {
		return nil
	}
	_, err := fmt.Fprintf(p.io.out, "%d published to %s in %v\n", p.sent, p.topic, time.Since(p.began).Round(time.Millisecond))
	return err
}
