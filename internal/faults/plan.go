package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds of fault.
const (
	// Kill is kill -9, and a new start some seconds later.
	Kill Kind = "kill"
	// PauseShort is a process that hangs for about a second.
	PauseShort Kind = "pause-short"
	// PauseLong is one that hangs for longer than its peers wait for it.
	PauseLong Kind = "pause-long"
	// CutPeers cuts a node's lines to the other nodes, CutKafka the one to Kafka,
	// CutAll all of them, those to its clients too.
	CutPeers Kind = "cut-peers"
	CutKafka Kind = "cut-kafka"
	CutAll   Kind = "cut-all"
	// KafkaRestart ends Kafka in an orderly way and starts it again, KafkaKill
	// without one.
	KafkaRestart Kind = "kafka-restart"
	KafkaKill    Kind = "kafka-kill"
	// ClickHouseOutage ends ClickHouse and starts it again some seconds later.
	ClickHouseOutage Kind = "clickhouse-outage"
	// BlindKill kills a node while ClickHouse is away: what it had not stored is in
	// the journal alone.
	BlindKill Kind = "blind-kill"
	// Join is a spare node that comes and some seconds later leaves in an orderly
	// way.
	Join Kind = "join"
	// Leave is a node that leaves in an orderly way and comes back.
	Leave Kind = "leave"
	// ClockJump sets a node's clock wrong for a while, forwards or back.
	ClockJump Kind = "clock-jump"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{
		Kill, PauseShort, PauseLong, CutPeers, CutKafka, CutAll, KafkaRestart, KafkaKill,
		ClickHouseOutage, BlindKill, Join, Leave, ClockJump,
	}
}

// ParseKinds returns the kinds of a comma-separated list.
func ParseKinds(list string) ([]Kind, error) {
	var kinds []Kind
	for name := range strings.SplitSeq(list, ",") {
		kind := Kind(strings.TrimSpace(name))
		if !slices.Contains(Kinds(), kind) {
			return nil, fmt.Errorf("%q is no kind of fault; there are %v", kind, Kinds())
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// befalls says what a kind of fault takes away.
type befalls uint8

const (
	aNode     befalls = iota // a node that runs
	aSpare                   // nothing: a spare node comes
	theServer                // Kafka or ClickHouse
	both                     // a node and ClickHouse
)

func (k Kind) befalls() befalls {
	switch k {
	case Join:
		return aSpare
	case KafkaRestart, KafkaKill, ClickHouseOutage:
		return theServer
	case BlindKill:
		return both
	default:
		return aNode
	}
}

// isCut reports whether the kind needs networks of the nodes' own.
func (k Kind) isCut() bool { return k == CutPeers || k == CutKafka || k == CutAll }

// fault is one that is to be injected.
type fault struct {
	kind Kind
	// rest is how long to wait before it, hasty whether it comes while people have
	// no service yet after the fault before it.
	rest  time.Duration
	hasty bool
	// lasts is how long its cause stays.
	lasts time.Duration
	// pick chooses among the nodes that it may befall.
	pick uint64
	// jump is by how much a clock jumps.
	jump time.Duration
}

// faultSource gives the faults of a run, one after the other.
type faultSource interface {
	next() (f fault, more bool)
}

// script is faults that were decided on beforehand.
type script struct{ faults []fault }

func (s *script) next() (fault, bool) {
	if len(s.faults) == 0 {
		return fault{}, false
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f, true
}

// plan draws faults: every kind as often as every other, in random order.
type plan struct {
	random *rand.Rand
	kinds  []Kind
	deck   []Kind
	calm   bool // no fault is hasty
}

func newPlan(seed uint64, kinds []Kind, calm bool) *plan {
	return &plan{random: rand.New(rand.NewPCG(seed, 1)), kinds: kinds, calm: calm}
}

// next draws the next fault. The same seed and kinds give the same faults; there
// is always one more, unless there are no kinds.
func (p *plan) next() (fault, bool) {
	if len(p.kinds) == 0 {
		return fault{}, false
	}
	if len(p.deck) == 0 {
		p.deck = slices.Clone(p.kinds)
		p.random.Shuffle(len(p.deck), func(i, k int) { p.deck[i], p.deck[k] = p.deck[k], p.deck[i] })
	}
	f := fault{kind: p.deck[0], rest: p.between(time.Second, 5*time.Second), pick: p.random.Uint64()}
	p.deck = p.deck[1:]
	f.hasty = p.random.IntN(6) == 0 && !p.calm
	least, most := f.kind.span()
	f.lasts = p.between(least, most)
	jumps := []time.Duration{2 * time.Second, 30 * time.Second, 10 * time.Minute, 3 * time.Hour}
	f.jump = jumps[p.random.IntN(len(jumps))]
	if p.random.IntN(2) == 0 {
		f.jump = -f.jump
	}
	return f, true
}

// span returns how short and how long a fault of the kind may be.
func (k Kind) span() (least, most time.Duration) {
	const s = time.Second
	switch k {
	case PauseShort:
		return 700 * time.Millisecond, 1300 * time.Millisecond
	case PauseLong:
		return 8 * s, 12 * s
	case CutPeers, CutKafka, CutAll:
		return 3 * s, 12 * s
	case KafkaRestart, KafkaKill:
		return 0, 2 * s
	case ClickHouseOutage:
		return 3 * s, 12 * s
	case BlindKill, Kill, Leave:
		return 500 * time.Millisecond, 4 * s
	case Join, ClockJump:
		return 3 * s, 8 * s
	}
	return s, s
}

func (p *plan) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(p.random.Int64N(int64(most-least)))
}
