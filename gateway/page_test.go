package gateway

import (
	"testing"

	"bongsu/internal/hub"
)

func TestAPageOfGiantsEndsEarlyAndSaysWhereTheNextBegins(t *testing.T) {
	giant := func(seq uint64) *hub.Entry {
		return &hub.Entry{Stream: "all", Seq: seq, Payload: make([]byte, 3<<20)}
	}
	entries := []*hub.Entry{giant(3), giant(2), giant(1)}
	for _, e := range entries {
		copy(e.Payload, "{}")
	}
	page := newPage(entries, 2, nil)
	if len(page.Entries) != 1 || page.Next != string(PositionOf(entries[0].Place())) {
		t.Errorf("%d entries, next %q; want the first alone, and the second to be next", len(page.Entries), page.Next)
	}
	if page := newPage(entries[2:], 2, nil); len(page.Entries) != 1 || page.Next != "" {
		t.Errorf("the last giant: %d entries, next %q", len(page.Entries), page.Next)
	}
}
