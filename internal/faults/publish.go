package faults

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/kafka"
)

const (
	// publishEvery is how often events that are due are sent, most in one go.
	publishEvery = 20 * time.Millisecond
	most         = 500
	// postEvery and markEvery are how often somebody publishes over HTTP, and reads.
	postEvery = 200 * time.Millisecond
	markEvery = 100 * time.Millisecond
)

// load is what is done to the cluster beside following it: events over Kafka and
// over HTTP, and read marks.
type load struct {
	ledger *Ledger
	crowd  *crowd
	kafka  string
	rate   float64
	// toAll is the share of events that are for everybody.
	toAll float64
	// balanced publishes over HTTP as behind a load balancer, which asks nodes
	// whether they are ready; else to any node whose process is there.
	balanced bool

	quit chan struct{}
	work sync.WaitGroup

	mu    sync.Mutex
	marks map[string]map[string]mark // the highest acknowledged: by admin and stream
	count int                        // of marks
	pick  *rand.Rand                 // guarded by mu
}

func newLoad(ledger *Ledger, c *crowd, kafka string, rate, toAll float64, seed uint64) *load {
	return &load{
		ledger: ledger, crowd: c, kafka: kafka, rate: rate, toAll: toAll, quit: make(chan struct{}),
		marks: map[string]map[string]mark{}, pick: rand.New(rand.NewPCG(seed, 3)),
	}
}

// start begins to publish and to mark.
func (l *load) start(ctx context.Context) error {
	token, err := mint(jwt.MapClaims{"sub": "publisher", "scope": "publish"})
	if err != nil {
		return err
	}
	l.work.Go(func() { l.publish(ctx) })
	l.work.Go(func() { l.post(ctx, token) })
	l.work.Go(func() { l.read(ctx) })
	return nil
}

// settle ends the load, each publisher after its last event is acknowledged.
func (l *load) settle() {
	close(l.quit)
	l.work.Wait()
}

func (l *load) over() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

// draw returns a random number below n.
func (l *load) draw(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pick.IntN(n)
}

// targets draws whom an event is for: everybody, now and then; else one person, a
// mall, or both at once.
func (l *load) targets() []string {
	p := l.crowd.people[l.draw(len(l.crowd.people))]
	switch n := l.draw(1000); {
	case float64(n) < 1000*l.toAll:
		return []string{"all"}
	case n < 400:
		return []string{"mall:" + p.mall}
	case n < 450:
		return []string{"admin:" + p.admin, "mall:" + p.mall}
	default:
		return []string{"admin:" + p.admin}
	}
}

// attempt is an event on its way to Kafka.
type attempt struct {
	number int
	value  []byte
	key    string
	tries  int
}

func (l *load) newAttempt() *attempt {
	targets := l.targets()
	number := l.ledger.begin(targets...)
	value, err := json.Marshal(notice(number, targets))
	if err != nil {
		value = nil // a map of strings always has a JSON form
	}
	return &attempt{number: number, value: value, key: targets[0]}
}

// publish sends events over Kafka at the rate, as an idempotent producer. What was
// not acknowledged is sent again under the same id, before anything new. An outage
// is not made up for.
func (l *load) publish(ctx context.Context) {
	ticker := time.NewTicker(publishEvery)
	defer ticker.Stop()
	var producer sarama.SyncProducer
	var pending []*attempt
	last := time.Now()
	for ctx.Err() == nil && !(l.over() && len(pending) == 0) {
		<-ticker.C
		if producer == nil {
			var err error
			if producer, err = newProducer(l.kafka); err != nil {
				continue
			}
			last = time.Now()
		}
		due := min(most, int(time.Since(last).Seconds()*l.rate))
		last = last.Add(time.Duration(float64(due) / l.rate * float64(time.Second)))
		for ; due > 0 && !l.over(); due-- {
			pending = append(pending, l.newAttempt())
		}
		if pending = l.send(producer, pending); len(pending) > 0 {
			_ = producer.Close() // what it had is pending
			producer = nil
		}
	}
	if producer != nil {
		_ = producer.Close()
	}
}

