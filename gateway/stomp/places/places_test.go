package places_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/gateway/stomp"
	"bongsu/gateway/stomp/places"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// place is an open session that the test moves.
type place struct {
	mu     sync.Mutex
	cursor hub.Cursor
	moves  uint64
	asked  int
	life   stomp.Life
}

func (p *place) AppendCursor(dst []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(dst, p.cursor.String()...)
}

func (p *place) Moves() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.moves
}

func (p *place) Ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
}

func (p *place) Life() stomp.Life {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life
}

// die has the client owe an answer since a moment, for too long.
func (p *place) die(since int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life.Owes, p.life.Late = time.UnixMilli(since), true
	p.moves++
}

// answer has it answer everything.
func (p *place) answer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life.Answers++
	p.life.Owes, p.life.Late = time.Time{}, false
	p.moves++
}

func (p *place) move(cursor hub.Cursor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cursor = cursor
	p.moves++
}

func broker(t *testing.T) (*kfake.Cluster, kafka.Config) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	config := kafka.Config{Brokers: cluster.ListenAddrs()}
	for range 2 { // the second finds the topic there
		if err := places.Ensure(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	return cluster, config
}

// start runs the places of one node until stop is called or the test ends.
func start(t *testing.T, config kafka.Config) (p *places.Places, stop func()) {
	t.Helper()
	p = places.New(config, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); work.Wait() }
	t.Cleanup(stop)
	return p, stop
}

// resumes waits until a session of the person goes on from the cursor.
func resumes(t *testing.T, p *places.Places, admin, want string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		cursor, _ := p.Resume(t.Context(), admin, nil)
		if cursor.String() == want {
			return
		}
		if len(cursor) > 0 || time.Now().After(end) {
			t.Fatalf("resumes at %q, want %q", cursor, want)
		}
	}
}

// hears waits until a node has heard all that the other has told, which ends with the
// session of a person who is new.
func hears(t *testing.T, p, other *places.Places, person string) {
	t.Helper()
	other.Open(person, &place{cursor: hub.Cursor{hub.All: 1}})
	resumes(t, p, person, "all=1")
}

func TestASessionGoesOnAtAnyNode(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	b, _ := start(t, config)
	session := &place{cursor: hub.Cursor{hub.All: 1}}
	a.Open("7", session)
	a.End("7", session, hub.Cursor{hub.All: 5, "mall:1": 2})
	hears(t, b, a, "8")
	if cursor, _ := b.Resume(t.Context(), "7", session); cursor.String() != "all=5,mall:1=2" {
		t.Errorf("resumes at %v", cursor)
	}
	// It is used up, at the first node too.
	b.Open("7", session)
	hears(t, a, b, "9")
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=1" { // the open one
		t.Errorf("resumes at %v, though the place is taken", cursor)
	}
}

// Of what a session would go on from that is not open yet, no other node is told.
func TestAPlaceStaysAtTheOtherNodesUntilASessionIsOpen(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	b, _ := start(t, config)
	session, next := &place{cursor: hub.Cursor{hub.All: 1}}, &place{cursor: hub.Cursor{hub.All: 5}}
	a.Open("7", session)
	a.End("7", session, hub.Cursor{hub.All: 5})
	hears(t, b, a, "8")
	if cursor, _ := b.Resume(t.Context(), "7", next); cursor.String() != "all=5" {
		t.Fatalf("resumes at %v", cursor)
	}
	hears(t, a, b, "9")
	if cursor, giveBack := a.Resume(t.Context(), "7", session); cursor.String() != "all=5" {
		t.Errorf("resumes at %v at the first node, though no session has opened", cursor)
	} else {
		giveBack()
	}
	next.move(hub.Cursor{hub.All: 9})
	b.Open("7", next)
	hears(t, a, b, "10")
	if cursor, _ := a.Resume(t.Context(), "7", session); cursor.String() != "all=9" { // the open one
		t.Errorf("resumes at %v, though the place is taken", cursor)
	}
}

func TestASessionGoesOnAtItsOwnNodeAtOnce(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	if cursor, _ := a.Resume(t.Context(), "7", nil); len(cursor) > 0 {
		t.Error("resumes from nowhere")
	}
	session := &place{cursor: hub.Cursor{hub.All: 1}}
	a.Open("7", session)
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=1" {
		t.Errorf("a second page goes on at %v, want where the first has surely come", cursor)
	}
	a.End("7", session, hub.Cursor{hub.All: 3})
	if cursor, _ := a.Resume(t.Context(), "7", nil); cursor.String() != "all=3" {
		t.Errorf("resumes at %v", cursor)
	}
}

// endAt has a session of person 7 end there, at a node that stops then.
func endAt(t *testing.T, config kafka.Config, cursor hub.Cursor) {
	t.Helper()
	a, stop := start(t, config)
	session := &place{cursor: hub.Cursor{hub.All: 1}}
	a.Open("7", session)
	a.End("7", session, cursor)
	stop()
}

func TestANodeThatStartsKnowsWhatEndedBefore(t *testing.T) {
	_, config := broker(t)
	endAt(t, config, hub.Cursor{hub.All: 9})
	b, _ := start(t, config)
	if cursor, _ := b.Resume(t.Context(), "7", nil); cursor.String() != "all=9" { // it waits for the topic
		t.Errorf("resumes at %v", cursor)
	}
}

func TestOpenSessionsAreToldAsTheyMove(t *testing.T) {
	_, config := broker(t)
	a, _ := start(t, config)
	one, two := &place{cursor: hub.Cursor{hub.All: 1}}, &place{cursor: hub.Cursor{hub.All: 2}}
	a.Open("7", one)
	a.Open("7", two)
	one.move(hub.Cursor{hub.All: 8, "mall:1": 4})
	two.move(hub.Cursor{hub.All: 7})
	// A node that knows nothing of their ends, as if theirs had been killed.
	for end := time.Now().Add(10 * time.Second); ; {
		b, stop := start(t, config)
		cursor, _ := b.Resume(t.Context(), "7", nil)
		stop()
		if cursor.String() == "all=7,mall:1=4" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("resumes at %v", cursor)
		}
	}
}

func TestWhatKafkaDidNotTakeIsToldLater(t *testing.T) {
	cluster, config := broker(t)
	a, _ := start(t, config)
	b, _ := start(t, config)
	for _, p := range []*places.Places{a, b} {
		p.Resume(t.Context(), "7", nil) // when it has read the topic
	}
	fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: places.TopicName, Err: kerr.PolicyViolation, Count: 2})
	defer fault.Remove()
	session := &place{cursor: hub.Cursor{hub.All: 1}}
	a.Open("7", session)
	a.End("7", session, hub.Cursor{hub.All: 5})
	hears(t, b, a, "8")
	if cursor, _ := b.Resume(t.Context(), "7", nil); cursor.String() != "all=5" {
		t.Errorf("resumes at %v", cursor)
	}
	if n := fault.Hits(); n != 2 {
		t.Errorf("Kafka refused %d times", n)
	}
}
