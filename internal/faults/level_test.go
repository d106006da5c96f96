package faults

import (
	"slices"
	"testing"
	"time"

	"bongsu/internal/faults/report"
)

// look returns samples of a node in which everything is as a function of the time
// says, from 0 to 1.
func look(n int, at func(float64) float64) []report.Sample {
	var samples []report.Sample
	for i := range n {
		value := at(float64(i) / float64(n))
		s := report.Sample{RSS: value, Goroutines: value, Other: map[string]float64{}}
		for _, name := range gaugeNames() {
			s.Other[name] = value
		}
		samples = append(samples, s)
	}
	return samples
}

func TestWhatGrowsIsNotLevel(t *testing.T) {
	const n = 100
	for _, c := range []struct {
		name string
		n    int
		at   func(float64) float64
		met  bool
	}{
		{"a level", n, func(float64) float64 { return 1000 }, true},
		{"growth that ends before the middle", n, func(x float64) float64 { return 1000 * min(x, 0.4) }, true},
		{"growth without end", n, func(x float64) float64 { return 1000 * x }, false},
		{"growth late", n, func(x float64) float64 { return 1000 + 2000*max(0, x-0.7) }, false},
		{"a saw", n, func(x float64) float64 { return 1000 + 500*float64(int(100*x)%12) }, true},
		{"what goes down", n, func(x float64) float64 { return 2000 - 1000*x }, true},
		{"nothing at all", n, func(float64) float64 { return 0 }, false},
		{"nothing in the end", n, func(x float64) float64 { return max(0, 1000-1250*x) }, false},
		{"too few samples", n/2 - 1, func(float64) float64 { return 1000 }, false},
		{"no sample", 0, func(float64) float64 { return 1000 }, false},
	} {
		for _, g := range gauges() {
			g.slack = 0
			f := &Figures{}
			f.level(g, "n1", look(c.n, c.at), n/2)
			if len(f.Rows) != 1 || f.Met() != c.met {
				t.Errorf("%s, %s: %d rows, met is %v", c.name, g.what, len(f.Rows), f.Met())
			}
		}
	}
	f := &Figures{}
	f.level(gauges()[0], "n1", look(4, func(float64) float64 { return 1 }), 0)
	if f.Met() {
		t.Error("four samples are enough")
	}
}

func TestEveryNodeIsJudgedByEveryGauge(t *testing.T) {
	nodes := []*Node{{Name: "n1"}, {Name: "n2"}}
	config := StreamsConfig{Cluster: ClusterConfig{Nodes: 2}, Streams: 100_000, Rate: 500, Duration: 10 * time.Minute, Visitors: 50}
	series := func(at func(float64) float64) (all []report.NodeSeries) {
		for _, node := range nodes {
			all = append(all, report.NodeSeries{Name: node.Name, Samples: look(120, at)})
		}
		return all
	}
	f := &Figures{}
	f.levels(nodes, series(func(float64) float64 { return 100 }), config)
	if want := len(nodes)*len(gauges()) + len(config.bounds()); len(f.Rows) != want || !f.Met() {
		t.Fatalf("%d rows, want %d: %q", len(f.Rows), want, f.Lines())
	}
	f = &Figures{}
	f.levels(nodes, series(func(float64) float64 { return 100 })[:1], config)
	if f.Met() {
		t.Error("met, though a node was never looked at")
	}
	f = &Figures{}
	f.levels(nodes, series(func(float64) float64 { return 50_000 }), config)
	missed := 0
	for _, row := range f.Rows {
		if !row.Met {
			missed++
		}
	}
	if missed != len(config.bounds()) {
		t.Errorf("100,000 of everything is beyond %d bounds, want %d: %q", missed, len(config.bounds()), f.Lines())
	}
	if bound := config.bounds()[actorsOf]; bound < 60_000 || bound > 90_000 {
		t.Errorf("up to %.0f stream actors are expected of 500 events a second to 100,000 streams", bound)
	}
}

