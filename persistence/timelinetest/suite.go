// Package timelinetest holds the conformance suite of persistence.Timeline:
// what the contract promises, checked against a reference in memory.
package timelinetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bongsu/internal/hub"
	"bongsu/persistence"
)

// patience is how long a single test may take before it counts as hung. It is
// generous: servers under test share the machine with the race detector.
const patience = 3 * time.Minute

// Run checks that the timelines which open gives keep the contract of
// persistence.Timeline. open is called once for each test and returns a new,
// empty timeline; it arranges for what it opened to be closed after the test,
// which may have closed it already.
func Run(t *testing.T, open func(t *testing.T) persistence.Timeline) {
	for _, group := range []struct {
		name  string
		tests []spec
	}{
		{"Write", writeSpecs}, {"Marks", markSpecs}, {"Load", loadSpecs}, {"Range", rangeSpecs},
		{"List", listSpecs}, {"Prune", pruneSpecs}, {"Use", useSpecs},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) { test.check(newBench(t, open(t))) })
			}
		})
	}
}

// spec is one sentence of the contract and its check.
type spec struct {
	name  string
	check func(b *bench)
}

// bench is a timeline under test beside the reference that gets the same.
type bench struct {
	*testing.T
	ctx      context.Context
	timeline persistence.Timeline
	reference
}

func newBench(t *testing.T, timeline persistence.Timeline) *bench {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return &bench{T: t, ctx: ctx, timeline: timeline, reference: newReference()}
}

// write stores entries in the timeline and in the reference.
func (b *bench) write(entries ...*hub.Entry) {
	b.Helper()
	if err := b.timeline.Write(b.ctx, entries, nil); err != nil {
		b.Fatalf("Write of %d entries: %v", len(entries), err)
	}
	b.add(entries)
}

// load returns the state of one stream just before an offset.
func (b *bench) load(stream hub.Stream, before int64) hub.StreamState {
	b.Helper()
	states, err := b.timeline.Load(b.ctx, []hub.LoadRequest{{Stream: stream, Before: before}})
	if err != nil {
		b.Fatalf("Load of %s before %d: %v", stream, before, err)
	}
	if len(states) != 1 {
		b.Fatalf("Load of one stream gave %d states", len(states))
	}
	return states[0]
}

// wantRange checks a Range against the reference.
func (b *bench) wantRange(stream hub.Stream, after, to uint64, limit int) {
	b.Helper()
	got, err := b.timeline.Range(b.ctx, stream, after, to, limit)
	if err != nil {
		b.Fatalf("Range of %s (%d, %d]: %v", stream, after, to, err)
	}
	b.same(fmt.Sprintf("Range of %s (%d, %d] limit %d", stream, after, to, limit), got, b.between(stream, after, to, limit))
}

// wantList checks a List against the reference and returns the page.
func (b *bench) wantList(query hub.Query) []*hub.Entry {
	b.Helper()
	got, err := b.timeline.List(b.ctx, query)
	if err != nil {
		b.Fatalf("List %s: %v", show(query), err)
	}
	b.same("List "+show(query), got, b.list(query))
	return got
}

// same checks that two lists hold equal entries in the same order.
func (b *bench) same(what string, got, want []*hub.Entry) {
	b.Helper()
	for i := range min(len(got), len(want)) {
		if difference := compare(got[i], want[i]); difference != "" {
			b.Fatalf("%s: entry %d of %d is %s/%d, want %s/%d of %d: %s", what, i, len(got),
				got[i].Stream, got[i].Seq, want[i].Stream, want[i].Seq, len(want), difference)
		}
	}
	if len(got) != len(want) {
		b.Fatalf("%s: %d entries, want %d", what, len(got), len(want))
	}
}

// compare says in what two entries differ, and "" when in nothing.
func compare(got, want *hub.Entry) string {
	g, w := *got, *want
	if string(g.Payload) != string(w.Payload) {
		return fmt.Sprintf("payload %.200q, want %.200q", g.Payload, w.Payload)
	}
	g.Payload, w.Payload = nil, nil
	if left, right := fmt.Sprintf("%+q", fmt.Sprint(g)), fmt.Sprintf("%+q", fmt.Sprint(w)); left != right {
		return left + ", want " + right
	}
	return ""
}

func show(query hub.Query) string {
	var b strings.Builder
	fmt.Fprintf(&b, "limit %d types %q before %v after %v of %d streams", query.Limit, query.Types, query.Before, query.After, len(query.Ranges))
	if len(query.Ranges) <= 5 {
		fmt.Fprintf(&b, " %v", query.Ranges)
	}
	return b.String()
}

// whole returns the range that is all of each stream.
func whole(streams ...hub.Stream) []hub.Range {
	ranges := make([]hub.Range, len(streams))
	for i, s := range streams {
		ranges[i].Stream = s
	}
	return ranges
}
