package stomp

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"bongsu/gateway"
	"bongsu/gateway/socket"
	"bongsu/internal/hub"
)

// late is the patience of the tests.
const late = socket.Patience

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// answering returns the progress of a session that began at noon, at the cursor,
// and whose subscriptions take everything.
func answering(at hub.Cursor) *progress {
	p := progressFrom(at, late, noon)
	for stream, seq := range at {
		p.take(stream, seq, noon)
	}
	return &p
}

func (p *progress) wantSurely(t *testing.T, now time.Time, want uint64) {
	t.Helper()
	if got := p.surely(now).seq(hub.All); got != want {
		t.Errorf("the client has surely got %d, want %d", got, want)
	}
}

func TestWhatTheClientAnswersForItHasGot(t *testing.T) {
	p := answering(hub.Cursor{hub.All: 7})
	if _, due := p.ask(noon); due {
		t.Error("a client that owes nothing is asked")
	}
	p.write(hub.All, 8, true, noon)
	first, due := p.ask(noon)
	if !due {
		t.Fatal("the first entry is not asked for")
	}
	p.write(hub.All, 9, true, noon.Add(100*time.Millisecond))
	p.wantSurely(t, noon, 7)
	p.answered("another")
	p.answered(strconv.FormatUint(first+1, 10))
	p.wantSurely(t, noon, 7)
	p.answered(strconv.FormatUint(first, 10))
	p.wantSurely(t, noon, 8)
	if since := p.owesSince(); !since.Equal(noon.Add(100 * time.Millisecond)) {
		t.Errorf("it owes an answer since %v", since)
	}

	if _, due := p.ask(noon.Add(askEvery - 1)); due {
		t.Error("it is asked again too soon")
	}
	second, due := p.ask(noon.Add(askEvery))
	if !due {
		t.Fatal("it is not asked again")
	}
	p.answered(strconv.FormatUint(second, 10))
	p.wantSurely(t, noon, 9)
	if p.owes != 0 {
		t.Error("it still owes an answer")
	}
}

// Some clients answer only the last of several pings.
func TestAQuestionThatIsNotAnsweredIsPutAgain(t *testing.T) {
	p := answering(hub.Cursor{hub.All: 0})
	p.write(hub.All, 1, true, noon)
	first, _ := p.ask(noon)
	if _, due := p.ask(noon.Add(askAgain - time.Millisecond)); due {
		t.Error("it is put again too soon")
	}
	second, due := p.ask(noon.Add(askAgain))
	if !due {
		t.Fatal("it is not put again")
	}
	p.answered(strconv.FormatUint(second, 10))
	p.wantSurely(t, noon, 1)
	p.answered(strconv.FormatUint(first, 10))
	p.wantSurely(t, noon, 1)
}

// An answer may come long after its question: what is written meanwhile is asked for.
func TestFurtherQuestionsArePutWhileOneIsUnderWay(t *testing.T) {
	p := answering(hub.Cursor{hub.All: 0})
	var last uint64
	for i := range uint64(40) { // a question behind each entry
		now := noon.Add(time.Duration(i) * time.Second)
		p.write(hub.All, i+1, true, now)
		number, due := p.ask(now)
		if !due || len(p.asked) > mostAsked {
			t.Fatalf("entry %d is asked for: %v; %d questions", i+1, due, len(p.asked))
		}
		last = number
	}
	p.answered(strconv.FormatUint(last-4, 10)) // of the newest
	p.wantSurely(t, noon, 36)
	if since := p.owesSince(); !since.Equal(noon.Add(36 * time.Second)) {
		t.Errorf("it owes an answer since %v", since)
	}
	p.answered(strconv.FormatUint(1, 10)) // overtaken
	p.wantSurely(t, noon, 36)
	p.answered(strconv.FormatUint(last, 10))
	p.wantSurely(t, noon, 40)
	if p.owes != 0 {
		t.Error("it still owes an answer")
	}
}

func TestAClientIsLateThatOwesAnAnswerForSeconds(t *testing.T) {
	p := answering(hub.Cursor{hub.All: 0})
	p.write(hub.All, 1, true, noon)
	for after, want := range map[time.Duration]bool{0: false, late - time.Millisecond: false, late: true, time.Hour: true} {
		if got := p.isLate(noon.Add(after)); got != want {
			t.Errorf("after %v: late %v", after, got)
		}
	}
	number, _ := p.ask(noon)
	p.answered(strconv.FormatUint(number, 10))
	if p.isLate(noon.Add(time.Hour)) {
		t.Error("a client that has answered is late")
	}
}

// A client that never answers, though the gateway hears of it, is taken to have got
// what it was sent long ago.
func TestWithoutAnswersTimeTells(t *testing.T) {
	p := answering(hub.Cursor{hub.All: 0})
	for i := range uint64(300) {
		now := noon.Add(time.Duration(i) * time.Second)
		p.write(hub.All, i+1, true, now)
		p.ask(now)
		if got := p.surely(now).seq(hub.All); got > i || i > 142 && got < i-142 {
			t.Fatalf("after %d entries it has surely got %d", i+1, got)
		}
	}
}

// putForward returns the moment as a node tells it whose wall clock has been put
// forward by that many seconds, while what the clock of the machine counts goes on.
func putForward(now time.Time, seconds uint64) time.Time {
	*(*uint64)(unsafe.Pointer(&now)) += seconds << 30 // as time.Time keeps it
	return now
}

