package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"bongsu/internal/hub"
)

// journalOf makes a stream's records, some with an id that was there before.
func journalOf(rng *rand.Rand, n int) []hub.Record {
	records := make([]hub.Record, n)
	for i := range records {
		id := fmt.Sprintf("id-%d", i)
		if i > 0 && rng.IntN(3) == 0 {
			id = fmt.Sprintf("id-%d", rng.IntN(i))
		}
		records[i] = hub.Record{
			Stream: "mall:1", Kind: hub.Notification, ID: id, Type: "NOTICE",
			Payload: []byte(`{"id":"` + id + `"}`), Offset: int64(2 * i), Time: int64(1000 + i - rng.IntN(5)),
		}
	}
	return records
}

func fold(s *Stream, records []hub.Record) []*hub.Entry {
	var entries []*hub.Entry
	for i := range records {
		if e := s.Number(&records[i]); e != nil {
			entries = append(entries, e)
		}
	}
	return entries
}

// storedBefore is what a timeline answers to Load, by the book.
func storedBefore(entries []*hub.Entry, offset int64) hub.StreamState {
	state := hub.StreamState{Head: hub.Head{Stream: "mall:1"}}
	for _, e := range entries {
		if e.Offset < offset {
			state.Seq, state.Time = e.Seq, e.Time
			state.IDs = append(state.IDs, e.ID)
		}
	}
	if len(state.IDs) > hub.DuplicateWindow {
		state.IDs = state.IDs[len(state.IDs)-hub.DuplicateWindow:]
	}
	return state
}

func TestNumbersAreAFunctionOfTheJournalWhereverAReplayStarts(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		records := journalOf(rng, 2000)
		all := fold(Wake(storedBefore(nil, 0), Sound, 0), records)

		cut := rng.IntN(len(records))
		replayed := fold(Wake(storedBefore(all, records[cut].Offset), Sound, 0), records[cut:])

		var want []*hub.Entry
		for _, e := range all {
			if e.Offset >= records[cut].Offset {
				want = append(want, e)
			}
		}
		same := func(a, b *hub.Entry) bool {
			return a.Seq == b.Seq && a.ID == b.ID && a.Offset == b.Offset && a.Time == b.Time
		}
		if !slices.EqualFunc(replayed, want, same) {
			t.Fatalf("seed %d: a replay from record %d numbers differently", seed, cut)
		}
	}
}

func TestNumbersAreGaplessAndTimesNeverDecrease(t *testing.T) {
	entries := fold(Wake(storedBefore(nil, 0), Sound, 0), journalOf(rand.New(rand.NewPCG(7, 7)), 3000))
	for i, e := range entries {
		if e.Seq != uint64(i+1) {
			t.Fatalf("entry %d has seq %d", i, e.Seq)
		}
		if i > 0 && e.Time < entries[i-1].Time {
			t.Fatalf("the time of seq %d is before that of its predecessor", e.Seq)
		}
	}
}

func TestADuplicateIsDroppedWithinTheWindowAndNotBeyondIt(t *testing.T) {
	s := Wake(storedBefore(nil, 0), Sound, 0)
	put := func(id string) bool { return s.Number(&hub.Record{Stream: "mall:1", ID: id}) != nil }
	put("first")
	for i := range hub.DuplicateWindow - 1 {
		put(fmt.Sprint(i))
	}
	if put("first") {
		t.Error("an id that is among the last entries was numbered again")
	}
	put("one more")
	if !put("first") {
		t.Error("an id that has left the window was still dropped")
	}
}

func TestMarksOnlyGrow(t *testing.T) {
	s := Wake(hub.StreamState{Head: hub.Head{Stream: "admin:7"}}, Sound, 0)
	if grown := s.Mark(map[hub.Stream]uint64{"all": 5, "mall:1": 3}, false); len(grown) != 2 {
		t.Fatalf("grown = %v, want both", grown)
	}
	grown := s.Mark(map[hub.Stream]uint64{"all": 4, "mall:1": 9}, false)
	if len(grown) != 1 || grown["mall:1"] != 9 {
		t.Errorf("grown = %v, want only mall:1 to 9", grown)
	}
	if s.marks["all"] != 5 {
		t.Errorf("the mark on all went back to %d", s.marks["all"])
	}
}

func TestFirstMarksCountOnlyWhereThereIsNone(t *testing.T) {
	s := Wake(hub.StreamState{Head: hub.Head{Stream: "admin:7"}}, Sound, 0)
	s.Mark(map[hub.Stream]uint64{"all": 10}, true)
	grown := s.Mark(map[hub.Stream]uint64{"all": 11, "mall:1": 0}, true)
	if s.marks["all"] != 10 {
		t.Errorf("a second device's first mark read entry 11 for the person: mark %d", s.marks["all"])
	}
	if _, ok := grown["mall:1"]; !ok || len(grown) != 1 {
		t.Errorf("grown = %v, want only mall:1", grown)
	}
}

func TestAPersonStartsUnreadOnItsOwnStreamAndReadOnOthers(t *testing.T) {
	s := Wake(hub.StreamState{Head: hub.Head{Stream: "admin:7", Seq: 4}}, Sound, 0)
	heads := []hub.Head{{Stream: "admin:7", Seq: 4}, {Stream: "all", Seq: 12}}
	start := s.Unmarked(heads)
	if start["admin:7"] != 0 || start["all"] != 12 || len(start) != 2 {
		t.Errorf("start = %v, want admin:7 at 0 and all at 12", start)
	}
	s.Mark(start, true)
	if again := s.Unmarked(heads); again != nil {
		t.Errorf("a known person starts again: %v", again)
	}
}

func TestTheRingHoldsAtLeastWhatIsNotStored(t *testing.T) {
	s := Wake(storedBefore(nil, 0), Sound, 0)
	for i := range 100 {
		s.Number(&hub.Record{Stream: "mall:1", ID: fmt.Sprint(i)})
	}
	s.Trim(90, 0, 1<<20)
	entries, whole := s.Since(90)
	if !whole || len(entries) != 10 || entries[0].Seq != 91 {
		t.Errorf("since(90) = %d entries, whole %v; want the 10 that are not stored", len(entries), whole)
	}
	if _, whole := s.Since(50); whole {
		t.Error("since(50) claims to be whole, though those entries were let go")
	}
	if entries, whole := s.Since(1000); !whole || len(entries) != 0 {
		t.Error("since beyond the head is not empty")
	}
}
