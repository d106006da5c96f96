// Package ingest turns what domain services publish to Kafka into journal
// records. It reads the ingress topics as a member of a consumer group, decodes
// each record as an event in JSON, a CloudEvent or plain text, and appends one
// journal record for each target. What is none of these goes to the topic's
// dead-letter topic, so that no record ever stops those behind it.
package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"bongsu/internal/hub"
)

// Message is one record of an ingress topic.
type Message struct {
	Topic     string
	Partition int32
	Offset    int64
	// Time is when it was published; the zero time means that Kafka does not say.
	Time    time.Time
	Key     []byte
	Headers []Header
	Value   []byte
}

// Header is one header of a record.
type Header struct {
	Name  string
	Value []byte
}

// header returns the value of the last header of the name, in any case.
func (m *Message) header(name string) (string, bool) {
	for i := len(m.Headers) - 1; i >= 0; i-- {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return string(m.Headers[i].Value), true
		}
	}
	return "", false
}

// Decode reads the record as an event that is valid and has an ID: its own, or
// one made of the record's place. In this order it is
//
//   - a binary CloudEvent, if it has a header ce_specversion;
//   - a structured CloudEvent, if its content type says so or it is a JSON
//     object with a member specversion;
//   - an event in JSON, if it starts with a brace;
//   - plain text, otherwise.
//
// The error wraps hub.ErrInvalid and says what is wrong. The event keeps no
// reference to the message.
func Decode(m Message) (hub.Event, error) {
	e, err := decode(&m)
	if err != nil {
		return hub.Event{}, err
	}
	if e.ID == "" {
		e.ID = madeID(m.Topic, m.Partition, m.Offset)
	}
	return e, nil
}

func decode(m *Message) (hub.Event, error) {
	if len(m.Value) > hub.MaxEvent {
		return hub.Event{}, hub.Invalidf("an event has at most %d bytes, this one %d", hub.MaxEvent, len(m.Value))
	}
	var contentType string
	if len(m.Headers) > 0 {
		contentType, _ = m.header("content-type")
		if strings.HasPrefix(contentType, cloudEvents) {
			return structuredCloudEvent(contentType, m.Value)
		}
		if _, ok := m.header("ce_specversion"); ok {
			return binaryCloudEvent(contentType, m)
		}
	}
	if !isObject(m.Value) {
		return textEvent(m.Value)
	}
	if looksLikeCloudEvent(m.Value) {
		return structuredCloudEvent(cloudEvents+"+json", m.Value)
	}
	return hub.ParseEvent(m.Value)
}

// isCloudEvent reports whether the record is read as a CloudEvent.
func isCloudEvent(m *Message) bool {
	contentType, _ := m.header("content-type")
	_, binary := m.header("ce_specversion")
	return binary || strings.HasPrefix(contentType, cloudEvents) || (isObject(m.Value) && looksLikeCloudEvent(m.Value))
}

// isObject reports whether the value can only be meant as a JSON object.
func isObject(value []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(value, " \t\r\n"), []byte("{"))
}

// madeID names an event by the place of its record, so that a record that is
// read twice is the same event.
func madeID(topic string, partition int32, offset int64) string {
	id := fmt.Sprintf("%s-%d-%d", topic, partition, offset)
	if len(id) <= hub.MaxID {
		return id
	}
	sum := sha256.Sum256([]byte(topic)) // a topic's name may be longer than an id
	return fmt.Sprintf("%s-%d-%d", hex.EncodeToString(sum[:16]), partition, offset)
}

// textEvent reads plain text: "all:text" and text without a colon go to all,
// "<id>:text" and "<id>:me:text" to one person, "<id>:all:text" to all.
func textEvent(value []byte) (hub.Event, error) {
	if !utf8.Valid(value) {
		return hub.Event{}, hub.Invalidf("text: not UTF-8")
	}
	text := string(value)
	target, body, err := address(text)
	if err != nil {
		return hub.Event{}, err
	}
	if strings.TrimSpace(body) == "" {
		return hub.Event{}, hub.Invalidf("text: empty")
	}
	e := hub.Event{Type: hub.TypeNotice, Targets: []hub.Stream{target}, Body: body, Text: text}
	e.FillDefaults()
	return e, nil
}

func address(text string) (target hub.Stream, body string, err error) {
	head, rest, found := strings.Cut(text, ":")
	switch {
	case !found:
		return hub.All, text, nil
	case head == "all":
		return hub.All, rest, nil
	}
	if err := hub.CheckKey(head); err != nil {
		return "", "", fmt.Errorf("text: what stands before the colon is neither all nor an id: %w", err)
	}
	if whom, body, found := strings.Cut(rest, ":"); found {
		switch whom {
		case "me":
			return hub.AdminStream(head), body, nil
		case "all":
			return hub.All, body, nil
		}
	}
	return hub.AdminStream(head), rest, nil
}
