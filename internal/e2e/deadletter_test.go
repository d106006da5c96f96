//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/IBM/sarama"
)

// malformed returns records that must be refused, each for a reason of its own.
func malformed(i int) *sarama.ProducerMessage {
	values := []string{
		`{"type":"NOTICE","targets":["all"],"title":"cut`,
		`{"type":"NOTICE","title":"no targets"}`,
		`{"type":"NOTICE","targets":[],"title":"no targets"}`,
		`{"type":"NOTICE","targets":["planet:9"],"title":"an unknown kind"}`,
		`{"type":"NOTICE","targets":["mall:"],"title":"an empty key"}`,
		`{"type":"lower","targets":["all"],"title":"a bad type"}`,
		`{"type":"NOTICE","targets":["all"]}`,
		`{"type":"NOTICE","targets":["all"],"title":"a bad time","at":"yesterday"}`,
		`{"type":"NOTICE","targets":["all"],"title":"data that is no object","data":[1]}`,
		`{"type":"NOTICE","targets":["all"],"title":"a long id","id":"` + strings.Repeat("x", 129) + `"}`,
		"\xff\xfe not UTF-8",
		``,
	}
	return message([]byte(values[i%len(values)]))
}

// testDeadLetters publishes 10,000 malformed records with good ones in between.
func (s *suite) testDeadLetters(t *testing.T) {
	const bad, every = 10_000, 50
	p := person{admin: s.fresh()}
	stream := "admin:" + p.admin
	ws := s.socket(t, p, nil)
	before := s.ends(t, topic+".dead")
	var good []string
	var batch []*sarama.ProducerMessage
	for i := range bad {
		batch = append(batch, malformed(i))
		if i%every != every-1 {
			continue
		}
		id := fmt.Sprintf("good-%s-%d", p.admin, i)
		value, err := json.Marshal(notice(id, stream))
		if err != nil {
			t.Fatal(err)
		}
		good = append(good, id)
		batch = append(batch, message(value))
		if len(batch) > 2000 || i == bad-1 {
			if err := s.kafka.sync.SendMessages(batch); err != nil {
				t.Fatal(err)
			}
			batch = nil
		}
	}
	ws.awaitIDs(t, stream, good...)
	reasons := map[string]int{}
	for _, m := range s.readTopic(t, topic+".dead", bad, before) {
		reason := header(m, "bongsu-reason")
		reasons[reason]++
		if reason == "" || header(m, "bongsu-topic") != topic || header(m, "bongsu-partition") == "" || header(m, "bongsu-offset") == "" {
			t.Fatalf("a dead letter with headers %+v", m.Headers)
		}
	}
	if len(reasons) < 8 {
		t.Errorf("only %d different reasons: %v", len(reasons), reasons)
	}
}
