package stomp

import (
	"testing"
	"time"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// A session is as if it had ended before what a client that fell silent may not
// have got.
func TestWhatASilentClientMayHaveMissedIsSentAgain(t *testing.T) {
	s := NewServer(nil, Options{Zone: time.UTC}).Session(webSocket{})
	now := time.Now().UnixMilli()
	s.begin(v12, true, "7", hub.Cursor{hub.All: 0})
	seq := uint64(0)
	push := func(at time.Duration) {
		seq++
		e := &hub.Entry{Stream: hub.All, Seq: seq, Time: now + at.Milliseconds()}
		s.AppendEntry(nil, &gateway.Frame{Entry: e}, nil)
	}
	surely := func(at time.Duration, want uint64) {
		t.Helper()
		if got := s.surely(now + at.Milliseconds()).seq(hub.All); got != want {
			t.Errorf("after %v it has surely got %d, want %d", at, got, want)
		}
	}
	push(0)
	push(time.Second)
	surely(2*time.Second, 0)
	surely(2*time.Minute, 2)
	push(time.Minute)
	push(2 * time.Minute)
	surely(2*time.Minute, 2)
	push(2*time.Minute + time.Second)
	surely(2*time.Minute+2*time.Second, 2)
	surely(4*time.Minute, 5)
}

func TestAnEntryIsWrittenWithoutAllocation(t *testing.T) {
	s := NewServer(nil, Options{Zone: time.UTC}).Session(webSocket{})
	s.begin(v12, true, "7", hub.Cursor{hub.All: 0, "admin:7": 0, "mall:1": 0})
	s.subscribe(&subscription{id: "sub-0", destination: "/topic/notification/user/7"}, nil)
	s.subscribe(&subscription{id: "sub-1", destination: "/topic/notification/complex/1/user/7", mall: "1"}, nil)
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
