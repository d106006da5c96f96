package places

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"bongsu/internal/hub"
)

// minute is a moment well after the beginning of time.
const minute = int64(1_700_000_000_000)

func ended(admin, cursor string, at int64) endedPlace {
	return endedPlace{N: uint64(at), Admin: admin, Cursor: cursor, At: at}
}

// resumes fails unless a session of person 7 goes on from the cursor, "" for from nowhere.
func resumes(t *testing.T, table *table, now int64, want string) {
	t.Helper()
	if got := table.resume("7", now).String(); got != want {
		t.Errorf("resumes at %q, want %q", got, want)
	}
}

// resume does as a session that begins.
func (t *table) resume(admin string, now int64) hub.Cursor {
	at := t.lowest(admin, now)
	if _, ended := t.takeEnded(admin); !ended {
		if _, dead := t.takeOpen(admin, now, true); !dead {
			t.takeOpen(admin, now, false)
		}
	}
	return at
}

// open is a person's sessions at a node, of which none looks dead.
func open(admin string, sessions int, cursor string) openPlace {
	return openPlace{Admin: admin, Sessions: sessions, Cursor: cursor}
}

func TestTheLowestOfSeveralPlacesCounts(t *testing.T) {
	table := newTable()
	table.end(ended("7", "all=12,mall:1=5", minute))
	table.end(ended("7", "admin:7=3,all=10", minute+1))
	table.end(ended("8", "all=1", minute+1))
	resumes(t, table, minute+2, "admin:7=3,all=10,mall:1=5")
	// What ended last is used up; the other page's place is still there.
	resumes(t, table, minute+2, "all=12,mall:1=5")
	resumes(t, table, minute+2, "")
	if table.size != 1 {
		t.Errorf("%d places", table.size)
	}
}

func TestPlacesAreForgottenAfterTheGrace(t *testing.T) {
	table := newTable()
	table.end(ended("7", "all=1", minute))
	table.end(ended("7", "all=2", minute+30_000))
	table.read(record{Node: "b", At: minute, Open: []openPlace{open("7", 1, "all=1"), open("8", 1, "all=1")}}, "a")
	resumes(t, table, minute+Grace.Milliseconds()+1, "all=2")
	table.expire(minute + 2*Grace.Milliseconds())
	if table.size != 0 || len(table.nodes) != 0 || len(table.ended) != 0 {
		t.Errorf("%d places, %d nodes, %d persons", table.size, len(table.nodes), len(table.ended))
	}
}

func TestASilentNodesSessionsCountAsEnded(t *testing.T) {
	table := newTable()
	table.read(record{Node: "b", At: minute, Open: []openPlace{open("7", 2, "all=5")}}, "a")
	resumes(t, table, minute+4000, "all=5")
	resumes(t, table, minute+4000, "all=5")
	resumes(t, table, minute+4000, "") // both have been gone on from
	// The node was alive: its sessions can still end.
	table.read(record{Node: "b", At: minute + 4500}, "a")
	resumes(t, table, minute+4600, "all=5")
	// They have ended properly.
	table.read(record{Node: "b", At: minute + 5000, Open: []openPlace{open("7", 0, "")}, Left: true}, "a")
	resumes(t, table, minute+5000, "")
	if table.size != 0 || len(table.nodes) != 0 {
		t.Errorf("%d places, %d nodes", table.size, len(table.nodes))
	}
}

func TestWhatOneNodeTakesIsGoneForAll(t *testing.T) {
	table := newTable()
	table.read(record{Node: "b", At: minute, Ended: []endedPlace{ended("7", "all=5", minute)}}, "a")
	table.read(record{Node: "c", At: minute + 1, Used: []usedPlace{{N: 1, Admin: "7"}}, Open: []openPlace{open("7", 1, "all=5")}}, "a")
	table.read(record{Node: "c", At: minute + 2, Open: []openPlace{open("7", 0, "")}}, "a")
	resumes(t, table, minute+3, "")
}

// What Kafka may not have taken is told again, with what is new.
func TestWhatIsToldTwiceCountsOnce(t *testing.T) {
	table := newTable()
	table.read(record{Node: "b", At: minute, Ended: []endedPlace{{N: 1, Admin: "7", Cursor: "all=5"}, {N: 2, Admin: "7", Cursor: "all=6"}}}, "a")
	for range 2 {
		table.read(record{Node: "c", At: minute, Used: []usedPlace{{1, "7", ""}}}, "a")
	}
	table.read(record{Node: "b", At: minute, Ended: []endedPlace{{N: 1, Admin: "7", Cursor: "all=5"}, {N: 2, Admin: "7", Cursor: "all=6"}}}, "a")
	resumes(t, table, minute, "all=5")
	resumes(t, table, minute, "")
}

