//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"bongsu/internal/checker"
)

// mallSize is how many people one mall has in a fleet.
const mallSize = 20

// fleet is a server under load: people who are connected all the time, half of
// them over WebSocket and half over SSE, and publishers who know what was
// acknowledged.
type fleet struct {
	server  *server
	members []*member
	malls   int
	ledger  *ledger

	quit chan struct{}
	work sync.WaitGroup // publishers
	rest sync.WaitGroup // members

	mu sync.Mutex
	// marks holds acknowledged read marks: admin to stream to seq.
	marks map[string]map[string]uint64
}

// newFleet connects people to the server, all of them before it returns.
func newFleet(t *testing.T, s *server, people int) *fleet {
	t.Helper()
	f := &fleet{server: s, malls: max(1, people/mallSize), ledger: newLedger(), quit: make(chan struct{}),
		marks: map[string]map[string]uint64{}}
	for i := range people {
		p := person{admin: strconv.Itoa(i + 1), malls: []string{strconv.Itoa(i%f.malls + 1)}}
		f.members = append(f.members, &member{
			person: p, token: p.token(t), addr: s.addr, sse: i/f.malls%2 == 1, cursor: map[string]uint64{},
		})
	}
	return f
}

// connect starts the members and waits until all are online.
func (f *fleet) connect(t *testing.T) {
	t.Helper()
	for _, m := range f.members {
		f.rest.Add(1)
		go func() {
			defer f.rest.Done()
			m.run()
		}()
	}
	t.Cleanup(f.disconnect)
	f.awaitOnline(t)
}

func (f *fleet) awaitOnline(t *testing.T) {
	t.Helper()
	awaitWithin(t, readyWithin, "everybody online", func() bool { return f.online() == len(f.members) })
}

func (f *fleet) online() int {
	n := 0
	for _, m := range f.members {
		m.mu.Lock()
		if m.online {
			n++
		}
		m.mu.Unlock()
	}
	return n
}

// sessions is how many sessions there have been.
func (f *fleet) sessions() int {
	n := 0
	for _, m := range f.members {
		m.mu.Lock()
		n += m.sessions
		m.mu.Unlock()
	}
	return n
}

// received is how many entries have come to anybody.
func (f *fleet) received() int {
	n := 0
	for _, m := range f.members {
		m.mu.Lock()
		n += m.received
		m.mu.Unlock()
	}
	return n
}

// load starts the publishers: rate events a second over Kafka, five a second
// over HTTP, and ten read marks a second.
func (f *fleet) load(rate int) {
	for _, run := range []func(){
		func() { f.publishKafka(rate) },
		f.publishHTTP,
		f.markRead,
	} {
		f.work.Add(1)
		go func() {
			defer f.work.Done()
			run()
		}()
	}
}

// settle ends the load, each publisher after its last event is acknowledged.
func (f *fleet) settle() {
	close(f.quit)
	f.work.Wait()
}

func (f *fleet) disconnect() {
	for _, m := range f.members {
		m.stop()
	}
	f.rest.Wait()
}

// target draws who an event is for: 60 of 100 one person, 35 a mall, 5 all.
func (f *fleet) target() string {
	switch n := rand.IntN(100); {
	case n < 60:
		return "admin:" + f.members[rand.IntN(len(f.members))].admin
	case n < 95:
		return fmt.Sprint("mall:", rand.IntN(f.malls)+1)
	default:
		return "all"
	}
}

// markRead lets people read what they have, and remembers what was acknowledged.
func (f *fleet) markRead() {
	for f.sleep(100 * time.Millisecond) {
		m := f.members[rand.IntN(len(f.members))]
		streams := m.streams()
		stream := streams[rand.IntN(len(streams))]
		seq := m.place(stream)
		if seq == 0 {
			continue
		}
		a, err := request(http.MethodPost, f.server.url("/api/v1/timeline/read"), m.token, nil,
			map[string]any{"stream": stream, "seq": seq})
		if err != nil || a.StatusCode != http.StatusOK {
			continue // a part is away
		}
		f.mu.Lock()
		if f.marks[m.admin] == nil {
			f.marks[m.admin] = map[string]uint64{}
		}
		f.marks[m.admin][stream] = max(f.marks[m.admin][stream], seq)
		f.mu.Unlock()
	}
}

// sleep waits, and reports whether the load goes on.
func (f *fleet) sleep(d time.Duration) bool {
	select {
	case <-f.quit:
		return false
	case <-time.After(d):
		return true
	}
}

// report is what everybody says so far, without timelines.
func (f *fleet) report() checker.Run {
	run := checker.Run{Published: f.ledger.events()}
	for _, m := range f.members {
		run.People = append(run.People, m.report())
	}
	return run
}

// verdict waits until everything acknowledged has arrived everywhere, reads the
// timelines and the counts, and returns what is wrong.
func (f *fleet) verdict(t *testing.T) []checker.Violation {
	t.Helper()
	f.awaitOnline(t)
	deadline := time.Now().Add(2 * time.Minute)
	for len(checker.Check(f.report())) > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Second)
	}
	// Whatever comes twice comes late: give it a chance to be seen.
	time.Sleep(2 * time.Second)
	timelines, unread := map[string][]checker.Listed{}, map[string]checker.Person{}
	for i, m := range f.members {
		for _, stream := range m.streams() {
			if timelines[stream] == nil {
				timelines[stream] = f.listed(t, m, only("stream", stream))
			}
		}
		if i%10 == 0 {
			unread[m.admin] = f.unread(t, m)
		}
	}
	run := f.report()
	run.Timelines = timelines
	for i := range run.People {
		p := unread[run.People[i].Name]
		run.People[i].Unread, run.People[i].UnreadList = p.Unread, p.UnreadList
	}
	f.checkMarks(t)
	return checker.Check(run)
}

func (f *fleet) listed(t *testing.T, m *member, query url.Values) []checker.Listed {
	t.Helper()
	var out []checker.Listed
	for _, e := range f.server.wholeTimeline(t, m.person, query, 200) {
		out = append(out, checker.Listed{Stream: e.Stream, Seq: e.Seq, ID: e.ID, Read: e.Read != nil && *e.Read})
	}
	return out
}

func (f *fleet) unread(t *testing.T, m *member) checker.Person {
	t.Helper()
	count := f.server.unread(t, m.person)
	return checker.Person{
		Unread:     &checker.Unread{Total: count.Total, Streams: count.Streams},
		UnreadList: f.listed(t, m, only("unread", "true")),
	}
}

// checkMarks checks that no acknowledged read mark was lost.
func (f *fleet) checkMarks(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		for stream, seq := range f.marks[m.admin] {
			count := f.server.unread(t, m.person).Streams[stream]
			if most := m.place(stream) - seq; count > most {
				t.Errorf("%s read %s up to %d, yet %d are unread, not at most %d", m.admin, stream, seq, count, most)
			}
		}
	}
}
