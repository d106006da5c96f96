package faults

import (
	"log/slog"
	"testing"
	"time"
)

func testInjector(nodes, spares int) *injector {
	c := &Cluster{}
	for range nodes {
		c.Nodes = append(c.Nodes, &Node{})
	}
	for range spares {
		c.Spares = append(c.Spares, &Node{})
	}
	return newInjector(c, func() time.Duration { return 0 }, func() bool { return true }, slog.New(slog.DiscardHandler))
}

func TestTwoNodesAreAlwaysLeft(t *testing.T) {
	i := testInjector(4, 1)
	first, ok := i.claim(fault{kind: Kill, pick: 9})
	second, again := i.claim(fault{kind: CutAll, pick: 9})
	if !ok || !again || first == second {
		t.Fatalf("of four nodes, two faults befell %p and %p", first, second)
	}
	if _, ok := i.claim(fault{kind: PauseLong}); ok {
		t.Error("a third fault left one node")
	}
	if spare, ok := i.claim(fault{kind: Join}); !ok || spare != i.cluster.Spares[0] {
		t.Error("a spare node cannot come")
	}
	if _, ok := i.claim(fault{kind: Join}); ok {
		t.Error("the spare node came twice")
	}
	i.release(fault{kind: Kill}, first)
	if node, ok := i.claim(fault{kind: Leave}); !ok || node == second {
		t.Error("nothing can befall a node that has healed")
	}
}

func TestOneServerIsAwayAtATime(t *testing.T) {
	i := testInjector(3, 0)
	if node, ok := i.claim(fault{kind: KafkaRestart}); !ok || node != nil {
		t.Fatal("Kafka cannot be restarted")
	}
	if _, ok := i.claim(fault{kind: ClickHouseOutage}); ok {
		t.Error("ClickHouse went away while Kafka was")
	}
	if _, ok := i.claim(fault{kind: BlindKill}); ok {
		t.Error("ClickHouse went away with a node while Kafka was")
	}
	i.release(fault{kind: KafkaRestart}, nil)
	node, ok := i.claim(fault{kind: BlindKill})
	if !ok || node == nil {
		t.Fatal("a node cannot be killed while ClickHouse is away")
	}
	if _, ok := i.claim(fault{kind: KafkaKill}); ok {
		t.Error("Kafka went away while ClickHouse was")
	}
}
