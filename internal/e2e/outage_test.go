//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestKafkaOutage takes Kafka away under load: sessions stay, timelines can be
// read, publishing over HTTP is refused at once, and in the end nothing is
// lost, doubled or out of order.
func TestKafkaOutage(t *testing.T) {
	onEachParts(t, func(t *testing.T, p *parts) {
		if p.kafka == nil {
			t.Skip("the embedded broker lives and dies with the server: the crash test takes it away")
		}
		f := loadedFleet(t, p)
		time.Sleep(3 * time.Second)
		sessions := f.sessions()
		if err := p.kafka.Stop(); err != nil {
			t.Fatal(err)
		}
		f.duringKafkaOutage(t, time.Now().Add(*kafkaOutageFlag))
		if err := p.kafka.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		f.awaitPublishing(t)
		t.Logf("publishing again %s after Kafka was back", time.Since(back).Round(time.Millisecond))
		f.awaitPush(t, patience)
		if now := f.sessions(); now != sessions {
			t.Errorf("%d sessions were lost with Kafka", now-sessions)
		}
		time.Sleep(3 * time.Second)
		f.settle()
		f.judge(t)
		t.Logf("%d events acknowledged, %d entries received", f.ledger.acknowledged(), f.received())
	})
}

// loadedFleet starts a server with a fleet under load.
func loadedFleet(t *testing.T, p *parts) *fleet {
	t.Helper()
	s := newServer(t, p)
	s.up(t)
	f := newFleet(t, s, *peopleFlag)
	f.connect(t)
	f.load(*rateFlag)
	return f
}

// duringKafkaOutage asks for what must work, and must be refused, until the time.
func (f *fleet) duringKafkaOutage(t *testing.T, until time.Time) {
	t.Helper()
	read := make(chan string, 1)
	go func() { read <- f.readTimelines(until) }()
	token, err := publisherToken()
	if err != nil {
		t.Fatal(err)
	}
	var slowest time.Duration
	refused := 0
	for ; time.Now().Before(until); refused++ {
		start := time.Now()
		a, err := request(http.MethodPost, f.server.url("/api/v1/events"), token, nil, notice(fmt.Sprint("outage-", refused), "admin:nobody"))
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		slowest = max(slowest, took)
		a.wantProblem(t, http.StatusServiceUnavailable)
		if a.Header.Get("Retry-After") == "" {
			t.Fatalf("503 without Retry-After: %s", a.body)
		}
		if took > time.Second {
			t.Errorf("publishing was refused after %s only (try %d)", took.Round(time.Millisecond), refused)
		}
		f.server.do(t, http.MethodGet, "/healthz", "", nil).want(t, http.StatusOK, nil)
		time.Sleep(200 * time.Millisecond)
	}
	t.Logf("Kafka away: %d publishes refused, the slowest after %s", refused, slowest.Round(time.Millisecond))
	if wrong := <-read; wrong != "" {
		t.Errorf("a timeline while Kafka is away: %s", wrong)
	}
}

// readTimelines reads a timeline again and again until the time, and returns
// what was wrong with the first that was not as it must be.
func (f *fleet) readTimelines(until time.Time) string {
	for i := 0; time.Now().Before(until); i++ {
		start := time.Now()
		a, err := request(http.MethodGet, f.server.url("/api/v1/timeline?limit=10"), f.members[i%len(f.members)].token, nil, nil)
		if err != nil {
			return err.Error()
		}
		var got page
		if a.StatusCode != http.StatusOK || json.Unmarshal(a.body, &got) != nil || len(got.Entries) != 10 {
			return fmt.Sprintf("%s after %s: %.200s", a.Status, time.Since(start).Round(time.Millisecond), a.body)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return ""
}

// awaitPublishing waits until an event can be published over HTTP.
func (f *fleet) awaitPublishing(t *testing.T) {
	t.Helper()
	token, err := publisherToken()
	if err != nil {
		t.Fatal(err)
	}
	id := f.ledger.begin("all")
	awaitWithin(t, readyWithin, "publishing again", func() bool {
		a, err := request(http.MethodPost, f.server.url("/api/v1/events"), token, nil, notice(id, "all"))
		return err == nil && a.StatusCode == http.StatusAccepted
	})
	f.ledger.acknowledge(id, "", 0)
}

// awaitPush publishes an event to all over HTTP and waits until one member has
// it; it returns how long that took.
func (f *fleet) awaitPush(t *testing.T, within time.Duration) time.Duration {
	t.Helper()
	token, err := publisherToken()
	if err != nil {
		t.Fatal(err)
	}
	id := f.ledger.begin("all")
	start := time.Now()
	a, err := request(http.MethodPost, f.server.url("/api/v1/events"), token, nil, notice(id, "all"))
	if err != nil {
		t.Fatal(err)
	}
	a.want(t, http.StatusAccepted, nil)
	f.ledger.acknowledge(id, "", 0)
	awaitWithin(t, within, "the push of "+id, func() bool {
		steps := f.members[0].report().Steps
		for i := len(steps) - 1; i >= 0 && i > len(steps)-2000; i-- {
			if steps[i].ID == id {
				return true
			}
		}
		return false
	})
	return time.Since(start)
}

// TestTimelineOutage takes ClickHouse away under load: pushes go on, and in the
// end the timeline holds everything.
func TestTimelineOutage(t *testing.T) {
	onEachParts(t, func(t *testing.T, p *parts) {
		if p.timeline == nil {
			t.Skip("SQLite is part of the server's own process")
		}
		f := loadedFleet(t, p)
		time.Sleep(3 * time.Second)
		sessions := f.sessions()
		if err := p.timeline.Stop(); err != nil {
			t.Fatal(err)
		}
		var slowest time.Duration
		for until := time.Now().Add(*timelineOutageFlag); time.Now().Before(until); {
			slowest = max(slowest, f.awaitPush(t, patience))
			time.Sleep(200 * time.Millisecond)
		}
		t.Logf("ClickHouse away: pushes go on, the slowest took %s", slowest.Round(time.Millisecond))
		if slowest > 2*time.Second {
			t.Errorf("a push took %s while ClickHouse was away", slowest)
		}
		f.wantUnavailableTimeline(t)
		if err := p.timeline.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		reader := f.members[0].person
		awaitWithin(t, readyWithin, "the timeline again", func() bool {
			return f.server.do(t, http.MethodGet, "/api/v1/timeline", reader.token(t), nil).StatusCode == http.StatusOK
		})
		if now := f.sessions(); now != sessions {
			t.Errorf("%d sessions were lost with ClickHouse", now-sessions)
		}
		time.Sleep(3 * time.Second)
		f.settle()
		f.judge(t)
		t.Logf("%d events acknowledged, %d entries received", f.ledger.acknowledged(), f.received())
	})
}

// wantUnavailableTimeline checks that a timeline that cannot be read says so:
// temporary, and never an empty or shortened list.
func (f *fleet) wantUnavailableTimeline(t *testing.T) {
	t.Helper()
	m := f.members[0]
	a := f.server.do(t, http.MethodGet, "/api/v1/timeline?limit=200", m.token, nil)
	if a.StatusCode == http.StatusOK {
		var got page
		if err := json.Unmarshal(a.body, &got); err != nil || len(got.Entries) < 200 {
			t.Errorf("a timeline without ClickHouse: %d entries, %v", len(got.Entries), err)
		}
		return
	}
	a.wantProblem(t, http.StatusServiceUnavailable)
	if a.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}
