package catchup_test

import (
	"fmt"
	"slices"
	"testing"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

const stream = hub.Stream("mall:1")

// span returns the entries from first to last.
func span(first, last uint64) []*hub.Entry {
	var entries []*hub.Entry
	for seq := first; seq <= last; seq++ {
		entries = append(entries, &hub.Entry{Stream: stream, Seq: seq, Payload: []byte("{}")})
	}
	return entries
}

// followed returns a feed that follows a stream at head.
func followed(t *testing.T, stream hub.Stream, head uint64) *catchup.Feed {
	t.Helper()
	f := catchup.NewFeed(stream)
	follow(t, f, head, catchup.Good)
	return f
}

// follow answers the feed's Follow with head.
func follow(t *testing.T, f *catchup.Feed, head uint64, want catchup.Answer) {
	t.Helper()
	task := need(t, f, "follow")
	if got := f.Follows(task, hub.Head{Stream: stream, Seq: head}); got != want {
		t.Fatalf("the answer %d is %d, want %d", head, got, want)
	}
}

// need returns the task, which reads as want: its job, and what it fetches.
func need(t *testing.T, f *catchup.Feed, want string) catchup.Task {
	t.Helper()
	task := f.Need(true)
	got := task.Job.String()
	if task.To > 0 {
		got = fmt.Sprintf("%s %d-%d", got, task.After+1, task.To)
	}
	if got != want {
		t.Fatalf("the feed needs %q, want %q", got, want)
	}
	return task
}

// fetch does the feed's task, which reads as want.
func fetch(t *testing.T, f *catchup.Feed, want string, entries []*hub.Entry) {
	t.Helper()
	if !f.Fetched(need(t, f, want), entries, 0, 0) {
		t.Fatalf("%s: the answer brought nothing", want)
	}
}

// reader is a session: what it was given, as text.
type reader struct {
	cursor uint64
	given  []string
}

// read takes all that the feed has for the reader.
func (r *reader) read(f *catchup.Feed) {
	for {
		w := f.Window()
		turn, frame := w.Next(r.cursor)
		switch turn {
		case catchup.Take:
			r.cursor++
			r.given = append(r.given, fmt.Sprint(frame.Entry.Seq))
		case catchup.Skip:
			r.given = append(r.given, fmt.Sprintf("gap %d-%d", r.cursor+1, w.Cut()))
			r.cursor = w.Cut()
		case catchup.Wait:
			if !f.Want(r.cursor) {
				return
			}
		default:
			return
		}
	}
}

func (r *reader) expect(t *testing.T, f *catchup.Feed, want ...string) {
	t.Helper()
	r.read(f)
	if !slices.Equal(r.given, want) {
		t.Errorf("the session was given %v, want %v", r.given, want)
	}
	r.given = nil
}

func TestPushesComeOutOnceInOrder(t *testing.T) {
	f := followed(t, stream, 5)
	r := reader{cursor: 5}
	f.Deliver(span(6, 7), 0, 0)
	f.Deliver(span(6, 8), 0, 0) // twice, and more
	f.Deliver(span(1, 3), 0, 0) // long gone by
	r.expect(t, f, "6", "7", "8")
	need(t, f, "none")
}

func TestTheFirstPushesMayOvertakeTheAnswer(t *testing.T) {
	f := catchup.NewFeed(stream)
	task := need(t, f, "follow")
	f.Deliver(span(6, 7), 0, 0)
	if got := f.Follows(task, hub.Head{Seq: 5}); got != catchup.Good {
		t.Fatalf("the answer is %d", got)
	}
	r := reader{cursor: 5}
	r.expect(t, f, "6", "7")
}

func TestAHoleIsFollowedAndFetchedWhilePushesGoOn(t *testing.T) {
	f := followed(t, stream, 5)
	r := reader{cursor: 5}
	f.Deliver(span(8, 8), 0, 0)
	follow(t, f, 8, catchup.Good)
	f.Deliver(span(9, 9), 0, 0)
	task := need(t, f, "forward 6-7")
	f.Deliver(span(10, 10), 0, 0)
	r.expect(t, f)
	if !f.Fetched(task, span(6, 7), 0, 0) {
		t.Fatal("the answer brought nothing")
	}
	need(t, f, "none") // what was pushed meanwhile needs no call
	r.expect(t, f, "6", "7", "8", "9", "10")
}

func TestAMoveWithALateOldAndAnEarlyNewOwner(t *testing.T) {
	f := followed(t, stream, 5)
	r := reader{cursor: 5}
	f.Lose()
	task := need(t, f, "follow")
	f.Deliver(span(8, 8), 0, 0)                                        // the new owner, before its answer
	f.Deliver(span(6, 6), 0, 0)                                        // the old owner, late
	if got := f.Follows(task, hub.Head{Seq: 7}); got != catchup.Good { // older than the push
		t.Fatalf("the answer is %d", got)
	}
	f.Deliver(span(6, 6), 0, 0)
	f.Deliver(span(9, 9), 0, 0)
	r.expect(t, f, "6")
	fetch(t, f, "forward 7-7", span(7, 7))
	r.expect(t, f, "7", "8", "9")
	need(t, f, "none")
}

func TestAnAnswerThatALossOvertookDoesNotCount(t *testing.T) {
	f := followed(t, stream, 5)
	f.Lose()
	task := need(t, f, "follow")
	f.Lose()
	if got := f.Follows(task, hub.Head{Seq: 5}); got != catchup.Overtaken || f.Followed() {
		t.Fatalf("the answer is %d, followed %v", got, f.Followed())
	}
	follow(t, f, 6, catchup.Good)
	fetch(t, f, "forward 6-6", span(6, 6))
}

func TestAStaleOwnerIsAskedAgain(t *testing.T) {
	f := followed(t, stream, 5)
	r := reader{cursor: 5}
	f.Deliver(span(6, 9), 0, 0)
	f.Lose()
	follow(t, f, 7, catchup.Stale)
	f.Deliver(span(8, 8), 0, 0) // it pushes all the same
	r.expect(t, f, "6", "7", "8", "9")
	follow(t, f, 11, catchup.Good)
	fetch(t, f, "forward 10-11", span(10, 11))
	r.expect(t, f, "10", "11")
}

func TestAnotherLifeOfTheStreamIsBelievedInTheEnd(t *testing.T) {
	f := followed(t, stream, 9)
	f.Lose()
	follow(t, f, 3, catchup.Stale)
	f.Restart(hub.Head{Stream: stream, Seq: 3})
	follow(t, f, 3, catchup.Good)
	f.Deliver(span(4, 4), 0, 0)
	r := reader{cursor: 3}
	r.expect(t, f, "4")
	if _, how := f.Window().Begin(9, 1000); how != catchup.Ahead {
		t.Errorf("a client of the former life begins %d", how)
	}
}

func TestWhatWaitsAheadIsBounded(t *testing.T) {
	f := followed(t, stream, 0)
	r := reader{}
	f.Deliver(span(2, 2), 0, 0)
	follow(t, f, 2, catchup.Good)
	for seq := uint64(3); seq <= 3000; seq++ {
		f.Deliver(span(seq, seq), 0, 0)
	}
	for f.Need(true).Job == catchup.Forward { // what was let go is fetched
		task := f.Need(true)
		f.Fetched(task, span(task.After+1, min(task.To, task.After+500)), 0, 0)
	}
	r.read(f)
	if len(r.given) != 3000 || r.cursor != 3000 {
		t.Errorf("%d entries up to %d, want 3000", len(r.given), r.cursor)
	}
}

func TestHistoryIsFetchedForWhoeverIsFurthestBehind(t *testing.T) {
	f := followed(t, stream, 1000)
	far, near := reader{cursor: 200}, reader{cursor: 990}
	near.expect(t, f)
	far.expect(t, f)
	fetch(t, f, "backward 201-1000", span(201, 700))
	f.Deliver(span(1001, 1001), 0, 0)
	fetch(t, f, "backward 701-1000", span(701, 1000))
	far.read(f)
	near.read(f)
	if len(far.given) != 801 || len(near.given) != 11 || far.cursor != 1001 || near.cursor != 1001 {
		t.Errorf("%d and %d entries", len(far.given), len(near.given))
	}
	need(t, f, "none")
}

func TestHistoryThatWaitsIsBoundedInBytesToo(t *testing.T) {
	const large = 250 << 10
	entries := func(first, last uint64) []*hub.Entry {
		payload := make([]byte, large) // one for all, so that only the count of it is large
		list := span(first, last)
		for _, entry := range list {
			entry.Payload = payload
		}
		return list
	}
	f := followed(t, stream, 1000)
	r := reader{cursor: 100}
	r.expect(t, f)
	fetch(t, f, "backward 101-1000", entries(101, 600))
	if kept := f.OlderBytes(); kept > catchup.WindowBytes {
		t.Errorf("%d bytes wait, want at most %d", kept, catchup.WindowBytes)
	}
	fetch(t, f, "backward 601-1000", entries(601, 602)) // it goes on where it was
	fetch(t, f, "backward 603-1000", entries(603, 1000))
	need(t, f, "none")

	r.read(f)
	fit := catchup.WindowBytes / (2 * large)
	if len(r.given) < fit || len(r.given) > fit+1 || r.given[0] != fmt.Sprintf("gap 101-%d", 1001-len(r.given)) || r.cursor != 1000 {
		t.Errorf("the session was given %d: %.3v, want a gap and the newest %d at most", len(r.given), r.given, fit)
	}
}

func TestRetentionInHistoryIsAGap(t *testing.T) {
	f := followed(t, stream, 10)
	r := reader{cursor: 2}
	r.expect(t, f)
	fetch(t, f, "backward 3-10", span(6, 10))
	r.expect(t, f, "gap 3-5", "6", "7", "8", "9", "10")
}

func TestWhatCannotBeFetchedBecomesAGap(t *testing.T) {
	f := followed(t, stream, 5)
	r := reader{cursor: 5}
	f.Deliver(span(8, 9), 0, 0)
	follow(t, f, 9, catchup.Good)
	f.GiveUp(need(t, f, "forward 6-7"))
	r.expect(t, f, "gap 6-7", "8", "9")
	need(t, f, "none")
}

func TestAFailedFetchAsksWhoTheOwnerIs(t *testing.T) {
	f := followed(t, stream, 5)
	f.Lose()
	follow(t, f, 7, catchup.Good)
	f.Failed(need(t, f, "forward 6-7"))
	need(t, f, "follow")
}

func TestMarksAreAskedForAfterALoss(t *testing.T) {
	f := followed(t, "admin:7", 5)
	need(t, f, "none")
	f.Lose()
	follow(t, f, 6, catchup.Good)
	fetch(t, f, "forward 6-6", span(6, 6))
	early := need(t, f, "marks")
	f.Lose() // while they are on their way
	f.Marked(early)
	follow(t, f, 6, catchup.Good)
	f.Marked(need(t, f, "marks"))
	need(t, f, "none")

	other := followed(t, stream, 5)
	other.Lose()
	follow(t, other, 5, catchup.Good)
	need(t, other, "none")
}

func TestNobodyNeedsNothing(t *testing.T) {
	f := catchup.NewFeed(stream)
	if task := f.Need(false); task.Job != catchup.None {
		t.Errorf("it needs %v", task.Job)
	}
}

func TestWhereAClientBegins(t *testing.T) {
	w := followed(t, stream, 100).Window()
	for _, test := range []struct {
		seq, cursor uint64
		how         catchup.Start
	}{
		{100, 100, catchup.Resumed},
		{90, 90, catchup.Resumed},
		{89, 100, catchup.Behind},
		{101, 101, catchup.Ahead},
	} {
		if cursor, how := w.Begin(test.seq, 10); cursor != test.cursor || how != test.how {
			t.Errorf("at %d: begins at %d, %d", test.seq, cursor, how)
		}
	}
}

func TestAClientIsToldWhatItHasSeenUntilTheOwnerSaysOtherwise(t *testing.T) {
	w := followed(t, stream, 100).Window()
	for _, test := range []struct {
		seq  uint64
		sure bool
		head uint64
	}{
		{99, false, 100},
		{101, false, 101},
		{101, true, 100},
	} {
		if head := w.Tell(test.seq, test.sure); head != test.head {
			t.Errorf("seen %d, sure %v: told %d", test.seq, test.sure, head)
		}
	}
}

// An owner without a claim may have been replaced, by one who showed more.
func TestADoubtIsOnlySettledByAnOwnerWithAClaim(t *testing.T) {
	f := followed(t, stream, 5)
	f.Doubt()
	late := hub.Head{Stream: stream, Seq: 5, Unsure: true}
	if got := f.Follows(f.Need(true), late); got != catchup.Unsure || !f.Followed() || f.Sure() {
		t.Errorf("answer %d, followed %v, sure %v", got, f.Followed(), f.Sure())
	}
	f.Deliver(span(7, 7), 0, 0)
	late.Seq = 4
	if got := f.Follows(f.Need(true), late); got != catchup.Unsure {
		t.Errorf("answer %d of an owner that knows less, and knows it", got)
	}
	follow(t, f, 7, catchup.Good)
	if !f.Sure() {
		t.Error("still in doubt")
	}
}

func TestALossSettlesNoDoubt(t *testing.T) {
	for name, meet := range map[string]func(f *catchup.Feed){
		"then a loss":      func(f *catchup.Feed) { f.Doubt(); f.Lose() },
		"after a loss":     func(f *catchup.Feed) { f.Lose(); f.Doubt() },
		"before and after": func(f *catchup.Feed) { f.Doubt(); f.Lose(); f.Doubt() },
		"before the first": func(f *catchup.Feed) { *f = *catchup.NewFeed(stream); f.Doubt() },
		"twice in between": func(f *catchup.Feed) { f.Lose(); f.Doubt(); f.Doubt() },
		"of an owner again": func(f *catchup.Feed) {
			f.Doubt()
			f.Follows(f.Need(true), hub.Head{Stream: stream, Seq: 5, Unsure: true})
			f.Lose()
		},
	} {
		f := followed(t, stream, 5)
		meet(f)
		if got := f.Follows(f.Need(true), hub.Head{Stream: stream, Seq: 5, Unsure: true}); got != catchup.Unsure || !f.Followed() || f.Sure() {
			t.Errorf("%s: answer %d, followed %v, sure %v", name, got, f.Followed(), f.Sure())
		}
		if follow(t, f, 5, catchup.Good); !f.Sure() {
			t.Errorf("%s: still in doubt", name)
		}
	}
}

func TestADoubtDoesNotHoldUpWhatIsMissing(t *testing.T) {
	f := followed(t, stream, 5)
	f.Doubt()
	f.Follows(f.Need(true), hub.Head{Stream: stream, Seq: 7, Unsure: true})
	fetch(t, f, "forward 6-7", span(6, 7))
	need(t, f, "follow")
}

func TestADoubtedFeedGoesOnWhileItAsks(t *testing.T) {
	f := followed(t, stream, 5)
	f.Doubt()
	if !f.Followed() || f.Sure() {
		t.Errorf("followed %v, sure %v", f.Followed(), f.Sure())
	}
	f.Deliver(span(6, 6), 0, 0)
	r := reader{cursor: 5}
	r.expect(t, f, "6")
	follow(t, f, 7, catchup.Good)
	if !f.Sure() {
		t.Error("still in doubt")
	}
	fetch(t, f, "forward 7-7", span(7, 7))
	need(t, f, "none")
}
