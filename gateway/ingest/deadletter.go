package ingest

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/IBM/sarama"

	"bongsu/internal/kafka"
)

// The headers of a dead letter, beside those that the record had.
const (
	headerReason    = "bongsu-reason"
	headerTopic     = "bongsu-topic"
	headerPartition = "bongsu-partition"
	headerOffset    = "bongsu-offset"
	// headerCut is there if the record was too long for the dead-letter topic. It
	// holds the length of the value, of which the letter has the beginning.
	headerCut = "bongsu-value-bytes"
)

// DeadLetterTopic returns the topic for the undecodable records of a topic.
func DeadLetterTopic(topic string) string { return topic + ".dead" }

const (
	// maxReason is the most bytes of a reason.
	maxReason = 512
	// maxLetter is the most bytes of key, value and headers that are kept whole;
	// a broker takes a million with the framing of the batch, by default.
	maxLetter = 900_000
	// cutTo is how much of the value of a longer record is kept.
	cutTo = 64 << 10
)

// Letter is what could not be an event, and why.
type Letter struct {
	// Topic is the ingress topic whose dead-letter topic gets the letter.
	Topic string
	// Source is where the letter came from, if not from Topic; Partition and
	// Offset are its place there, -1 where there are none.
	Source    string
	Partition int32
	Offset    int64
	// Key, Value and Headers are the record as it was.
	Key, Value []byte
	Headers    []Header
	// Reason says what is wrong.
	Reason error
}

// DeadLetters writes letters to dead-letter topics. It is safe for use by several
// goroutines at once.
type DeadLetters struct{ producer producer }

// NewDeadLetters returns DeadLetters that have not connected yet.
func NewDeadLetters(cfg kafka.Config) *DeadLetters { return &DeadLetters{producer{cfg: cfg}} }

// Write appends the letters to their dead-letter topics, and returns when all
// in-sync replicas have them. A letter that is too large for the topic is cut
// shorter. It blocks for some seconds at most. After an error, which wraps
// hub.ErrUnavailable, some letters may be there, and be there twice when they are
// written again.
func (d *DeadLetters) Write(letters []Letter) error {
	for most := maxLetter; ; most /= 8 {
		messages := make([]*sarama.ProducerMessage, len(letters))
		for i := range letters {
			messages[i] = letters[i].message(most)
		}
		err := d.producer.send(messages)
		if err == nil {
			return nil
		}
		if most == 0 || !tooLargeOnly(err) {
			return kafka.Classify(cause(err))
		}
		letters = tooLarge(letters, messages, err)
	}
}

// Close ends the connection. A later Write makes another.
func (d *DeadLetters) Close() { d.producer.close() }

// tooLarge returns the letters whose messages err is about.
func tooLarge(letters []Letter, messages []*sarama.ProducerMessage, err error) []Letter {
	var failures sarama.ProducerErrors
	_ = errors.As(err, &failures) // the caller has seen that it is
	large := make([]Letter, len(failures))
	for i, failure := range failures {
		large[i] = letters[slices.Index(messages, failure.Msg)]
	}
	return large
}

// message returns the record as it was, with headers that say why it is dead and
// where it came from. Of a record of more than most bytes, only the beginnings of
// key and value are kept.
func (l *Letter) message(most int) *sarama.ProducerMessage {
	reason := l.Reason.Error()
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	out := &sarama.ProducerMessage{Topic: DeadLetterTopic(l.Topic), Headers: []sarama.RecordHeader{
		{Key: []byte(headerReason), Value: []byte(reason)},
		{Key: []byte(headerTopic), Value: []byte(cmp.Or(l.Source, l.Topic))},
		{Key: []byte(headerPartition), Value: strconv.AppendInt(nil, int64(l.Partition), 10)},
		{Key: []byte(headerOffset), Value: strconv.AppendInt(nil, l.Offset, 10)},
	}}
	key, value, size := l.Key, l.Value, len(l.Key)+len(l.Value)
	for _, h := range l.Headers {
		size += len(h.Name) + len(h.Value)
	}
	if size <= most {
		for _, h := range l.Headers {
			out.Headers = append(out.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
		}
	} else {
		keep := min(cutTo, most/4)
		key, value = key[:min(len(key), keep)], value[:min(len(value), keep)]
		out.Headers = append(out.Headers, sarama.RecordHeader{
			Key: []byte(headerCut), Value: strconv.AppendInt(nil, int64(len(l.Value)), 10),
		})
	}
	if key != nil {
		out.Key = sarama.ByteEncoder(key)
	}
	if value != nil {
		out.Value = sarama.ByteEncoder(value)
	}
	return out
}

// letter returns the dead letter of an ingress record.
func (d deadLetter) letter() Letter {
	m := message(d.message)
	return Letter{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset,
		Key: m.Key, Value: m.Value, Headers: m.Headers, Reason: d.reason,
	}
}
