package replay

import (
	"fmt"
	"slices"
	"testing"

	"bongsu/internal/hub"
	"bongsu/persistence/journal"
)

func TestEntriesAreNumberedInOrderAndMarksAreNot(t *testing.T) {
	var c Count
	for i, id := range []string{"a", "b", "a", "c"} {
		c.add("mall:1", record{kindNotification, id})
		c.add("admin:1", record{kindMarks, fmt.Sprint("m", i)})
	}
	if got := c.IDs("mall:1"); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("numbered %v", got)
	}
	if got := c.Streams(); !slices.Equal(got, []string{"mall:1"}) || c.Duplicates() != 1 || c.Entries() != 3 {
		t.Errorf("streams %v, %d duplicates, %d entries", got, c.Duplicates(), c.Entries())
	}
}

// The window of duplicates is counted in entries, and is the documented one.
func TestAnIDRepeatsAfterTheWindow(t *testing.T) {
	var c Count
	c.add("all", record{kindNotification, "first"})
	for i := range window - 1 {
		c.add("all", record{kindNotification, fmt.Sprint(i)})
	}
	c.add("all", record{kindNotification, "first"})
	if c.Duplicates() != 1 {
		t.Fatal("the oldest id of the window is not known any more")
	}
	c.add("all", record{kindNotification, "pushes the first out"})
	c.add("all", record{kindNotification, "first"})
	if got := len(c.IDs("all")); got != window+2 || c.Duplicates() != 1 {
		t.Errorf("%d entries, %d duplicates", got, c.Duplicates())
	}
	if window != hub.DuplicateWindow {
		t.Errorf("the hub's window is %d", hub.DuplicateWindow)
	}
}

// The form is documented; the hub's own decoder must read the same from it.
func TestARecordIsReadAsTheHubReadsIt(t *testing.T) {
	value := append([]byte{1, 1, 3}, "e-1"...)
	value = append(append(value, 6), "NOTICE"...)
	value = append(value, `{"id":"e-1"}`...)
	got, err := decode(value)
	if err != nil {
		t.Fatal(err)
	}
	var decoder journal.Decoder
	want, err := decoder.Decode([]byte("all"), value)
	if err != nil {
		t.Fatal(err)
	}
	if got.id != want.ID || got.kind != byte(want.Kind) {
		t.Errorf("read %+v, the hub %+v", got, want)
	}
}

func TestWhatIsNoRecordIsRefused(t *testing.T) {
	for name, value := range map[string][]byte{
		"nothing": {}, "another version": {2, 1, 0, 0}, "an unknown kind": {1, 9, 0, 0},
		"cut in the id": {1, 1, 5, 'a'}, "no type": {1, 1, 1, 'a'},
	} {
		if _, err := decode(value); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
