//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-stomp/stomp/v3/frame"
	"github.com/gorilla/websocket"
)

// stompPage is an older page, over STOMP and WebSocket. The pushes in its inbox
// have the destination as their name.
type stompPage struct {
	*inbox
	conn *websocket.Conn
}

// stomp opens a page of the person, subscribed to both destinations.
func (s *server) stomp(t *testing.T, p person) *stompPage {
	t.Helper()
	return stompAt(t, s.addr, p)
}

func stompAt(t *testing.T, addr string, p person) *stompPage {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"v12.stomp"}, HandshakeTimeout: patience}
	conn, res, err := dialer.Dial("ws://"+addr+"/ws", nil)
	if err != nil {
		t.Fatalf("dial: %v %s", err, statusOf(res))
	}
	page := &stompPage{newInbox(), conn}
	t.Cleanup(func() { _ = conn.Close() })
	page.send(t, frame.New(frame.CONNECT, frame.AcceptVersion, "1.2", frame.Host, "bongsu", "Authorization", "Bearer "+p.token(t)))
	for i, destination := range []string{userDestination(p), mallDestination(p)} {
		page.send(t, frame.New(frame.SUBSCRIBE, frame.Id, fmt.Sprint(i), frame.Destination, destination, frame.Receipt, fmt.Sprint(i)))
	}
	go page.read()
	for i := range 2 {
		page.await(t, "a receipt", func(p push) bool { return p.name == frame.RECEIPT && p.cursor == fmt.Sprint(i) })
	}
	return page
}

func userDestination(p person) string { return "/topic/notification/user/" + p.admin }

func mallDestination(p person) string {
	return "/topic/notification/complex/" + p.malls[0] + "/user/" + p.admin
}

func (s *stompPage) send(t *testing.T, f *frame.Frame) {
	t.Helper()
	var text bytes.Buffer
	if err := frame.NewWriter(&text).Write(f); err != nil {
		t.Fatal(err)
	}
	if err := s.conn.WriteMessage(websocket.TextMessage, text.Bytes()); err != nil {
		t.Fatal(err)
	}
}

func (s *stompPage) read() {
	for {
		_, message, err := s.conn.ReadMessage()
		if err != nil {
			s.end(err)
			return
		}
		f, err := frame.NewReader(bytes.NewReader(message)).Read()
		switch {
		case err != nil:
			s.end(fmt.Errorf("%w in %q", err, message))
			return
		case f == nil: // a heart-beat
		case f.Command == frame.MESSAGE:
			s.add(push{name: f.Header.Get(frame.Destination), body: f.Body})
		default:
			s.add(push{name: f.Command, cursor: f.Header.Get(frame.ReceiptId), body: f.Body})
		}
	}
}

// awaitBodies waits until the destination's messages are exactly these.
func (s *stompPage) awaitBodies(t *testing.T, destination string, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(patience); len(got) < len(want) && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		got = got[:0]
		pushes, _, _ := s.look()
		for _, p := range pushes {
			if p.name == destination {
				got = append(got, string(p.body))
			}
		}
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Fatalf("%s got %q, want %q", destination, got, want)
	}
}

// testOtherNode kills the node of a page, which comes back at the other one: it
// is given what it missed, and perhaps again what it had last.
func (s *compatSuite) testOtherNode(t *testing.T) {
	p := person{admin: "3001", malls: []string{"503"}}
	page := s.nodes[1].stomp(t, p)
	for i := range 3 {
		s.publish(t, "/notification/user", "["+body(i, p.admin, "", "전")+"]")
	}
	page.awaitBodies(t, userDestination(p), body(0, p.admin, "", "전"), body(1, p.admin, "", "전"), body(2, p.admin, "", "전"))
	s.nodes[1].kill()
	for i := range 3 {
		s.publish(t, "/notification/user", "["+body(3+i, p.admin, "", "후")+"]")
	}
	awaitThat(t, "all of them in the timeline", func() bool {
		a := s.nodes[0].do(t, http.MethodGet, "/api/v1/timeline?stream=admin:"+p.admin, p.token(t), nil)
		return a.StatusCode == http.StatusOK && strings.Contains(string(a.body), `"n5"`)
	})
	page = s.nodes[0].stomp(t, p) // from its head on it would get nothing
	page.awaitLast(t, userDestination(p), "후", body(3, p.admin, "", "후"), body(4, p.admin, "", "후"), body(5, p.admin, "", "후"))
}

// awaitLast waits for the last of the messages, and wants those that contain the
// word to be exactly these.
func (s *stompPage) awaitLast(t *testing.T, destination, word string, want ...string) {
	t.Helper()
	s.await(t, "the last message", func(got push) bool { return string(got.body) == want[len(want)-1] })
	pushes, _, _ := s.look()
	var got []string
	for _, p := range pushes {
		if p.name == destination && strings.Contains(string(p.body), word) {
			got = append(got, string(p.body))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s got %q, want %q", destination, got, want)
	}
}

// testDeadUnnoticed lets a page's network swallow everything, as when a laptop
// changes it. The page comes back, at the same node or another one, long before
// the node finds the old connection dead: it is given what was sent there in vain.
func (s *compatSuite) testDeadUnnoticed(t *testing.T) {
	for i, back := range s.nodes {
		p := person{admin: fmt.Sprint(3010 + i), malls: []string{"504"}}
		network := newRelay(t, s.nodes[0].addr)
		page := stompAt(t, network.addr(), p)
		s.publish(t, "/notification/user", "["+body(1, p.admin, "", "전")+"]")
		page.awaitBodies(t, userDestination(p), body(1, p.admin, "", "전"))
		network.swallow()
		s.publish(t, "/notification/user", "["+body(2, p.admin, "", "후")+","+body(3, p.admin, "", "후")+"]")
		awaitThat(t, "all of them in the timeline", func() bool {
			a := s.nodes[0].do(t, http.MethodGet, "/api/v1/timeline?stream=admin:"+p.admin, p.token(t), nil)
			return a.StatusCode == http.StatusOK && strings.Contains(string(a.body), `"n3"`)
		})
		page = back.stomp(t, p)
		page.awaitLast(t, userDestination(p), "후", body(2, p.admin, "", "후"), body(3, p.admin, "", "후"))
	}
}
