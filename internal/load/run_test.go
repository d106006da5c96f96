package load

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"bongsu/internal/hub"
)

const (
	// testDrain is how long a run in a test waits for a delivery, which comes.
	testDrain = 30 * time.Second
	// lossDrain is how long it waits for one that does not, and hundreds do.
	lossDrain = 3 * time.Second
)

func TestARunAccountsForEveryDelivery(t *testing.T) {
	h := newFakeHub(t, nil)
	config := h.config()
	// The run ends with the last delivery. Until then the bare consumer must have all.
	var bare atomic.Int64
	h.kafka.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		h.kafka.KeepControl()
		if request := r.(*kmsg.FetchRequest); request.MaxWaitMillis != int32(hubWait.Milliseconds()) {
			bare.Store(request.Topics[0].Partitions[0].FetchOffset)
		}
		return nil, nil, false
	})
	h.holdBack(func() bool { return h.applied == config.Events-1 && bare.Load() < int64(config.Events) })
	config.Bare, config.ServerPID, config.PayloadBytes = true, os.Getpid(), 100
	report := h.run(t, config)
	if !report.OK || report.Events.Published != 200 || report.Deliveries.Received != report.Deliveries.Expected {
		t.Fatalf("got %+v", report)
	}
	if n := report.Latency.Count; n != int64(report.Deliveries.Received) || report.Latency.Max <= 0 {
		t.Fatalf("latency of %d deliveries: %+v", n, report.Latency)
	}
	if report.Bare.Count != 200 || report.Events.Ack.Count != 200 {
		t.Fatalf("bare %+v, ack %+v", report.Bare, report.Events.Ack)
	}
	if report.Server.RSSConnected <= 0 || report.Deliveries.EntryBytes < 50 {
		t.Fatalf("server %+v, %+v", report.Server, report.Deliveries)
	}
}

func TestARunCountsReadersByTarget(t *testing.T) {
	h := newFakeHub(t, nil)
	for targets, readers := range map[Targets]uint64{ToAll: 20, ToMall: 5, ToAdmin: 1} {
		config := h.config()
		config.Targets, config.Events = targets, 50
		if report := h.run(t, config); !report.OK || report.Deliveries.Expected != 50*readers {
			t.Errorf("%s: %+v", targets, report.Deliveries)
		}
	}
}

func TestARunNamesFaults(t *testing.T) {
	for name, c := range map[string]struct {
		times int
		holds func(Deliveries) bool
	}{
		"loss":       {0, func(d Deliveries) bool { return d.Missing == 20 && d.Duplicates == 0 }},
		"duplicates": {2, func(d Deliveries) bool { return d.Duplicates == 20 && d.Missing == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFakeHub(t, func(_ hub.Stream, seq uint64) int {
				if seq == 7 {
					return c.times
				}
				return 1
			})
			config := h.config()
			config.Targets, config.Events, config.Drain = ToAll, 10, lossDrain
			report := h.run(t, config)
			if report.OK || len(report.Problems) != 1 || !c.holds(report.Deliveries) {
				t.Fatalf("got %+v, problems %q", report.Deliveries, report.Problems)
			}
		})
	}
}

func TestEverybodyComesBackFromAStorm(t *testing.T) {
	h := newFakeHub(t, nil)
	config := h.config()
	config.Events, config.Duration, config.Rate = 0, 600*time.Millisecond, 500
	config.ReconnectAt = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond}
	report := h.run(t, config)
	if !report.OK || len(report.Storms) != 2 {
		t.Fatalf("got %+v", report)
	}
	for _, s := range report.Storms {
		if s.Back != 20 || s.Resume.Count != 20 {
			t.Errorf("got %+v", s)
		}
	}
	if len(report.Disconnects) > 0 {
		t.Errorf("cuts are counted as disconnects: %v", report.Disconnects)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.resumed != 40 {
		t.Errorf("%d resumed with a cursor, want 40", h.resumed)
	}
}

