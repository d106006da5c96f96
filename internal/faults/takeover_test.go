package faults

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/hub"
)

// measured is a measurement in which everything was seen once, well within the
// goals.
func measured() (*takeover, TakeoverConfig) {
	well := func() []float64 { return []float64{0.1} }
	return &takeover{
		prober:    &prober{tries: 100},
		killFirst: well(), killAll: well(), killIngress: well(), killKept: well(),
		leaveMoved: well(), leaveKept: well(), leaveIngress: well(),
		joinMoved: well(), joinKept: well(), joinIngress: well(),
	}, TakeoverConfig{Kills: 1, Handovers: 1}
}

func TestATakeoverIsJudgedByWhatWasSeen(t *testing.T) {
	m, config := measured()
	if f := m.figures(time.Now(), config); !f.Met() || len(f.Rows) != 11 {
		t.Fatalf("good figures are not met: %q", f.Lines())
	}
	rows := func(m *takeover) []*[]float64 {
		return []*[]float64{
			&m.killFirst, &m.killAll, &m.killIngress, &m.killKept,
			&m.leaveMoved, &m.leaveKept, &m.leaveIngress, &m.joinMoved, &m.joinKept, &m.joinIngress,
		}
	}
	for i := range rows(m) {
		m, config := measured()
		*rows(m)[i] = nil
		if f := m.figures(time.Now(), config); f.Met() || f.Rows[i].Met {
			t.Errorf("%s: met, though nothing was seen", f.Rows[i].Name)
		}
		if i == 0 {
			continue // nothing is wanted of it
		}
		*rows(m)[i] = []float64{6}
		if f := m.figures(time.Now(), config); f.Met() || f.Rows[i].Met {
			t.Errorf("%s: 6 s are met", f.Rows[i].Name)
		}
	}
	m.killKept = append(m.killKept, 0.1)
	if m.figures(time.Now(), TakeoverConfig{Kills: 3, Handovers: 1}).Met() {
		t.Error("a kill of which nothing was seen is not missed")
	}
}

func TestAPublishMustNotBeRefused(t *testing.T) {
	m, config := measured()
	m.prober.refused = []error{errors.New("no")}
	if m.figures(time.Now(), config).Met() {
		t.Error("met, though a publish was refused")
	}
	m, config = measured()
	m.prober.tries = 0
	if m.figures(time.Now(), config).Met() {
		t.Error("met, though nothing was published")
	}
}

func TestPausesAreToldByWhoseOwnerStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Cluster{Nodes: []*Node{{Name: "n1"}, {Name: "n2"}, {Name: "n3"}}}
		p := newProber(c, 3)
		m := &takeover{prober: p, cluster: c}
		for _, node := range c.Nodes {
			p.arrivals[node] = map[hub.Stream][]arrival{}
		}
		for range 100 {
			shard, ingress := p.begin(&p.toShards), p.begin(&p.toIngress)
			for _, node := range c.Nodes {
				for _, stream := range p.shards {
					p.arrivals[node][stream] = append(p.arrivals[node][stream], arrival{shard.sent, shard.sent + ms})
				}
				for _, stream := range p.ingress {
					p.arrivals[node][stream] = append(p.arrivals[node][stream], arrival{ingress.sent, ingress.sent + 2*ms})
				}
			}
			time.Sleep(probeEvery)
		}
		view := func(owners ...string) (v clusterView) {
			for shard, owner := range owners {
				v.Members = append(v.Members, struct {
					Name   string  `json:"name"`
					Shards []int32 `json:"shards"`
				}{owner, []int32{int32(shard)}})
			}
			return v
		}
		before, after := view("n1", "n2", "n3"), view("n2", "n2", "n2")
		moved, kept := m.pauses(c.Nodes[0], before, after, 0)
		if !slices.Equal(moved, []time.Duration{ms, ms, ms, ms}) || !slices.Equal(kept, []time.Duration{ms, ms}) {
			t.Errorf("two nodes saw pauses of %v and %v", moved, kept)
		}
		delete(p.arrivals[c.Nodes[2]], p.shards[1])
		if _, kept = m.pauses(c.Nodes[0], before, after, 0); longest(kept) != p.clock() {
			t.Errorf("a node that gets nothing of a shard that stays saw a pause of %s", longest(kept))
		}
		if pauses := m.ingressPauses(c.Nodes[0], 0); longest(pauses) != 2*ms || len(pauses) != 2*topicPartitions {
			t.Errorf("of the ingress partitions %v", pauses)
		}
		delete(p.arrivals[c.Nodes[1]], p.ingress[3])
		if pauses := m.ingressPauses(c.Nodes[0], 0); longest(pauses) != p.clock() {
			t.Errorf("a node that gets nothing of an ingress partition saw a pause of %s", longest(pauses))
		}
		if row := worst(worst(nil, nil), kept); len(row) != 1 {
			t.Errorf("a try of which nothing was seen has a value: %v", row)
		}
	})
}