// A wall clock that is put forward proves nothing of what a client has got.
func TestTheWallClockDoesNotTellWhatHasArrived(t *testing.T) {
	for name, patience := range map[string]time.Duration{"that can be asked": late, "that cannot": 0} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			p := progressFrom(hub.Cursor{hub.All: 0}, patience, began)
			p.take(hub.All, 0, began)
			p.write(hub.All, 1, true, began)
			now := putForward(began, 3600)
			if passed := now.Round(0).Sub(began.Round(0)); passed != time.Hour || now.Sub(began) != 0 {
				t.Fatalf("the clock has been put forward by %v", passed)
			}
			p.wantSurely(t, now, 0)
			if p.isLate(now) {
				t.Error("the client is late")
			}
			p.wantSurely(t, now.Add(doubtful), 1)
		})
	}
}

func TestAFurtherSubscriptionHasNotGotWhatTheFirstHas(t *testing.T) {
	p := answering(hub.Cursor{hub.All: 3})
	p.write(hub.All, 5, true, noon)
	number, _ := p.ask(noon)
	p.rewind(hub.All, 3, noon)
	p.answered(strconv.FormatUint(number, 10)) // for what the first subscription had
	p.wantSurely(t, noon, 3)
	p.write(hub.All, 5, true, noon)
	number, due := p.ask(noon.Add(askEvery))
	p.answered(strconv.FormatUint(number, 10))
	p.wantSurely(t, noon, 5)
	if !due {
		t.Error("what was written once more is not asked for")
	}
}

func TestAnotherLifeOfAStreamBeginsAnew(t *testing.T) {
	p := answering(hub.Cursor{hub.All: 100})
	p.write(hub.All, 101, true, noon)
	number, _ := p.ask(noon)
	p.write(hub.All, 2, true, noon)
	p.reset(hub.All, 2)
	p.wantSurely(t, noon, 2)
	p.answered(strconv.FormatUint(number, 10))
	p.wantSurely(t, noon, 2)
}

// Whatever is written, asked and lost in whatever order: nothing counts as got that
// the client has not, and everything that it was asked for before it fell silent does.
func TestNothingCountsAsGotThatHasNotArrived(t *testing.T) {
	type sent struct {
		stream hub.Stream
		seq    uint64
		ping   string
	}
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 1))
		streams := []hub.Stream{hub.All, "admin:7", "mall:1"}
		p := answering(hub.Cursor{hub.All: 5, "admin:7": 0, "mall:1": 9})
		at, got := p.place.cursor(), p.place.cursor()
		var wire []sent
		var answers []string
		now := noon
		for range 200 {
			now = now.Add(time.Duration(random.IntN(600)) * time.Millisecond)
			switch stream := streams[random.IntN(len(streams))]; random.IntN(6) {
			case 0, 1:
				at[stream]++
				p.write(stream, at[stream], true, now)
				wire = append(wire, sent{stream: stream, seq: at[stream]})
			case 2:
				if number, due := p.ask(now); due {
					wire = append(wire, sent{ping: strconv.FormatUint(number, 10)})
				}
			case 3, 4: // something arrives
				if len(wire) == 0 {
					continue
				}
				if one := wire[0]; one.ping != "" {
					answers = append(answers, one.ping)
				} else {
					got[one.stream] = one.seq
				}
				wire = wire[1:]
			case 5:
				if len(answers) > 0 {
					p.answered(answers[0])
					answers = answers[1:]
				}
			}
			for _, one := range p.surely(now) {
				if one.seq > got[one.stream] {
					t.Fatalf("seed %d: %s counts as got up to %d, the client has got %d", seed, one.stream, one.seq, got[one.stream])
				}
			}
		}
	}
}

// A client that was told of the end, or said goodbye itself, has got what it was
// sent before; one whose connection broke, or that looks dead, may not have.
func TestHowASessionEndsSaysWhatMayBeLost(t *testing.T) {
	for name, c := range map[string]struct {
		why  gateway.Close
		left bool
		wait time.Duration
		want uint64
	}{
		"the client leaves":                    {gateway.CloseNormal, true, 0, 1},
		"the connection breaks":                {gateway.CloseNormal, false, 0, 0},
		"the node stops":                       {gateway.CloseRestarting, false, 0, 1},
		"the node stops, the client is dead":   {gateway.CloseRestarting, false, late, 0},
		"the client does not read":             {gateway.CloseSlow, false, 0, 0},
		"the client is silent":                 {gateway.CloseSilent, false, 0, 0},
		"the client leaves, late with answers": {gateway.CloseNormal, true, late, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				places := &ends{}
				s := NewServer(nil, Options{Zone: time.UTC, Places: places}).Session(webSocket{})
				s.begin(v12, true, "7", hub.Cursor{hub.All: 0})
				s.progress.take(hub.All, 0, time.Now())
				s.progress.write(hub.All, 1, true, time.Now().Add(-c.wait))
				if c.left {
					s.Left()
				}
				s.endPlace(c.why)
				if got := places.at[hub.All]; got != c.want {
					t.Errorf("it ends at %d, want %d", got, c.want)
				}
			})
		})
	}
}
