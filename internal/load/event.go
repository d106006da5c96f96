package load

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"time"

	"bongsu/internal/hub"
)

// firstAdmin is the number of the first person; the others follow.
const firstAdmin = 1_000_000

// people is who is connected and so who gets what.
type people struct {
	connections, slow, malls int
}

// principal returns person number i.
func (p people) principal(i int) *hub.Principal {
	return &hub.Principal{
		Admin: strconv.Itoa(firstAdmin + i), Name: "load " + strconv.Itoa(i),
		Malls: []string{p.mall(i)},
	}
}

// mall returns the mall of person number i.
func (p people) mall(i int) string { return "load" + strconv.Itoa(i%p.malls) }

// The slow are the last: they get events, too, but are not counted on.
func (p people) isSlow(i int) bool { return i >= p.connections-p.slow }

// target is a stream and how many of the connections that are counted on read it.
type target struct {
	stream  hub.Stream
	readers int
}

// targets returns the streams that a run can choose from, by kind.
func (p people) targets() (all target, malls, admins []target) {
	fast := p.connections - p.slow
	all = target{hub.All, fast}
	malls = make([]target, min(p.malls, fast))
	admins = make([]target, fast)
	for i := range malls {
		malls[i].stream = hub.MallStream(p.mall(i))
	}
	for i := range admins {
		malls[i%p.malls].readers++
		admins[i] = target{hub.AdminStream(strconv.Itoa(firstAdmin + i)), 1}
	}
	return all, malls, admins
}

// events makes the events of a run. It is not safe for use by several goroutines.
type events struct {
	kind          Targets
	all           target
	malls, admins []target
	random        *rand.Rand

	mark    []byte // by which an entry of this run is known; its time follows
	run     string
	payload []byte
	count   int
}

func newEvents(run string, c *Config) *events {
	all, malls, admins := people{c.Connections, c.Slow, c.Malls}.targets()
	return &events{
		kind: c.Targets, all: all, malls: malls, admins: admins,
		random: rand.New(rand.NewPCG(1, 2)), // the same choice in every run
		mark:   markOf(run), run: run, payload: bytes.Repeat([]byte{'x'}, c.PayloadBytes),
	}
}

// markOf is what stands before the time in the data of a run's events.
func markOf(run string) []byte { return []byte(`"load":"` + run + `","at":`) }

// next chooses the next event's target.
func (e *events) next() target {
	kind := e.kind
	if kind == ToMixed {
		switch n := e.random.IntN(100); {
		case n < 1:
			kind = ToAll
		case n < 30:
			kind = ToMall
		default:
			kind = ToAdmin
		}
	}
	switch kind {
	case ToMall:
		return e.malls[e.random.IntN(len(e.malls))]
	case ToAdmin:
		return e.admins[e.random.IntN(len(e.admins))]
	case ToAll, ToMixed:
	}
	return e.all
}

// encode returns the ingress record of an event that is published at the run's
// time at.
func (e *events) encode(to target, at time.Duration) []byte {
	e.count++
	b := make([]byte, 0, 160+len(e.payload))
	b = append(b, `{"id":"`...)
	b = append(b, e.run...)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(e.count), 10)
	b = append(b, `","type":"LOAD","targets":["`...)
	b = append(b, to.stream...)
	b = append(b, `"],"title":"load",`...)
	if len(e.payload) > 0 {
		b = append(b, `"body":"`...)
		b = append(b, e.payload...)
		b = append(b, `",`...)
	}
	b = append(b, `"data":{`...)
	b = append(b, e.mark...)
	b = strconv.AppendInt(b, int64(at), 10)
	return append(b, "}}"...)
}

// stamp finds the time that encode wrote, in a record or in what the hub pushes.
func stamp(mark, raw []byte) (time.Duration, bool) {
	_, rest, found := bytes.Cut(raw, mark)
	if !found {
		return 0, false
	}
	var at int64
	for i, c := range rest {
		if c < '0' || c > '9' {
			return time.Duration(at), i > 0
		}
		if i == 18 {
			return 0, false
		}
		at = at*10 + int64(c-'0')
	}
	return 0, false
}