// Nodes hear of ends in different orders, and use up the same one.
func TestTheOrderOfTheEndsCountsNotThatOfHearing(t *testing.T) {
	table := newTable()
	table.end(ended("7", "all=9", minute+2))
	table.end(ended("7", "all=3", minute+1))
	resumes(t, table, minute+3, "all=3")
	resumes(t, table, minute+3, "all=3") // that of all=9 is used up
	resumes(t, table, minute+3, "")
}

func TestSessionsThatTheirNodeDoesNotNameAnyMoreAreForgotten(t *testing.T) {
	table := newTable()
	table.read(record{Node: "b", At: minute, Open: []openPlace{open("7", 1, "all=1")}}, "a")
	table.read(record{Node: "b", At: minute + unnamed.Milliseconds() + 1}, "a")
	table.expire(minute + unnamed.Milliseconds() + 1)
	if table.size != 0 {
		t.Errorf("%d places", table.size)
	}
}

func TestPlacesAreBounded(t *testing.T) {
	table := newTable()
	for i := range int64(3 * mostEnded) {
		table.end(ended("7", fmt.Sprintf("all=%d", 100-i%50), minute+i))
	}
	if n := len(table.ended["7"]); n != mostEnded || table.size != mostEnded {
		t.Errorf("%d places of one person, %d in all", n, table.size)
	}
	resumes(t, table, minute+200, "all=51")
	for i := range mostPlaces {
		table.end(ended(fmt.Sprint("a", i), "all=1", minute))
		table.read(record{Node: "b", At: minute, Open: []openPlace{open(fmt.Sprint("b", i), 1, "all=1")}}, "a")
	}
	if table.size != mostPlaces {
		t.Errorf("%d places", table.size)
	}
}

func TestMuchIsToldInSeveralRecords(t *testing.T) {
	var told record
	cursor := "all=1," + strings.Repeat("mall:x=1,", 100) + "mall:y=2"
	for i := range 1000 {
		told.Open = append(told.Open, open(fmt.Sprint(i), 1, cursor))
		told.Ended = append(told.Ended, ended(fmt.Sprint(i), cursor, minute))
		told.Used = append(told.Used, usedPlace{N: 1, Admin: fmt.Sprint(i)})
	}
	told.Left = true
	values, err := encode("b", time.UnixMilli(minute), told)
	if err != nil {
		t.Fatal(err)
	}
	var all record
	for i, value := range values {
		if len(value) > 2*recordBytes {
			t.Errorf("a record of %d bytes", len(value))
		}
		r, err := parse(value)
		if err != nil || r.Node != "b" || r.At != minute || r.Left != (i == len(values)-1) {
			t.Fatalf("%v: %.100s", err, value)
		}
		all.Open, all.Ended, all.Used = append(all.Open, r.Open...), append(all.Ended, r.Ended...), append(all.Used, r.Used...)
	}
	if len(values) < 5 || len(all.Open) != 1000 || len(all.Ended) != 1000 || len(all.Used) != 1000 {
		t.Errorf("%d records with %d, %d and %d", len(values), len(all.Open), len(all.Ended), len(all.Used))
	}
	if values, err = encode("b", time.UnixMilli(minute), record{}); err != nil || len(values) != 1 || !bytes.Contains(values[0], []byte(`"b"`)) {
		t.Errorf("nothing is told as %q, %v", values, err)
	}
}

// FuzzTable checks that whatever is read, the table's count of places is right and
// what is resumed from is a cursor.
func FuzzTable(f *testing.F) {
	f.Add([]byte(`{"node":"b","at":5,"open":[{"admin":"7","sessions":1,"cursor":"all=1"}],"used":[{"n":1,"admin":"7","node":"c"},{"n":2,"admin":"7"}]}` + "\n" +
		`{"node":"b","at":6,"ended":[{"admin":"7","cursor":"x","at":6}],"open":[{"admin":"7"}]}`))
	f.Add([]byte(`{"node":"b","at":5,"ended":[{"admin":"7","cursor":"all=1","at":5}]}` + "\n" + `{"node":"c","at":5,"used":[{"n":1,"admin":"7","node":"c"},{"n":2,"admin":"7"}],"left":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table := newTable()
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			if r, err := parse(line); err == nil {
				table.read(r, "a")
				table.resume("7", r.At)
			}
		}
		count := 0
		for _, places := range table.ended {
			count += len(places)
		}
		for _, n := range table.nodes {
			count += len(n.open)
		}
		if count != table.size {
			t.Fatalf("%d places are counted as %d", count, table.size)
		}
	})
}