func TestARunDoesNotEndBeforeItsStorms(t *testing.T) {
	h := newFakeHub(t, nil)
	config := h.config()
	config.Events, config.Rate = 10, 1000
	config.ReconnectAt = []time.Duration{500 * time.Millisecond, 500 * time.Millisecond}
	if report := h.run(t, config); !report.OK || len(report.Storms) != 2 || report.Storms[1].Back != config.Connections {
		t.Fatalf("got %+v", report)
	}
}

func TestTheSlowAreNotCountedOn(t *testing.T) {
	h := newFakeHub(t, nil)
	config := h.config()
	config.Slow, config.Targets = 5, ToAll
	report := h.run(t, config)
	if !report.OK || report.Deliveries.Expected != 200*15 || report.Slow.Connections != 5 {
		t.Fatalf("got %+v, slow %+v", report.Deliveries, report.Slow)
	}
}

func TestAnInterruptedRunIsReportedAsFarAsItWent(t *testing.T) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	h := newFakeHub(t, func(hub.Stream, uint64) int {
		cancel() // something was published
		return 1
	})
	config := h.config()
	config.Events, config.Duration, config.Rate = 0, time.Hour, 1000
	progress := &lines{}
	config.Progress = progress
	report, err := Run(ctx, config)
	if !errors.Is(err, context.Canceled) || report == nil || report.Events.Published == 0 {
		t.Fatalf("got %+v, %v", report, err)
	}
	if !strings.Contains(progress.String(), "20 connected") {
		t.Fatalf("progress: %s", progress)
	}
}

func TestAHubThatIsNotThereIsReported(t *testing.T) {
	h := newFakeHub(t, nil)
	config := h.config()
	config.URL = "http://127.0.0.1:1"
	if _, err := Run(t.Context(), config); !hub.Temporary(err) {
		t.Fatalf("got %v", err)
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	good := Config{
		URL: "http://127.0.0.1:1", Connections: 10, Malls: 2, Targets: ToAll, Rate: 1, Duration: time.Second, Drain: time.Second,
		Brokers: []string{"127.0.0.1:2"}, Topic: "T", Token: func(*hub.Principal) (string, error) { return "", nil },
	}
	if err := good.check(t.Context()); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	for name, spoil := range map[string]func(*Config){
		"connections": func(c *Config) { c.Connections = 0 },
		"too many":    func(c *Config) { c.Connections = MaxConnections + 1 },
		"malls":       func(c *Config) { c.Malls = 0 },
		"targets":     func(c *Config) { c.Targets = "nobody" },
		"endless":     func(c *Config) { c.Duration = 0 },
		"rate":        func(c *Config) { c.Rate = -1 },
		"payload":     func(c *Config) { c.PayloadBytes = MaxPayload + 1 },
		"all slow":    func(c *Config) { c.Slow = 10 },
		"topic":       func(c *Config) { c.Topic = "" },
		"storm":       func(c *Config) { c.ReconnectAt = []time.Duration{time.Minute} },
		"early storm": func(c *Config) { c.Duration, c.Events, c.ReconnectAt = 0, 1, []time.Duration{-1} },
		"hub":         func(c *Config) { c.URL = "http://192.0.2.1:8080" },
		"broker":      func(c *Config) { c.Brokers = []string{"127.0.0.1:9092", "192.0.2.1:9092"} },
		"metrics":     func(c *Config) { c.MetricsURL = "http://192.0.2.1/metrics" },
		"url":         func(c *Config) { c.URL = "nonsense" },
	} {
		config := good
		config.Brokers = slices.Clone(good.Brokers)
		spoil(&config)
		if err := config.check(t.Context()); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	good.URL, good.AnyHost = "http://192.0.2.1:8080", true
	if err := good.check(t.Context()); err != nil {
		t.Errorf("a host that is the user's own: %v", err)
	}
}

// lines is a writer that may be read at once.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
