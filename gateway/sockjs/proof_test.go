package sockjs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// heard is a proof that notes what it answers.
func heard() (p *proof, answers *[]string) {
	answers = new([]string)
	return &proof{answered: func(question string) { *answers = append(*answers, question) }}, answers
}

func TestTheNextRequestProvesAllThatWasRead(t *testing.T) {
	p, answers := heard()
	p.reach("1", noon) // nothing was written before it
	p.give()
	p.reach("2", noon)
	p.give()
	p.reach("3", noon.Add(time.Second))
	if want := []string{"1"}; !slices.Equal(*answers, want) {
		t.Errorf("before the request %q are answered, want %q", *answers, want)
	}
	p.readAll()
	p.reach("4", noon.Add(time.Second)) // nothing was written since
	p.give()
	p.reach("5", noon.Add(time.Second))
	if want := []string{"1", "3", "4"}; !slices.Equal(*answers, want) {
		t.Errorf("%q are answered, want %q", *answers, want)
	}
}

func TestASignOfLifeProvesWhatHadTimeToArrive(t *testing.T) {
	p, answers := heard()
	p.give()
	p.reach("1", noon)
	p.reach("2", noon.Add(time.Second))
	p.alive(noon.Add(arrival - time.Millisecond))
	if len(*answers) != 0 {
		t.Errorf("%q are answered too soon", *answers)
	}
	p.alive(noon.Add(arrival))
	p.alive(noon.Add(arrival))
	p.alive(noon.Add(time.Hour))
	if want := []string{"1", "2"}; !slices.Equal(*answers, want) {
		t.Errorf("%q are answered, want %q", *answers, want)
	}
}

// However long no proof comes: what a sign of life would prove is known to the
// question, and no more is kept than that takes.
func TestWithoutAProofTheNewestMarksAreKept(t *testing.T) {
	p, answers := heard()
	p.give()
	for i := range 1000 {
		p.reach(strconv.Itoa(i), noon.Add(time.Duration(i)*time.Second))
		if len(p.marks) > 5 {
			t.Fatalf("%d marks are kept", len(p.marks))
		}
	}
	p.alive(noon.Add(999 * time.Second))
	if want := []string{"996"}; !slices.Equal(*answers, want) {
		t.Errorf("%q are answered, want %q", *answers, want)
	}
	for i := range 1000 { // far above STOMP's pace
		p.reach(strconv.Itoa(i), noon.Add(1000*time.Second+time.Duration(i)*time.Microsecond))
	}
	if len(p.marks) > mostMarks || cap(p.marks) > 2*mostMarks {
		t.Errorf("%d marks are kept, with room for %d", len(p.marks), cap(p.marks))
	}
}

// FuzzPipe checks, whatever is said, asked, taken and proven in whatever order, that
// the client is given what was said and no question, that no question is answered
// before the client can have got what was said before it, and that the budget is right.
func FuzzPipe(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0, 0, 1, 1, 3, 2, 4, 5, 2})
	f.Add([]byte{1, 1, 2, 3, 4, 0, 1, 0, 1, 2, 3, 4, 2, 2, 5})
	f.Add([]byte{6, 0, 1, 6, 2, 2, 3, 1, 4, 5, 5})
	f.Fuzz(func(t *testing.T, steps []byte) {
		b := &budget{most: 1 << 30}
		var answered, said, asked, given, read int
		before := map[int]int{} // the question, and how much was said before it
		p := newPipe(b, func(question string) {
			n, err := strconv.Atoi(question)
			switch {
			case err != nil || n <= answered || n > asked:
				t.Fatalf("%q is answered after %d, of %d", question, answered, asked)
			case before[n] > read:
				t.Fatalf("%d is answered, behind %d messages of which %d are read", n, before[n], read)
			}
			answered = n
		}, func() {})
		p.attach()
		for _, step := range steps {
			switch step % 7 {
			case 0:
				said++
				write(t, p, lines{}.AppendMessage(nil, []byte(strconv.Itoa(said))))
			case 1:
				asked++
				before[asked] = said
				write(t, p, lines{}.AppendPing(nil, []byte(strconv.Itoa(asked))))
			case 2:
				frame, _ := p.take()
				given = follows(t, frame, given)
			case 3:
				p.detach()
			case 4:
				if !p.taken {
					read = given
				}
				p.attach()
			case 5: // no time has passed: it proves nothing
				p.alive()
			case 6:
				write(t, p, lines{}.AppendHeartbeat(nil))
			}
			if got := b.used.Load(); got != int64(len(p.waiting)+p.carried) {
				t.Fatalf("%d bytes are counted, %d wait", got, len(p.waiting)+p.carried)
			}
			if len(p.proof.marks) > mostMarks {
				t.Fatalf("%d marks are kept", len(p.proof.marks))
			}
		}
		for frame, _ := p.take(); frame != nil; frame, _ = p.take() {
			given = follows(t, frame, given)
		}
		p.detach()
		read = given
		p.attach()
		if given != said || answered != asked {
			t.Errorf("%d of %d are given, %d of %d answered", given, said, answered, asked)
		}
		if got := b.used.Load(); got != 0 {
			t.Errorf("%d bytes are counted though nothing waits", got)
		}
	})
}

func write(t *testing.T, p *pipe, b []byte) {
	t.Helper()
	if len(p.waiting) >= pipeBytes {
		return // it would block
	}
	if n, err := p.Write(b); err != nil || n != len(b) {
		t.Fatal(n, err)
	}
}

// follows returns the last of the numbers in a frame, which follow after.
func follows(t *testing.T, frame []byte, after int) int {
	t.Helper()
	if text := string(frame); text == "" || text == "o" || text == "h" {
		return after
	}
	var said []string
	if err := json.Unmarshal(frame[1:], &said); err != nil || frame[0] != 'a' || len(said) == 0 {
		t.Fatalf("%q: %v", frame, err)
	}
	for _, one := range said {
		if after++; one != fmt.Sprint(after) {
			t.Fatalf("%q follows %d", one, after-1)
		}
	}
	return after
}
