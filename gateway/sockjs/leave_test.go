package sockjs_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/sockjs"
)

// counted serves sessions, in memory, whose ends are counted by their codes.
func counted(t *testing.T) (s *site, ends func() map[string]float64) {
	t.Helper()
	metrics := prometheus.NewRegistry()
	s = serveBy(t, gatewaytest.InMemory, gateway.Options{Heartbeat: time.Second, Metrics: metrics}, sockjs.Options{Alone: time.Second})
	return s, func() map[string]float64 { return ended(t, metrics) }
}

// ended returns how many sessions have ended, by their codes.
func ended(t *testing.T, metrics *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "bongsu_gateway_closes_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "code" {
					counts[label.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return counts
}

// over waits until there is no session, and wants one end, with the code.
func (s *site) over(ends func() map[string]float64, code string) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); s.gateway.Connections() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("the session is still there")
		}
	}
	if got := ends(); len(got) != 1 || got[code] != 1 {
		s.t.Errorf("ends %v, want one with %s", got, code)
	}
}

const left = "/000/abcd1234"

// opened opens a streaming session.
func (s *site) opened() (next frames, leave func() error) {
	s.t.Helper()
	answer := s.request(http.MethodPost, left+"/xhr_streaming", "")
	lines := bufio.NewReader(answer.Body)
	next = func() (string, error) {
		line, err := lines.ReadString('\n')
		return strings.TrimSuffix(line, "\n"), err
	}
	for _, want := range []string{"hhh", "o"} {
		if frame, err := next(); err != nil || !strings.HasPrefix(frame, want) {
			s.t.Fatalf("%.20q, %v", frame, err)
		}
	}
	s.send(left, connect)
	if frame, err := next(); err != nil || !strings.HasPrefix(frame, `a["CONNECTED`) {
		s.t.Fatalf("%q, %v", frame, err)
	}
	return next, answer.Body.Close
}

func TestAClientThatIsGoneMayNotHaveGotTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ends := counted(t)
		_, leave := s.opened()
		_ = leave()
		s.over(ends, "4002")
	})
}

func TestAClientThatPollsNoMoreMayNotHaveGotTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ends := counted(t)
		if got := s.poll(left); got != "o" {
			t.Fatalf("first %q", got)
		}
		s.send(left, connect)
		s.poll(left)
		s.over(ends, "4002")
	})
}

func TestAClientThatDisconnectsHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ends := counted(t)
		next, leave := s.opened()
		s.send(left, "DISCONNECT\n\n\x00")
		if frame, err := next(); err != nil || frame != `c[1000,"bye"]` {
			t.Errorf("%q, %v", frame, err)
		}
		_ = leave()
		s.over(ends, "1000")
	})
}

func TestAClientThatStopsToBeatIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ends := counted(t)
		next, _ := s.opened()
		for range 8 { // longer than a silent client lasts
			s.send(left, "\n")
			time.Sleep(500 * time.Millisecond)
		}
		if got := ends(); len(got) != 0 {
			t.Fatalf("a client that beats was closed: %v", got)
		}
		for {
			frame, err := next()
			if err != nil {
				t.Fatal(err)
			}
			if frame == `c[4002,"silent"]` {
				break
			}
		}
		s.over(ends, "4002")
	})
}

func TestAClientThatNeverBeatsIsThereWhileItTakesAnswers(t *testing.T) {
	for name, open := range map[string]func(s *site, path string) frames{"xhr_streaming": (*site).stream, "xhr": (*site).polls} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, ends := counted(t)
				next := open(s, left)
				if frame, _ := next(); frame != "o" {
					t.Fatalf("first %q", frame)
				}
				s.send(left, strings.Replace(connect, "10000,10000", "0,10000", 1))
				for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
					if frame, err := next(); err != nil || frame[0] == 'c' {
						t.Fatalf("%q, %v", frame, err)
					}
				}
				if got := ends(); len(got) != 0 {
					t.Errorf("ends %v", got)
				}
			})
		})
	}
}
