package faults

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// probed returns probes that were sent every 50 ms from 0 on, and the arrival of
// each 10 ms later.
func probed(n int) ([]*probe, []arrival) {
	var probes []*probe
	var arrivals []arrival
	for i := range n {
		at := time.Duration(i) * 50 * ms
		probes = append(probes, &probe{sent: at})
		arrivals = append(arrivals, arrival{at, at + 10*ms})
	}
	return probes, arrivals
}

func TestAPauseIsWhatProbesShow(t *testing.T) {
	const now = 2000 * ms // twenty probes from 0 to 950 ms, looked at later
	for _, c := range []struct {
		name     string
		befall   func(probes []*probe, arrivals []arrival) ([]*probe, []arrival)
		from, to time.Duration
		want     time.Duration
	}{
		{"everything flows", func(p []*probe, a []arrival) ([]*probe, []arrival) { return p, a }, 0, 1000 * ms, 10 * ms},
		{"an entry came late", func(p []*probe, a []arrival) ([]*probe, []arrival) {
			a[4].received += 700 * ms
			return p, a
		}, 0, 1000 * ms, 710 * ms},
		{"one that came late was sent before", func(p []*probe, a []arrival) ([]*probe, []arrival) {
			a[4].received += 700 * ms
			return p, a
		}, 250 * ms, 1000 * ms, 10 * ms},
		{"… or after", func(p []*probe, a []arrival) ([]*probe, []arrival) {
			a[4].received += 700 * ms
			return p, a
		}, 0, 200 * ms, 10 * ms},
		{"one was taken and never came", func(p []*probe, a []arrival) ([]*probe, []arrival) {
			return p, append(a[:4:4], a[5:]...)
		}, 0, 1000 * ms, now - 200*ms},
		{"one was refused: the next came 60 ms after it", func(p []*probe, a []arrival) ([]*probe, []arrival) {
			p[4].refused = true
			return p, append(a[:4:4], a[5:]...)
		}, 0, 1000 * ms, 60 * ms},
		{"six in a row were refused", func(p []*probe, a []arrival) ([]*probe, []arrival) {
			for i := range 6 {
				p[4+i].refused = true
			}
			return p, append(a[:4:4], a[10:]...)
		}, 0, 1000 * ms, 310 * ms},
		{"one was refused and came none the less", func(p []*probe, a []arrival) ([]*probe, []arrival) {
			p[4].refused = true
			return p, a
		}, 0, 1000 * ms, 10 * ms},
		{"all were refused from some moment on", func(p []*probe, a []arrival) ([]*probe, []arrival) {
			for i := range 16 {
				p[4+i].refused = true
			}
			return p, a[:4]
		}, 0, 1000 * ms, now - 200*ms},
		{"nothing came at all", func(p []*probe, _ []arrival) ([]*probe, []arrival) { return p, nil }, 100 * ms, 1000 * ms, now - 100*ms},
		{"nothing was sent", func([]*probe, []arrival) ([]*probe, []arrival) { return nil, nil }, 100 * ms, 1000 * ms, 900 * ms},
		{"nothing was sent then", func(p []*probe, a []arrival) ([]*probe, []arrival) { return p, a }, 1000 * ms, 1500 * ms, 500 * ms},
	} {
		probes, arrivals := c.befall(probed(20))
		if got := longestPause(probes, arrivals, c.from, c.to, now); got != c.want {
			t.Errorf("%s: a pause of %s, want %s", c.name, got, c.want)
		}
	}
}
