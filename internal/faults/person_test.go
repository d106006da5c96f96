package faults

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/checker"
	"bongsu/internal/client"
)

func TestWhatAPersonHearsIsKeptAsTheCheckerTakesIt(t *testing.T) {
	p, err := newPerson(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{p, newLedger()}
	l.State(client.State{Connected: true, Session: &client.Session{
		Node: "n1", Streams: []client.StreamState{{Stream: "all", Head: 4}, {Stream: "mall:1", Head: 0}},
	}})
	l.Entry("all", 5, []byte(`{"stream":"all","seq":5,"id":"e0000003","data":{"id":"x"}}`))
	l.Entry("mall:1", 1, []byte(`{"stream":"mall:1","seq":1,"id":"somebody else's"}`))
	l.Gap(client.Gap{Stream: "all", From: 6, To: 9})
	l.Entry("mall:2", 7, []byte(`{"stream":"mall:2","seq":7,"id":"e0000004"}`))
	want := []checker.Step{
		{Kind: checker.Joined, Stream: "all", Seq: 4}, {Kind: checker.Joined, Stream: "mall:1"},
		{Kind: checker.Received, Stream: "all", Seq: 5, ID: "e0000003"},
		{Kind: checker.Received, Stream: "mall:1", Seq: 1, ID: "mall:1 somebody else's"},
		{Kind: checker.Announced, Stream: "all", From: 6, To: 9},
		{Kind: checker.Received, Stream: "another's stream", Seq: 7, ID: "e0000004"},
	}
	if got := p.checked(); !slices.Equal(got.Steps, want) || got.Name != "1" {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := p.places()[:3]; !slices.Equal(got, []uint64{9, 0, 1}) {
		t.Errorf("places %v", got)
	}
}

func TestEndsOfConnectionsAreCountedOnce(t *testing.T) {
	p, err := newPerson(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{p, newLedger()}
	l.State(client.State{Err: errors.New("refused")})
	l.State(client.State{Connected: true, Session: &client.Session{Node: "n2"}})
	l.State(client.State{Err: &client.Closed{Code: client.CloseRestarting}})
	l.State(client.State{Err: errors.New("refused")})
	if len(p.closings) != 1 || p.closings[0].code != client.CloseRestarting || p.closings[0].node != "n2" || p.sessions != 1 || p.isOnline() {
		t.Errorf("got %+v, %d sessions", p.closings, p.sessions)
	}
}

func TestAnEntryWaitsFromItsAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := newLedger()
		p, err := newPerson(0, 1)
		if err != nil {
			t.Fatal(err)
		}
		l := &listener{p, ledger}
		late, unacknowledged := ledger.begin("all"), ledger.begin("all")
		time.Sleep(time.Second)
		ledger.acknowledge(late, 2, 10)
		time.Sleep(3 * time.Second)
		for seq, number := range []int{late, unacknowledged} {
			l.Entry("all", uint64(seq+1), []byte(`{"id":"`+eventID(number)+`"}`))
		}
		waits := p.waits(ledger)
		if len(waits) != 1 || waits[0].At != 1 || waits[0].Until != 4 {
			t.Errorf("waits %v", waits)
		}
		if e := ledger.checked()[late]; e.Source != Topic+"/2" || e.Place != 10 || !e.Acknowledged {
			t.Errorf("the checker is told %+v", e)
		}
		if tried, acknowledged := ledger.tries(); tried != 2 || acknowledged != 1 {
			t.Errorf("%d tried, %d acknowledged", tried, acknowledged)
		}
	})
}

func TestIDsCarryTheirNumbers(t *testing.T) {
	for _, number := range []int{0, 1, 1234567, 98765432} {
		if got, ours := eventNumber(eventID(number)); got != number || !ours {
			t.Errorf("%d became %q, and that %d %v", number, eventID(number), got, ours)
		}
	}
	for _, id := range []string{"", "e", "x0000001", "e-1", "e1x"} {
		if _, ours := eventNumber(id); ours {
			t.Errorf("%q is taken for ours", id)
		}
	}
}
