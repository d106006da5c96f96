package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/hub"
)

func TestATrackerTellsLossRepeatAndDisorderApart(t *testing.T) {
	track := tracker{last: 10}
	for _, step := range []struct {
		seq  uint64
		want arrival
	}{
		{11, inOrder}, {11, duplicate}, {13, afterHole}, {12, late}, {12, duplicate},
		{20, afterHole}, {16, late}, {14, late}, {19, late}, {16, duplicate}, {21, inOrder}, {5, duplicate},
	} {
		if got := track.arrive(step.seq); got != step.want {
			t.Fatalf("seq %d: got %d, want %d", step.seq, got, step.want)
		}
	}
}

func TestATrackerCountsEachSeqOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		var seqs []uint64
		for seq := range uint64(20) {
			for range random.IntN(3) { // lost, once or twice
				seqs = append(seqs, seq+1)
			}
		}
		random.Shuffle(len(seqs), func(i, j int) { seqs[i], seqs[j] = seqs[j], seqs[i] })
		unique := len(slices.Compact(slices.Sorted(slices.Values(seqs))))
		var track tracker
		first := 0
		for _, seq := range seqs {
			if track.arrive(seq) != duplicate {
				first++
			}
		}
		if first != unique {
			t.Fatalf("%v: %d taken for the first of their seq, want %d", seqs, first, unique)
		}
	}
}

func TestAGapEndsWaitingForWhatItNames(t *testing.T) {
	track := tracker{last: 10}
	if n := track.skip(15); n != 5 || track.arrive(16) != inOrder {
		t.Fatalf("skipped %d", n)
	}
	if n := track.skip(3); n != 0 || track.arrive(4) != inOrder {
		t.Fatalf("a reset skipped %d", n)
	}
}

func TestEventsAreValidAndCarryTheirTime(t *testing.T) {
	config := &Config{Connections: 10, Slow: 2, Malls: 3, Targets: ToMixed, PayloadBytes: 50}
	e := newEvents("RUN", config)
	kinds := map[hub.StreamKind]int{}
	for n := range 1000 {
		to := e.next()
		kinds[to.stream.Kind()]++
		at := time.Duration(n) * time.Second
		value := e.encode(to, at)
		event, err := hub.ParseEvent(value)
		if err != nil || event.Targets[0] != to.stream || len(event.Body) != 50 {
			t.Fatalf("%s: %v", value, err)
		}
		if got, ours := stamp(markOf("RUN"), value); !ours || got != at {
			t.Fatalf("%s: read %v", value, got)
		}
	}
	if kinds[hub.KindAll] == 0 || kinds[hub.KindMall] < 200 || kinds[hub.KindAdmin] < 600 {
		t.Fatalf("mixed gives %v", kinds)
	}
	for _, foreign := range []string{``, `{}`, `{"load":"OTHER","at":1}`, `{"load":"RUN","at":`, `{"load":"RUN","at":x}`,
		`{"load":"RUN","at":12345678901234567890}`} {
		if _, ours := stamp(markOf("RUN"), []byte(foreign)); ours {
			t.Errorf("%s is taken for an entry of the run", foreign)
		}
	}
}

func TestReadersAreThoseThatRead(t *testing.T) {
	everybody := people{connections: 10, slow: 2, malls: 3}
	all, malls, admins := everybody.targets()
	if all.readers != 8 || len(malls) != 3 || len(admins) != 8 {
		t.Fatalf("got %v %v %v", all, malls, admins)
	}
	for _, mall := range malls {
		readers := 0
		for i := range 8 {
			if everybody.principal(i).CanRead(mall.stream) {
				readers++
			}
		}
		if mall.readers != readers {
			t.Errorf("%s: %d readers, want %d", mall.stream, mall.readers, readers)
		}
	}
	if _, malls, _ := (people{connections: 2, malls: 500}).targets(); len(malls) != 2 {
		t.Errorf("%d malls with readers, want 2", len(malls))
	}
}

func TestLatenciesAreMergedAndClamped(t *testing.T) {
	b := newBoard()
	for i := range 1000 {
		record(b.part(i).latency, time.Duration(i+1)*time.Millisecond)
	}
	record(b.part(3).latency, -time.Second)
	record(b.part(4).latency, time.Hour)
	l := latencyOf(b.latency())
	near := func(got, want float64) bool { return got > want*0.998 && got < want*1.002 }
	if l.Count != 1002 || !near(l.P50, 500) || !near(l.P90, 901) || !near(l.P99, 991) || !near(l.Max, 300_000) {
		t.Fatalf("got %+v", l)
	}
}

func TestAProcessStateIsRead(t *testing.T) {
	const line = "42 (a b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 1000000 300 18446744073709551615 1\n"
	u, err := parseStat([]byte(line), 4096)
	if err != nil || u.rss != 300*4096 || u.cpu != 3*time.Second {
		t.Fatalf("got %+v, %v", u, err)
	}
	for _, bad := range []string{"", "42", "42 (x) S 1 2", strings.Replace(line, " 250 ", " x ", 1)} {
		if _, err := parseStat([]byte(bad), 4096); err == nil {
			t.Errorf("%q is taken for a state", bad)
		}
	}
	if _, err := usageOf(-1); err == nil {
		t.Error("the usage of no process was read")
	}
}

func TestAPaceHoldsItsRateAndCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1000)
		begin := time.Now()
		for i := range 2000 {
			if i == 500 {
				time.Sleep(300 * time.Millisecond) // something held it up
			}
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took < 1990*time.Millisecond || took > 2*time.Second {
			t.Errorf("2000 at 1000 a second took %v", took)
		}
		if p.behind < 290*time.Millisecond || p.behind > 310*time.Millisecond {
			t.Errorf("behind by %v, want 300ms", p.behind)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		slow := newPace(0.1)
		if err := slow.wait(ctx); err != nil {
			t.Fatalf("the first is due at once: %v", err)
		}
		if err := slow.wait(ctx); err == nil {
			t.Fatal("the wait outlived its context")
		}
	})
}

func TestAReportSaysWhatIsWrong(t *testing.T) {
	r := &Report{
		Connections: 10, Targets: ToAll, Events: Events{Published: 5, Failed: 1},
		Deliveries:  Deliveries{Expected: 50, Received: 48, Missing: 3, Duplicates: 1, Reordered: 2, Surplus: 1},
		Storms:      []Storm{{Connections: 10, Back: 9}},
		Slow:        &Slow{Connections: 1, Duplicates: 1},
		Disconnects: map[string]int{"4001": 2},
		Server:      &Server{KBPerConnection: 9.5},
	}
	r.judge()
	if r.OK || len(r.Problems) != 7 {
		t.Fatalf("problems: %q", r.Problems)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"48 of 50", "3 missing", "close code 4001", "9.5 KB a connection", "9 of 10 back", "NOT OK", "p99.9"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, text.String())
		}
	}
}
