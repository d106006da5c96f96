//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/checker"
)

// ledger is what the publishers of a fleet know.
type ledger struct {
	mu   sync.Mutex
	byID map[string]*checker.Event
	made int
}

func newLedger() *ledger { return &ledger{byID: map[string]*checker.Event{}} }

// begin writes down an event before it is sent for the first time.
func (l *ledger) begin(target string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	id := fmt.Sprintf("e%07d", l.made)
	l.byID[id] = &checker.Event{ID: id, Targets: []string{target}}
	return id
}

// acknowledge writes down that an event was acknowledged, and where if that is known.
func (l *ledger) acknowledge(id, source string, place int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byID[id]
	e.Acknowledged, e.Source, e.Place = true, source, place
}

func (l *ledger) events() []checker.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := make([]checker.Event, 0, len(l.byID))
	for _, e := range l.byID {
		events = append(events, *e)
	}
	return events
}

// acknowledged is how many events were acknowledged.
func (l *ledger) acknowledged() int {
	n := 0
	for _, e := range l.events() {
		if e.Acknowledged {
			n++
		}
	}
	return n
}

// attempt is an event on its way to Kafka.
type attempt struct {
	id, target string
	tries      int
}

// publishKafka publishes rate events a second; what a slow answer kept it from
// is made up for. What is not acknowledged is sent again, under the same id and
// before anything new.
func (f *fleet) publishKafka(rate int) {
	const every, most = 20 * time.Millisecond, 250
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var kafka *producer
	defer func() {
		if kafka != nil {
			kafka.close()
		}
	}()
	var pending []attempt
	for last := time.Now(); ; {
		open := true
		select {
		case <-f.quit:
			open = false
		case <-ticker.C:
		}
		if !open && len(pending) == 0 {
			return
		}
		if kafka == nil {
			var err error
			if kafka, err = newProducer(f.server.kafka); err != nil {
				time.Sleep(50 * time.Millisecond)
				continue
			}
			last = time.Now() // an outage is not made up for
		}
		due := min(most, int(time.Since(last).Seconds()*float64(rate)))
		last = last.Add(time.Duration(due) * time.Second / time.Duration(rate))
		for ; open && due > 0; due-- {
			target := f.target()
			pending = append(pending, attempt{id: f.ledger.begin(target), target: target})
		}
		if len(pending) == 0 {
			continue
		}
		if pending = f.send(kafka, pending); len(pending) > 0 {
			kafka.close()
			kafka = nil
		}
	}
}

// send sends the events and returns those that were not acknowledged.
func (f *fleet) send(kafka *producer, pending []attempt) []attempt {
	messages := make([]*sarama.ProducerMessage, len(pending))
	for i := range pending {
		pending[i].tries++
		value, err := json.Marshal(notice(pending[i].id, pending[i].target))
		if err != nil {
			panic(err) // a map of strings has a JSON form
		}
		messages[i] = message(value)
		messages[i].Key = sarama.StringEncoder(pending[i].target)
	}
	failed := map[*sarama.ProducerMessage]bool{}
	var errs sarama.ProducerErrors
	if err := kafka.sync.SendMessages(messages); errors.As(err, &errs) {
		for _, e := range errs {
			failed[e.Msg] = true
		}
	} else if err != nil {
		return pending
	}
	var again []attempt
	for i, a := range pending {
		switch {
		case failed[messages[i]]:
			again = append(again, a)
		case a.tries == 1:
			f.ledger.acknowledge(a.id, fmt.Sprint(topic, "/", messages[i].Partition), messages[i].Offset)
		default:
			f.ledger.acknowledge(a.id, "", 0) // an earlier try may stand before it
		}
	}
	return again
}

// publishHTTP publishes five events a second over HTTP.
func (f *fleet) publishHTTP() {
	token, err := publisherToken()
	if err != nil {
		panic(err) // the secret is a constant
	}
	var pending *attempt
	for f.sleep(200*time.Millisecond) || pending != nil {
		if pending == nil {
			target := f.target()
			pending = &attempt{id: f.ledger.begin(target), target: target}
		}
		a, err := request(http.MethodPost, f.server.url("/api/v1/events"), token, nil, notice(pending.id, pending.target))
		if err == nil && a.StatusCode == http.StatusAccepted {
			f.ledger.acknowledge(pending.id, "", 0)
			pending = nil
			continue
		}
		time.Sleep(50 * time.Millisecond)
	}
}
