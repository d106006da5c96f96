package hub_test

import (
	"slices"
	"strconv"
	"testing"

	"bongsu/internal/hub"
)

func TestAPersonReadsAllItsOwnItsMallsAndItsPartnersEachOnce(t *testing.T) {
	p := hub.Principal{Admin: "7", Malls: []string{"2", "1", "2"}, Partners: []string{"1", "1"}}
	want := []hub.Stream{"all", "admin:7", "mall:2", "mall:1", "partner:1"}
	if got := p.Streams(); !slices.Equal(got, want) {
		t.Errorf("Streams() = %v, want %v", got, want)
	}
	for _, stream := range want {
		if !p.CanRead(stream) {
			t.Errorf("may not read %s", stream)
		}
	}
	for _, stream := range []hub.Stream{"admin:8", "mall:7", "partner:2", "room:1", "all:x"} {
		if p.CanRead(stream) {
			t.Errorf("may read %s", stream)
		}
	}
}

func BenchmarkStreamsOfAThousandMalls(b *testing.B) {
	p := hub.Principal{Admin: "7"}
	for i := range 1000 {
		p.Malls = append(p.Malls, strconv.Itoa(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Streams()
	}
}
