package checker

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// rounds is how many random runs each property is tried on.
const rounds = 300

// random makes a run that keeps every promise: streams, events of several
// sources, some never acknowledged, and people who join anywhere, reconnect
// often and see their streams interleaved at random.
func random(r *rand.Rand) Run {
	run := Run{Timelines: map[string][]Listed{}}
	streams := []string{"all", "mall:1", "mall:2", "admin:1"}
	for i := range 20 + r.IntN(60) {
		event := Event{ID: fmt.Sprint("e", i), Acknowledged: r.IntN(10) > 0}
		for _, name := range streams {
			if r.IntN(2) == 0 {
				event.Targets = append(event.Targets, name)
			}
		}
		if event.Acknowledged && r.IntN(3) > 0 {
			event.Source, event.Place = fmt.Sprint("t/", r.IntN(3)), int64(i)
		}
		run.Published = append(run.Published, event)
		if !event.Acknowledged && r.IntN(2) == 0 {
			continue
		}
		for _, name := range event.Targets {
			listed := Listed{Stream: name, Seq: uint64(len(run.Timelines[name]) + 1), ID: event.ID}
			run.Timelines[name] = append([]Listed{listed}, run.Timelines[name]...)
		}
	}
	for i := range 1 + r.IntN(5) {
		run.People = append(run.People, randomPerson(r, fmt.Sprint("p", i), run.Timelines))
	}
	return run
}

func randomPerson(r *rand.Rand, name string, timelines map[string][]Listed) Person {
	p := Person{Name: name, Unread: &Unread{Streams: map[string]uint64{}}}
	at := map[string]uint64{}
	var open []string
	for stream, listed := range timelines {
		at[stream] = uint64(r.IntN(len(listed) + 1))
		p.Steps = append(p.Steps, Step{Kind: Joined, Stream: stream, Seq: at[stream]})
		open = append(open, stream)
		unread := r.IntN(len(listed) + 1)
		p.UnreadList = append(p.UnreadList, listed[:unread]...)
		if unread > 0 {
			p.Unread.Streams[stream] = uint64(unread)
			p.Unread.Total += uint64(unread)
		}
	}
	for len(open) > 0 {
		i := r.IntN(len(open))
		stream := open[i]
		listed := timelines[stream]
		if at[stream] == uint64(len(listed)) {
			open = append(open[:i], open[i+1:]...)
			continue
		}
		if r.IntN(20) == 0 {
			p.Steps = append(p.Steps, Step{Kind: Joined, Stream: stream, Seq: uint64(len(listed))})
		}
		at[stream]++
		entry := listed[uint64(len(listed))-at[stream]]
		p.Steps = append(p.Steps, Step{Kind: Received, Stream: stream, Seq: entry.Seq, ID: entry.ID})
	}
	return p
}

func TestRandomGoodRunsHaveNoViolations(t *testing.T) {
	eachRun(t, func(t *testing.T, _ *rand.Rand, run Run) {
		if found := Check(run); found != nil {
			t.Fatalf("violations in a good run:\n%s", Summary(found, 10))
		}
	})
}

// TestEveryInjectedFaultIsFound breaks one random thing of each random run and
// wants it named, whatever else holds.
func TestEveryInjectedFaultIsFound(t *testing.T) {
	faults := map[string]struct {
		inject func(*Person, []int)
		want   Kind
	}{
		"drop": {func(p *Person, at []int) { drop(p, at[0]) }, Loss},
		"duplicate": {func(p *Person, at []int) {
			p.Steps = append(p.Steps[:at[0]+1:at[0]+1], p.Steps[at[0]:]...)
		}, Duplicate},
		"swap": {func(p *Person, at []int) {
			p.Steps[at[0]], p.Steps[at[1]] = p.Steps[at[1]], p.Steps[at[0]]
		}, Reorder},
		"silent gap":  {func(p *Person, at []int) { drop(p, at[0]) }, SilentGap},
		"another id":  {func(p *Person, at []int) { p.Steps[at[0]].ID = "forged" }, Mismatch},
		"head behind": {behind, Regress},
		"miscount":    {func(p *Person, _ []int) { p.Unread.Total++ }, Miscount},
		"gap": {func(p *Person, at []int) {
			s := p.Steps[at[0]]
			p.Steps[at[0]] = Step{Kind: Announced, Stream: s.Stream, From: s.Seq, To: s.Seq}
		}, Gap},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			injected := 0
			eachRun(t, func(t *testing.T, r *rand.Rand, run Run) {
				p := &run.People[r.IntN(len(run.People))]
				at := neighbours(r, p)
				if at == nil {
					return
				}
				injected++
				fault.inject(p, at)
				if found := Check(run); !has(found, fault.want) {
					t.Fatalf("no %s found, only:\n%s", fault.want, Summary(found, 10))
				}
			})
			if injected < rounds/2 {
				t.Fatalf("only %d of %d runs were broken", injected, rounds)
			}
		})
	}
}

func TestEveryEntryMissingFromATimelineIsFound(t *testing.T) {
	eachRun(t, func(t *testing.T, r *rand.Rand, run Run) {
		for name, listed := range run.Timelines {
			i := r.IntN(len(listed))
			lost := listed[i]
			run.Timelines[name] = append(listed[:i:i], listed[i+1:]...)
			seen := false
			for j := range run.Published {
				seen = seen || run.Published[j].ID == lost.ID && run.Published[j].Acknowledged
			}
			if seen && !has(Check(run), Loss) {
				t.Fatalf("%s of %s was taken out unnoticed", lost.ID, name)
			}
			return
		}
	})
}

// behind lets the person reconnect to a stream whose head has gone back.
func behind(p *Person, at []int) {
	s := p.Steps[at[1]]
	p.Steps = append(p.Steps, Step{Kind: Joined, Stream: s.Stream, Seq: s.Seq - 1})
}

// neighbours returns the steps of two entries of one stream that follow each
// other there, nil when the person has none.
func neighbours(r *rand.Rand, p *Person) []int {
	last := map[string]int{}
	var pairs [][]int
	for i, step := range p.Steps {
		if step.Kind != Received {
			continue
		}
		if before, ok := last[step.Stream]; ok {
			pairs = append(pairs, []int{before, i})
		}
		last[step.Stream] = i
	}
	if len(pairs) == 0 {
		return nil
	}
	return pairs[r.IntN(len(pairs))]
}

func eachRun(t *testing.T, try func(*testing.T, *rand.Rand, Run)) {
	t.Helper()
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 1))
		try(t, r, random(r))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
