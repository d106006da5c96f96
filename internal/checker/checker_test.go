package checker

import (
	"strings"
	"testing"
)

// small is a run in which everything went well: two people, one of whom came
// late, and two streams.
func small() Run {
	return Run{
		Published: []Event{
			{ID: "a", Targets: []string{"all"}, Acknowledged: true, Source: "t/0", Place: 10},
			{ID: "b", Targets: []string{"all", "mall:1"}, Acknowledged: true, Source: "t/0", Place: 11},
			{ID: "c", Targets: []string{"all"}, Acknowledged: true, Source: "t/0", Place: 12},
			{ID: "unsure", Targets: []string{"all"}},
		},
		People: []Person{
			{
				Name: "kim",
				Steps: []Step{
					{Kind: Joined, Stream: "all"}, {Kind: Joined, Stream: "mall:1"},
					{Kind: Received, Stream: "all", Seq: 1, ID: "a"},
					{Kind: Received, Stream: "mall:1", Seq: 1, ID: "b"},
					{Kind: Received, Stream: "all", Seq: 2, ID: "b"},
					{Kind: Joined, Stream: "all", Seq: 3},
					{Kind: Received, Stream: "all", Seq: 3, ID: "c"},
				},
				Unread:     &Unread{Total: 1, Streams: map[string]uint64{"all": 1}},
				UnreadList: []Listed{{Stream: "all", Seq: 3, ID: "c"}},
			},
			{
				Name: "lee",
				Steps: []Step{
					{Kind: Joined, Stream: "all", Seq: 1},
					{Kind: Received, Stream: "all", Seq: 2, ID: "b"},
					{Kind: Received, Stream: "all", Seq: 3, ID: "c"},
				},
			},
		},
		Timelines: map[string][]Listed{
			"all": {
				{Stream: "all", Seq: 3, ID: "c"}, {Stream: "all", Seq: 2, ID: "b"}, {Stream: "all", Seq: 1, ID: "a"},
			},
			"mall:1": {{Stream: "mall:1", Seq: 1, ID: "b"}},
		},
	}
}

func TestNothingIsWrongWithAGoodRun(t *testing.T) {
	if found := Check(small()); found != nil {
		t.Fatalf("violations in a good run:\n%s", Summary(found, 10))
	}
	if found := Check(Run{}); found != nil {
		t.Fatalf("violations in an empty run:\n%s", Summary(found, 10))
	}
}