func newProducer(addr string) (sarama.SyncProducer, error) {
	settings, err := kafka.Config{Brokers: []string{addr}, ClientID: "bongsu-faults"}.Producer()
	if err != nil {
		return nil, err
	}
	return sarama.NewSyncProducer([]string{addr}, settings)
}

// send sends the events and returns those that were not acknowledged.
func (l *load) send(producer sarama.SyncProducer, pending []*attempt) []*attempt {
	if len(pending) == 0 {
		return nil
	}
	messages := make([]*sarama.ProducerMessage, len(pending))
	for i, a := range pending {
		if a.tries++; a.tries > 1 {
			l.ledger.again(nil)
		}
		messages[i] = &sarama.ProducerMessage{Topic: Topic, Key: sarama.StringEncoder(a.key), Value: sarama.ByteEncoder(a.value)}
	}
	failed := map[*sarama.ProducerMessage]bool{}
	var errs sarama.ProducerErrors
	if err := producer.SendMessages(messages); errors.As(err, &errs) {
		for _, e := range errs {
			failed[e.Msg] = true
		}
	} else if err != nil {
		return pending
	}
	var again []*attempt
	for i, a := range pending {
		switch {
		case failed[messages[i]]:
			again = append(again, a)
		case a.tries == 1:
			l.ledger.acknowledge(a.number, messages[i].Partition, messages[i].Offset)
		default:
			l.ledger.acknowledge(a.number, -1, 0) // an earlier try may stand before it
		}
	}
	return again
}

// post publishes over HTTP, to the nodes in turn; one that refuses is left for
// the next, under the same id.
func (l *load) post(ctx context.Context, token string) {
	for turn := 0; ctx.Err() == nil && !l.over(); turn++ {
		if pause(ctx, postEvery) != nil {
			return
		}
		targets := l.targets()
		number := l.ledger.begin(targets...)
		body := notice(number, targets)
		for ctx.Err() == nil {
			node := l.running(ctx, turn)
			if node == nil {
				_ = pause(ctx, postEvery) // its end ends the loop
				continue
			}
			err := call(ctx, http.MethodPost, node.URL+"/api/v1/events", token, body, nil)
			if err == nil {
				l.ledger.acknowledgePost(number)
				break
			}
			l.ledger.again(err)
			turn++
			_ = pause(ctx, 50*time.Millisecond) // its end ends the loop
		}
	}
}

// running returns a node that can be called, beginning with one of turn; nil if
// there is none.
func (l *load) running(ctx context.Context, turn int) *Node {
	for i := range l.crowd.nodes {
		if node := l.crowd.nodes[(turn+i)%len(l.crowd.nodes)]; node.Running() && (!l.balanced || node.Ready(ctx)) {
			return node
		}
	}
	return nil
}

// read lets people mark as read what they have, and remembers what was
// acknowledged.
func (l *load) read(ctx context.Context) {
	for turn := 0; pause(ctx, markEvery) == nil && !l.over(); turn++ {
		p := l.crowd.people[l.draw(len(l.crowd.people))]
		i := l.draw(len(p.names))
		stream, seq := string(p.names[i]), p.places()[i]
		node := l.running(ctx, turn)
		if seq == 0 || node == nil {
			continue
		}
		if err := call(ctx, http.MethodPost, node.URL+"/api/v1/timeline/read", p.token,
			map[string]any{"stream": stream, "seq": seq}, nil); err != nil {
			continue // it was not acknowledged
		}
		l.mu.Lock()
		if l.marks[p.admin] == nil {
			l.marks[p.admin] = map[string]mark{}
		}
		if l.marks[p.admin][stream].seq < seq {
			l.marks[p.admin][stream] = mark{seq, l.ledger.clock(), node.Name}
		}
		l.count++
		l.mu.Unlock()
	}
}

// mark is a read mark that was acknowledged, when and by which node.
type mark struct {
	seq uint64
	at  time.Duration
	by  string
}

// marked returns the acknowledged marks of a person.
func (l *load) marked(admin string) map[string]mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marks[admin]
}