func TestAMetricThatIsNotThereIsAnError(t *testing.T) {
	s := &sampler{nodes: []*Node{{Name: "n1"}}, clock: func() time.Duration { return 0 }, also: []string{"x", `y{direction="in"}`}}
	m := metrics{"process_resident_memory_bytes": 1, "go_goroutines": 2, "x": 3, `y{direction="in"}`: 4, `y{direction="out"}`: 5}
	s.add("n1", m)
	if got := s.result(); s.failure() != nil || len(got) != 1 || got[0].Samples[0].Other[`y{direction="in"}`] != 4 {
		t.Fatalf("sampled %+v, %v", got, s.failure())
	}
	for name := range m {
		if name == `y{direction="out"}` {
			continue // it is not asked for
		}
		fresh := &sampler{clock: s.clock, also: s.also}
		lacking := metrics{}
		for other, value := range m {
			if other != name {
				lacking[other] = value
			}
		}
		if fresh.add("n1", lacking); fresh.failure() == nil || len(fresh.series) > 0 {
			t.Errorf("without %s: %v, %v", name, fresh.failure(), fresh.series)
		}
	}
	if sum, err := m.sum("y", `direction="in"`); sum != 4 || err != nil {
		t.Errorf("sum %v, %v", sum, err)
	}
	if sum, err := m.sum("y", `direction="up"`); sum != 0 || err != nil {
		t.Errorf("sum %v, %v of labels that nothing has", sum, err)
	}
	if _, err := m.sum("process_resident"); err == nil {
		t.Error("the beginning of a name is taken for it")
	}
}

func TestVisitsAreJudged(t *testing.T) {
	config := StreamsConfig{Duration: 10 * time.Minute, Visitors: 50}
	for _, c := range []struct {
		kept   int
		missed []error
		met    bool
	}{{3000, nil, true}, {2999, nil, false}, {0, nil, false}, {5000, []error{errNoMember}, false}} {
		f := &Figures{}
		(&visits{kept: c.kept, missed: c.missed}).judge(f, config)
		if f.Met() != c.met {
			t.Errorf("%d kept and %d missed: met is %v", c.kept, len(c.missed), f.Met())
		}
	}
}

func TestAVisitGoesToANodeThatDoesNotOwnTheStream(t *testing.T) {
	v := &visits{nodes: []*Node{{Name: "n1"}, {Name: "n2"}, {Name: "n3"}}, shards: 1, owners: map[int32]string{0: "n2"}}
	var went []string
	for number := range 4 {
		node, err := v.away("admin:1", number)
		if err != nil {
			t.Fatal(err)
		}
		went = append(went, node.Name)
	}
	if !slices.Equal(went, []string{"n1", "n3", "n1", "n3"}) {
		t.Errorf("went to %v", went)
	}
	v.owners = nil
	if _, err := v.away("admin:1", 0); err == nil {
		t.Error("a stream without an owner is visited")
	}
}

func TestAVisitorWaitsForItsEvent(t *testing.T) {
	touch := &touching{config: StreamsConfig{Streams: 10}}
	v := &visitor{stream: touch.stream(13), id: eventID(13), came: make(chan struct{})}
	came := func() bool {
		select {
		case <-v.came:
			return true
		default:
			return false
		}
	}
	v.Entry("admin:touched3", 1, []byte(`{"id":"e0000003"}`))
	v.Entry("all", 1, []byte(`{"id":"e0000013"}`))
	if came() {
		t.Error("another event of the stream, or the event of another stream, is taken for it")
	}
	for range 2 { // a client may be given it again
		if v.Entry("admin:touched3", 2, []byte(`{"id":"e0000013"}`)); !came() {
			t.Error("the event has not come")
		}
	}
}

func TestEveryStreamIsTouchedInItsTurn(t *testing.T) {
	touch := &touching{config: StreamsConfig{Streams: 10}}
	batch, err := touch.batch(25, 10)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, m := range batch {
		key, err := m.Key.Encode()
		if err != nil {
			t.Fatal(err)
		}
		keys[string(key)] = true
	}
	if first, err := batch[0].Key.Encode(); err != nil || string(first) != "admin:touched5" || len(keys) != 10 {
		t.Errorf("from %q on %d streams were touched: %v", first, len(keys), err)
	}
}
