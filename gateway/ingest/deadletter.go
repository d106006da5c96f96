package ingest

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

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

// morgue writes dead letters. It connects on first use and anew after a failure.
type morgue struct {
	cfg kafka.Config

	mu       sync.Mutex
	producer sarama.SyncProducer
}

// bury appends the letters to their dead-letter topics, and returns when all
// in-sync replicas have them. A letter that is too large for the topic is cut
// shorter. After an error some may be there, and be there twice when they are
// buried again.
func (m *morgue) bury(letters []deadLetter) error {
	producer, err := m.connected()
	if err != nil {
		return err
	}
	for most := maxLetter; ; most /= 8 {
		messages := make([]*sarama.ProducerMessage, len(letters))
		for i, letter := range letters {
			messages[i] = letter.letter(most)
		}
		err := producer.SendMessages(messages)
		if err == nil {
			return nil
		}
		large, other := tooLarge(letters, messages, err)
		if other != nil || most == 0 {
			m.reset(producer)
			return kafka.Classify(cmp.Or(other, err))
		}
		letters = large
	}
}

// tooLarge returns the letters that failed for their size, or an error if any
// failed for another reason.
func tooLarge(letters []deadLetter, messages []*sarama.ProducerMessage, err error) ([]deadLetter, error) {
	var failures sarama.ProducerErrors
	if !errors.As(err, &failures) {
		return nil, err
	}
	var large []deadLetter
	for _, failure := range failures {
		if !errors.Is(failure.Err, sarama.ErrMessageSizeTooLarge) {
			return nil, failure.Err
		}
		large = append(large, letters[slices.Index(messages, failure.Msg)])
	}
	return large, nil
}

func (m *morgue) connected() (sarama.SyncProducer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.producer != nil {
		return m.producer, nil
	}
	settings, err := m.cfg.Producer()
	if err != nil {
		return nil, err
	}
	producer, err := sarama.NewSyncProducer(m.cfg.Brokers, settings)
	if err != nil {
		return nil, kafka.Classify(err)
	}
	m.producer = producer
	return producer, nil
}

// reset closes a producer that has failed.
func (m *morgue) reset(failed sarama.SyncProducer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.producer == failed && failed != nil {
		m.producer = nil
		_ = failed.Close()
	}
}

// close ends the connection.
func (m *morgue) close() {
	m.mu.Lock()
	producer := m.producer
	m.mu.Unlock()
	m.reset(producer)
}

// letter returns the record as it was, with headers that say why it is dead and
// where it came from. Of a record of more than most bytes, only the beginnings of
// key and value are kept.
func (d deadLetter) letter(most int) *sarama.ProducerMessage {
	reason := d.reason.Error()
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	m := d.message
	out := &sarama.ProducerMessage{Topic: DeadLetterTopic(m.Topic), Headers: []sarama.RecordHeader{
		{Key: []byte(headerReason), Value: []byte(reason)},
		{Key: []byte(headerTopic), Value: []byte(m.Topic)},
		{Key: []byte(headerPartition), Value: strconv.AppendInt(nil, int64(m.Partition), 10)},
		{Key: []byte(headerOffset), Value: strconv.AppendInt(nil, m.Offset, 10)},
	}}
	key, value, size := m.Key, m.Value, len(m.Key)+len(m.Value)
	for _, h := range m.Headers {
		size += len(h.Key) + len(h.Value)
	}
	if size <= most {
		for _, h := range m.Headers {
			out.Headers = append(out.Headers, *h)
		}
	} else {
		keep := min(cutTo, most/4)
		key, value = key[:min(len(key), keep)], value[:min(len(value), keep)]
		out.Headers = append(out.Headers, sarama.RecordHeader{
			Key: []byte(headerCut), Value: strconv.AppendInt(nil, int64(len(m.Value)), 10),
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