func TestEachFaultIsNamed(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Run)
		want  Violation
	}{
		{"an entry in the middle never came", func(r *Run) {
			drop(&r.People[1], 1)
		}, Violation{Kind: Loss, Person: "lee", Stream: "all", Seq: 2}},
		{"… and the session was not told", func(r *Run) {
			drop(&r.People[1], 1)
		}, Violation{Kind: SilentGap, Person: "lee", Stream: "all", Seq: 3}},
		{"the last entry never came", func(r *Run) {
			drop(&r.People[1], 2)
		}, Violation{Kind: Loss, Person: "lee", Stream: "all", Seq: 3}},
		{"an entry came twice", func(r *Run) {
			p := &r.People[1]
			p.Steps = append(p.Steps, p.Steps[1])
		}, Violation{Kind: Duplicate, Person: "lee", Stream: "all", Seq: 2}},
		{"two entries changed places", func(r *Run) {
			s := r.People[1].Steps
			s[1], s[2] = s[2], s[1]
		}, Violation{Kind: Reorder, Person: "lee", Stream: "all", Seq: 2}},
		{"an entry from before the start", func(r *Run) {
			p := &r.People[1]
			p.Steps = append(p.Steps, Step{Kind: Received, Stream: "all", Seq: 1, ID: "a"})
		}, Violation{Kind: Reorder, Person: "lee", Stream: "all", Seq: 1}},
		{"one id under two numbers", func(r *Run) {
			p := &r.People[0]
			p.Steps = append(p.Steps, Step{Kind: Received, Stream: "all", Seq: 4, ID: "a"})
		}, Violation{Kind: Duplicate, Person: "kim", Stream: "all", Seq: 4}},
		{"two people disagree about a number", func(r *Run) {
			r.People[1].Steps[2].ID = "x"
		}, Violation{Kind: Mismatch, Person: "lee", Stream: "all", Seq: 3}},
		{"an entry of a stream that was never named", func(r *Run) {
			p := &r.People[1]
			p.Steps = append(p.Steps, Step{Kind: Received, Stream: "mall:1", Seq: 1, ID: "b"})
		}, Violation{Kind: Invented, Person: "lee", Stream: "mall:1", Seq: 1}},
		{"an entry that nobody published", func(r *Run) {
			r.Published = r.Published[:2]
		}, Violation{Kind: Invented, Stream: "all", Seq: 3}},
		{"an entry in a stream that was no target", func(r *Run) {
			r.Published[1].Targets = []string{"all"}
		}, Violation{Kind: Invented, Stream: "mall:1", Seq: 1}},
		{"a stream's head went back", func(r *Run) {
			r.People[0].Steps[5].Seq = 1
		}, Violation{Kind: Regress, Person: "kim", Stream: "all", Seq: 1}},
		{"a head that nobody reached", func(r *Run) {
			r.People[0].Steps[5].Seq = 9
		}, Violation{Kind: Loss, Person: "lee", Stream: "all", Seq: 4}},
		{"a gap where none may be", func(r *Run) {
			p := &r.People[1]
			p.Steps = append(p.Steps, Step{Kind: Announced, Stream: "all", From: 4, To: 9})
		}, Violation{Kind: Gap, Person: "lee", Stream: "all", Seq: 4}},
		{"a gap that does not fit", func(r *Run) {
			r.GapsAllowed = true
			r.People[1].Steps[1] = Step{Kind: Announced, Stream: "all", From: 1, To: 2}
		}, Violation{Kind: Gap, Person: "lee", Stream: "all", Seq: 1}},
		{"events of one source changed places", func(r *Run) {
			r.Published[2].Place = 9
		}, Violation{Kind: Reorder, Stream: "all", Seq: 3}},
		{"an acknowledged event is nowhere", func(r *Run) {
			r.Published[3].Acknowledged = true
		}, Violation{Kind: Loss, Stream: "all"}},
		{"… not even where no timeline was read", func(r *Run) {
			r.Published[3].Acknowledged = true
			r.Timelines = nil
		}, Violation{Kind: Loss, Stream: "all"}},
		{"a pushed entry is not in the timeline", func(r *Run) {
			r.Timelines["all"] = r.Timelines["all"][1:]
		}, Violation{Kind: Loss, Stream: "all", Seq: 3}},
		{"a timeline has a hole", func(r *Run) {
			l := r.Timelines["all"]
			r.Timelines["all"] = []Listed{l[0], l[2]}
		}, Violation{Kind: Misnumbered, Stream: "all", Seq: 3}},
		{"a timeline lists an entry twice", func(r *Run) {
			l := r.Timelines["all"]
			r.Timelines["all"] = []Listed{l[0], l[0], l[1], l[2]}
		}, Violation{Kind: Duplicate, Stream: "all", Seq: 3}},
		{"a timeline is out of order", func(r *Run) {
			l := r.Timelines["all"]
			r.Timelines["all"] = []Listed{l[1], l[0], l[2]}
		}, Violation{Kind: Reorder, Stream: "all", Seq: 2}},
		{"a timeline shows another stream's entry", func(r *Run) {
			r.Timelines["all"][0].Stream = "mall:2"
		}, Violation{Kind: Invented, Stream: "all", Seq: 3}},
		{"a count is higher than its list", func(r *Run) {
			r.People[0].Unread = &Unread{Total: 2, Streams: map[string]uint64{"all": 2}}
		}, Violation{Kind: Miscount, Person: "kim", Stream: "all"}},
		{"a stream is listed but not counted", func(r *Run) {
			r.People[0].Unread = &Unread{}
		}, Violation{Kind: Miscount, Person: "kim", Stream: "all"}},
		{"a total is not the sum", func(r *Run) {
			r.People[0].Unread.Total = 3
		}, Violation{Kind: Miscount, Person: "kim"}},
		{"a read entry is listed as unread", func(r *Run) {
			r.People[0].UnreadList[0].Read = true
		}, Violation{Kind: Miscount, Person: "kim", Stream: "all", Seq: 3}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := small()
			test.spoil(&run)
			found := Check(run)
			for _, v := range found {
				if v.Kind == test.want.Kind && v.Person == test.want.Person &&
					v.Stream == test.want.Stream && v.Seq == test.want.Seq {
					return
				}
			}
			t.Fatalf("want %+v among:\n%s", test.want, Summary(found, 20))
		})
	}
}

func TestAnUnacknowledgedEventMayAppearOnce(t *testing.T) {
	run := small()
	run.Timelines["all"] = append([]Listed{{Stream: "all", Seq: 4, ID: "unsure"}}, run.Timelines["all"]...)
	for i := range run.People {
		run.People[i].Steps = append(run.People[i].Steps, Step{Kind: Received, Stream: "all", Seq: 4, ID: "unsure"})
	}
	if found := Check(run); found != nil {
		t.Fatalf("once is allowed:\n%s", Summary(found, 10))
	}
	run.Timelines["all"] = append([]Listed{{Stream: "all", Seq: 5, ID: "unsure"}}, run.Timelines["all"]...)
	if !has(Check(run), Duplicate) {
		t.Fatal("twice was not noticed")
	}
}

func TestAnAnnouncedGapExcusesWhatItNames(t *testing.T) {
	run := small()
	run.GapsAllowed = true
	run.People[1].Steps[1] = Step{Kind: Announced, Stream: "all", From: 2, To: 2}
	if found := Check(run); found != nil {
		t.Fatalf("an announced gap was held against the run:\n%s", Summary(found, 10))
	}
}

func TestSummaryCountsAndClips(t *testing.T) {
	run := small()
	drop(&run.People[1], 1)
	text := Summary(Check(run), 1)
	for _, want := range []string{"loss: 1\n", "silent gap: 1\n", "loss: lee: all seq 2"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if Summary(nil, 5) != "" {
		t.Error("a good run has a summary")
	}
}

func drop(p *Person, i int) { p.Steps = append(p.Steps[:i:i], p.Steps[i+1:]...) }

func has(found []Violation, kind Kind) bool {
	for _, v := range found {
		if v.Kind == kind {
			return true
		}
	}
	return false
}
