package stomp

import (
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// push has the session write the next entry of the stream of all.
func push(s *Session, seq *uint64) {
	*seq++
	s.progress.write(hub.All, *seq, true, time.Now())
}

// mute is a transport without a ping.
type mute struct{ Carrier }

// A session is as if it had ended before what a client that fell silent may not
// have got.
func TestWhatASilentClientMayHaveMissedIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(nil, Options{Zone: time.UTC}).Session(mute{webSocket{}})
		s.begin(v12, true, "7", hub.Cursor{hub.All: 0})
		began, seq := time.Now(), uint64(0)
		surely := func(at time.Duration, want uint64) {
			t.Helper()
			time.Sleep(time.Until(began.Add(at)))
			if got := s.progress.surely(time.Now()).seq(hub.All); got != want {
				t.Errorf("after %v it has surely got %d, want %d", at, got, want)
			}
		}
		push(s, &seq)
		surely(2*time.Second, 0)
		push(s, &seq)
		surely(71*time.Second, 0)
		surely(2*time.Minute, 2)
		push(s, &seq)
		surely(2*time.Minute+time.Second, 0)
		surely(2*time.Minute+71*time.Second, 3)
		push(s, &seq)
		surely(2*time.Minute+72*time.Second, 2)
	})
}

// However long the client has been silent when the gateway notices, at whatever
// moment: nothing counts as received that was sent since it was last heard of.
func TestSteadyTrafficToASilentClientIsNotTakenAsReceived(t *testing.T) {
	const silent, most = 62, 142 // seconds
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(nil, Options{Zone: time.UTC}).Session(mute{webSocket{}})
		s.begin(v12, true, "7", hub.Cursor{hub.All: 0})
		s.subscribe(&subscription{id: "sub-0", destination: "/topic/notification/user/7"}, true)
		seq := uint64(0)
		for range 600 {
			push(s, &seq)
			got := s.progress.surely(time.Now()).seq(hub.All)
			if got > 0 && got+silent > seq {
				t.Fatalf("%d of %d count as received after %d s of silence", got, seq, silent)
			}
			if got+most < seq {
				t.Fatalf("only %d of %d count as received", got, seq)
			}
			time.Sleep(time.Second)
		}
	})
}

// ends is a Places that remembers the last end.
type ends struct {
	nowhere
	at hub.Cursor
}

func (e *ends) End(_ string, _ Place, at hub.Cursor) { e.at = at }

// A connection may break before its page has subscribed.
func TestWhatNoSubscriptionHasTakenIsStillToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := &ends{}
		s := NewServer(nil, Options{Zone: time.UTC, Places: places}).Session(mute{webSocket{}})
		s.begin(v12, true, "7", hub.Cursor{hub.All: 1, "admin:7": 4, "mall:1": 0})
		stands := func(want string) {
			t.Helper()
			for _, why := range []gateway.Close{gateway.CloseNormal, gateway.CloseRestarting} {
				s.endPlace(why)
				if got := places.at.String(); got != want {
					t.Errorf("it ends with %d at %s, want %s", why, got, want)
				}
			}
			if got := string(s.AppendCursor(nil)); got != want {
				t.Errorf("it is told to be at %s, want %s", got, want)
			}
		}
		write := func(stream hub.Stream, seq uint64) {
			s.AppendEntry(nil, &gateway.Frame{Entry: &hub.Entry{Stream: stream, Seq: seq}}, nil)
		}
		write(hub.All, 2)
		write("mall:1", 1)
		stands("admin:7=4,all=1,mall:1=0")
		s.subscribe(&subscription{id: "u", destination: "/topic/notification/user/7"}, true)
		stands("admin:7=4,all=1,mall:1=0")
		write(hub.All, 2)
		write("admin:7", 5)
		stands("admin:7=5,all=2,mall:1=0")
		told := s.Moves()
		time.Sleep(resumeWithin + time.Millisecond)
		stands("admin:7=5,all=2,mall:1=1")
		if s.Moves() == told {
			t.Error("that it has moved is not told")
		}
	})
}

func TestAnEntryIsWrittenWithoutAllocation(t *testing.T) {
	s := NewServer(nil, Options{Zone: time.UTC}).Session(webSocket{})
	s.begin(v12, true, "7", hub.Cursor{hub.All: 0, "admin:7": 0, "mall:1": 0})
	s.subscribe(&subscription{id: "sub-0", destination: "/topic/notification/user/7"}, false)
	s.subscribe(&subscription{id: "sub-1", destination: "/topic/notification/complex/1/user/7", mall: "1"}, false)
	frame := &gateway.Frame{Entry: &hub.Entry{
		Stream: "mall:1", Seq: 1, Type: "NOTICE", Payload: []byte(`{"body":"새 주문","at":"2026-11-20T10:30:00.000Z"}`),
	}}
	room := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		s.subs[1].other = 0
		if len(s.AppendEntry(room, frame, nil)) == 0 {
			t.Fatal("nothing is written")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a delivery", n)
	}
}
