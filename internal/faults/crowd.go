package faults

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"bongsu/internal/checker"
	"bongsu/internal/client"
	"bongsu/internal/faults/report"
)

// mallSize is how many people a mall has.
const mallSize = 10

// crowd is all people of a run.
type crowd struct {
	ledger *Ledger
	nodes  []*Node
	pool   *client.Pool
	people []*person
	malls  int

	running sync.WaitGroup
}

func newCrowd(ledger *Ledger, nodes []*Node, size int) (*crowd, error) {
	c := &crowd{ledger: ledger, nodes: nodes, pool: client.NewPool(), malls: max(1, size/mallSize)}
	for i := range size {
		p, err := newPerson(i, c.malls)
		if err != nil {
			return nil, err
		}
		c.people = append(c.people, p)
	}
	return c, nil
}

// connect connects everybody, spread over the nodes, until ctx ends, and returns
// when all are online.
func (c *crowd) connect(ctx context.Context) error {
	for i, p := range c.people {
		c.running.Go(func() { p.run(ctx, c, i) })
		if i%50 == 49 {
			_ = pause(ctx, 50*time.Millisecond) // a flood is not what is tested
		}
	}
	return c.awaitOnline(ctx, readyWithin)
}

func (c *crowd) awaitOnline(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for c.online() < len(c.people) {
		if err := pause(ctx, askEvery); err != nil {
			return fmt.Errorf("%d of %d people are online: %w", c.online(), len(c.people), err)
		}
	}
	return nil
}

func (c *crowd) online() int {
	n := 0
	for _, p := range c.people {
		if p.isOnline() {
			n++
		}
	}
	return n
}

// counts returns how many entries, sessions and announced gaps there have been.
func (c *crowd) counts() (received, sessions, gaps int) {
	for _, p := range c.people {
		p.mu.Lock()
		sessions += p.sessions
		for i := range p.steps {
			switch p.steps[i].kind {
			case checker.Received:
				received++
			case checker.Announced:
				gaps++
			case checker.Joined:
			}
		}
		p.mu.Unlock()
	}
	return received, sessions, gaps
}

// checked returns what the person was told, as the checker takes it.
func (p *person) checked() checker.Person {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := func(s *step) string {
		if int(s.stream) < len(p.names) {
			return string(p.names[s.stream])
		}
		return "another's stream"
	}
	out := checker.Person{Name: p.admin, Steps: make([]checker.Step, len(p.steps))}
	for i := range p.steps {
		s := &p.steps[i]
		step := checker.Step{Kind: s.kind, Stream: name(s), Seq: uint64(s.seq)}
		switch {
		case s.kind == checker.Announced:
			step.From, step.To, step.Seq = uint64(s.seq), uint64(s.event), 0
		case s.kind == checker.Received && s.event&foreignBit != 0:
			step.ID = p.foreign[s.event&^foreignBit]
		case s.kind == checker.Received:
			step.ID = eventID(int(s.event))
		}
		out.Steps[i] = step
	}
	return out
}

// waits returns how long each entry that the person received had been on its way
// since it was acknowledged.
func (p *person) waits(ledger *Ledger) []report.Wait {
	p.mu.Lock()
	defer p.mu.Unlock()
	var waits []report.Wait
	for i := range p.steps {
		s := &p.steps[i]
		if s.kind != checker.Received || s.event&foreignBit != 0 {
			continue
		}
		if acked, ok := ledger.ackedAt(int(s.event)); ok {
			waits = append(waits, report.Wait{At: acked.Seconds(), Until: max(acked.Seconds(), float64(s.at)/1000)})
		}
	}
	return waits
}

// waited says what the person was without in a gap: of each stream how many entries
// waited for longer than the patience and which was the first, and in which sessions.
func (p *person) waited(ledger *Ledger, gap report.Wait) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	late, first := make([]int, len(p.names)), make([]uint32, len(p.names))
	var said []string
	for i := range p.steps {
		s := &p.steps[i]
		at := float64(s.at) / 1000
		switch {
		case s.kind == checker.Joined && s.stream == 0 && at >= gap.At && at <= gap.Until:
			said = append(said, fmt.Sprintf("a session at %.1f s", at))
		case s.kind != checker.Received || s.event&foreignBit != 0 || int(s.stream) >= len(p.names):
		default:
			acked, ok := ledger.ackedAt(int(s.event))
			if !ok || acked.Seconds() < gap.At || at > gap.Until || at-acked.Seconds() <= servicePatience.Seconds() {
				continue
			}
			if late[s.stream]++; late[s.stream] == 1 {
				first[s.stream] = s.event
			}
		}
	}
	for _, end := range p.closings {
		if end.at.Seconds() >= gap.At-servicePatience.Seconds() && end.at.Seconds() <= gap.Until {
			said = append(said, fmt.Sprintf("%s ended one at %.1f s with %d", end.node, end.at.Seconds(), end.code))
		}
	}
	for i, n := range late {
		if n > 0 {
			said = append(said, fmt.Sprintf("%d of %s from %s on", n, p.names[i], eventID(int(first[i]))))
		}
	}
	return strings.Join(said, ", ")
}

// entryID finds the id in an entry as it is pushed.
func entryID(raw []byte) string {
	_, rest, found := bytes.Cut(raw, []byte(`"id":"`))
	end := bytes.IndexByte(rest, '"')
	if !found || end < 0 {
		return ""
	}
	return string(rest[:end])
}
