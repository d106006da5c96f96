package stomp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-stomp/stomp/v3/frame"
	"github.com/gorilla/websocket"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

// site is a server with a gateway over a core in memory.
type site struct {
	*httptest.Server
	gateway *gateway.Gateway
	core    *gatewaytest.Core
}

func serve(t testing.TB, o gateway.Options, s stomp.Options) *site {
	t.Helper()
	return serveBy(t, gatewaytest.BySockets, o, s)
}

func serveBy(t testing.TB, way gatewaytest.Way, o gateway.Options, s stomp.Options) *site {
	t.Helper()
	g, core := gatewaytest.Start(t, o)
	s.Zone = time.FixedZone("Asia/Seoul", 9*60*60)
	return &site{way(t, stomp.NewServer(g, s)), g, core}
}

// client is a STOMP client that fails its test.
type client struct {
	t testing.TB
	*websocket.Conn
}

func (s *site) dial(t testing.TB) *client {
	t.Helper()
	dialer := gatewaytest.Dialer(s.Server)
	dialer.Subprotocols = []string{"v10.stomp", "v11.stomp", "v12.stomp"}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t, conn}
}

// connect returns a client whose person is the token's, with further headers.
func (s *site) connect(t testing.TB, token string, headers ...string) *client {
	t.Helper()
	c := s.dial(t)
	c.say("CONNECT", append(headers, "accept-version:1.2", "Authorization:Bearer "+token)...)
	c.hear("CONNECTED")
	return c
}

func (c *client) say(command string, headers ...string) {
	c.t.Helper()
	text := command + "\n" + strings.Join(append(headers, ""), "\n") + "\n\x00"
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next message.
func (c *client) next() ([]byte, error) {
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, message, err := c.ReadMessage()
	return message, err
}

// hear returns the next frame, which must have the command.
func (c *client) hear(command string) *frame.Frame {
	c.t.Helper()
	for {
		message, err := c.next()
		if err != nil {
			c.t.Fatal(err)
		}
		if string(message) == "\n" {
			continue
		}
		f, err := frame.NewReader(bytes.NewReader(message)).Read()
		if err != nil || f.Command != command {
			c.t.Fatalf("%q, want %s: %v", message, command, err)
		}
		return f
	}
}

// hears fails unless the next frames are MESSAGEs with these subscriptions and
// places: "sub-0 all 12".
func (c *client) hears(want ...string) {
	c.t.Helper()
	for _, one := range want {
		h := c.hear("MESSAGE").Header
		if got := h.Get("subscription") + " " + h.Get("bongsu-stream") + " " + h.Get("bongsu-seq"); got != one {
			c.t.Fatalf("got %s, want %s", got, one)
		}
	}
}

// expelled returns the message of an ERROR and the code of the end after it.
func (c *client) expelled() (message string, code int) {
	c.t.Helper()
	return c.hear("ERROR").Header.Get("message"), c.closed()
}

// leave closes the connection as a page does that is closed.
func (c *client) leave() {
	goodbye := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
	_ = c.WriteControl(websocket.CloseMessage, goodbye, time.Time{})
	_ = c.Close()
}

// closed returns the code with which the connection ends.
func (c *client) closed() int {
	c.t.Helper()
	for {
		_, err := c.next()
		var left *websocket.CloseError
		if errors.As(err, &left) {
			return left.Code
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

const (
	user = "destination:/topic/notification/user/7"
	mall = "destination:/topic/notification/complex/500/user/7"
)

// publish adds an event that happened at a certain time.
func (s *site) publish(t testing.TB, event string) {
	t.Helper()
	e, err := hub.ParseEvent([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	e.At = time.Date(2026, 1, 6, 1, 30, 0, 0, time.UTC)
	s.core.PublishEvent(e)
}

func TestConnectedTellsTheVersionTheBeatAndTheCursor(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	s.core.Publish(hub.All, 3)
	for accepted, want := range map[string]string{"accept-version:1.0,1.1,1.2": "1.2", "accept-version:1.1,1.0": "1.1", "a:b": "1.0"} {
		for _, command := range []string{"CONNECT", "STOMP"} {
			c := s.dial(t)
			c.say(command, accepted, "heart-beat:10000,10000", "login:x", "passcode:y", "Authorization:7 mall:500")
			f := c.hear("CONNECTED")
			for name, value := range map[string]string{
				"version": want, "heart-beat": "25000,25000", "cursor": "admin:7=0,all=3,mall:500=0",
			} {
				if got := f.Header.Get(name); got != value {
					t.Errorf("%s %s: %s is %q, want %q", command, accepted, name, got, value)
				}
			}
			if f.Header.Get("session") == "" {
				t.Error("no session")
			}
		}
	}
}

func TestMessagesCarryTheOlderBody(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	c := s.connect(t, "7 mall:500 partner:3")
	c.say("SUBSCRIBE", "id:sub-0", user)
	c.say("SUBSCRIBE", "id:s\\c1", mall, "receipt:r-1")
	if got := c.hear("RECEIPT").Header.Get("receipt-id"); got != "r-1" {
		t.Fatalf("receipt %q", got)
	}
	s.core.Publish("partner:3", 1) // which the older pages do not know
	s.publish(t, `{"id":"n12","type":"NOTICE","targets":["all"],"body":"새로운 공지","data":{"clickEventParams":"{\"noticeSeq\":42}"}}`)
	f := c.hear("MESSAGE")
	const want = `{"notificationSeq":12,"userSeq":7,"message":"새로운 공지","createdDatetime":"2026-01-06T10:30:00","code":"NOTICE","name":"공지사항","clickEventParams":"{\"noticeSeq\":42}"}`
	if string(f.Body) != want {
		t.Errorf("body %s", f.Body)
	}
	for name, value := range map[string]string{
		"subscription": "sub-0", "message-id": "all-1", "destination": "/topic/notification/user/7",
		"content-type": "application/json", "bongsu-stream": "all", "bongsu-seq": "1",
	} {
		if got := f.Header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	s.core.Publish("mall:500", 1)
	f = c.hear("MESSAGE")
	if f.Header.Get("subscription") != "s:1" || f.Header.Get("bongsu-stream") != "mall:500" || f.Header.Get("message-id") != "mall.500-1" {
		t.Errorf("headers %v", f.Header)
	}
	var body struct{ ComplexSeq int }
	if err := json.Unmarshal(f.Body, &body); err != nil || body.ComplexSeq != 500 {
		t.Errorf("body %s: %v", f.Body, err)
	}
	s.publish(t, `{"type":"NOTICE","targets":["admin:7"],"body":"b","data":{"complexSeq":500}}`)
	c.hears("s:1 admin:7 1")
	s.publish(t, `{"type":"NOTICE","targets":["admin:7"],"body":"b","data":{"complexSeq":501}}`)
	s.publish(t, `{"type":"NOTICE","targets":["admin:7"],"body":"b"}`)
	c.hears("sub-0 admin:7 3")
}

func TestEachSubscriptionGetsTheEntryUntilItEnds(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	c := s.connect(t, "7")
	c.say("SUBSCRIBE", "id:a", user)
	c.say("SUBSCRIBE", "id:b", user, "ack:client", "receipt:1")
	c.hear("RECEIPT")
	s.core.Publish(hub.All, 1)
	c.hears("a all 1")
	f := c.hear("MESSAGE")
	if f.Header.Get("subscription") != "b" || f.Header.Get("ack") != "all-1" {
		t.Fatalf("headers %v", f.Header)
	}
	c.say("ACK", "id:all-1")
	c.say("NACK", "id:all-1", "receipt:2")
	c.hear("RECEIPT")
	c.say("UNSUBSCRIBE", "id:a", "receipt:3")
	c.hear("RECEIPT")
	s.core.Publish(hub.All, 1)
	c.hears("b all 2")
}

func TestVersion10SubscribesByDestination(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	c := s.dial(t)
	c.say("CONNECT", "Authorization:7 mall:500")
	c.hear("CONNECTED")
	c.say("SUBSCRIBE", mall, "receipt:1")
	c.hear("RECEIPT")
	s.core.Publish("mall:500", 1)
	message, err := c.next()
	if err != nil || !bytes.Contains(message, []byte("\nbongsu-stream:mall:500\n")) || bytes.Contains(message, []byte("subscription:")) {
		t.Fatalf("%q: %v", message, err)
	}
	c.say("UNSUBSCRIBE", mall, "receipt:2")
	c.hear("RECEIPT")
	s.core.Publish("mall:500", 1)
	c.say("SUBSCRIBE", user, "receipt:3")
	c.hear("RECEIPT")
}

func TestWhatIsNotAllowedIsAnErrorAndTheEnd(t *testing.T) {
	many := make([]string, 0, 2*stomp.MaxHeaders)
	for range cap(many) {
		many = append(many, "a:b")
	}
	for name, one := range map[string]struct {
		command string
		headers []string
		code    gateway.Close
	}{
		"another person":     {"SUBSCRIBE", []string{"id:1", "destination:/topic/notification/user/8"}, gateway.CloseForbidden},
		"another mall":       {"SUBSCRIBE", []string{"id:1", "destination:/topic/notification/complex/501/user/7"}, gateway.CloseForbidden},
		"another's mall":     {"SUBSCRIBE", []string{"id:1", "destination:/topic/notification/complex/500/user/8"}, gateway.CloseForbidden},
		"no destination":     {"SUBSCRIBE", []string{"id:1"}, gateway.CloseForbidden},
		"unknown one":        {"SUBSCRIBE", []string{"id:1", "destination:/topic/x"}, gateway.CloseForbidden},
		"no id":              {"SUBSCRIBE", []string{user}, gateway.CloseProtocol},
		"sending":            {"SEND", []string{user}, gateway.CloseForbidden},
		"a transaction":      {"BEGIN", []string{"transaction:1"}, gateway.CloseProtocol},
		"a server's command": {"MESSAGE", nil, gateway.CloseProtocol},
		"connecting again":   {"CONNECT", []string{"Authorization:7"}, gateway.CloseProtocol},
		"no command":         {"HELLO", nil, gateway.CloseProtocol},
		"too many headers":   {"ACK", many, gateway.CloseProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, gateway.Options{}, stomp.Options{})
			c := s.connect(t, "7 mall:500")
			c.say(one.command, append(one.headers, "receipt:r")...)
			f := c.hear("ERROR")
			if f.Header.Get("message") == "" {
				t.Error("no message")
			}
			if code := c.closed(); code != one.code.Code() {
				t.Errorf("closed with %d, want %d", code, one.code.Code())
			}
		})
	}
}

func TestWhoMayNotConnectIsToldWhy(t *testing.T) {
	s := serve(t, gateway.Options{PersonSessions: 1}, stomp.Options{})
	first := s.connect(t, "1")
	for name, one := range map[string]struct {
		headers []string
		code    gateway.Close
	}{
		"no token":        {nil, gateway.CloseBadToken},
		"a bad token":     {[]string{"Authorization:Bearer bad"}, gateway.CloseBadToken},
		"an old token":    {[]string{"Authorization:Bearer expired"}, gateway.CloseExpired},
		"no right":        {[]string{"Authorization:Bearer forbidden"}, gateway.CloseForbidden},
		"too many":        {[]string{"Authorization:Bearer 1"}, gateway.CloseTooMany},
		"another version": {[]string{"Authorization:Bearer 7", "accept-version:2.0"}, gateway.CloseProtocol},
		"a bad beat":      {[]string{"Authorization:Bearer 7", "heart-beat:often"}, gateway.CloseProtocol},
		"a bad cursor":    {[]string{"Authorization:Bearer 7", "cursor:all"}, gateway.CloseProtocol},
	} {
		c := s.dial(t)
		c.say("CONNECT", one.headers...)
		if message, code := c.expelled(); code != one.code.Code() || message == "" {
			t.Errorf("%s: %q, %d, want %d", name, message, code, one.code.Code())
		}
	}
	c := s.dial(t)
	c.say("SUBSCRIBE", "id:1", user)
	if _, code := c.expelled(); code != gateway.CloseProtocol.Code() {
		t.Errorf("before CONNECT: %d", code)
	}
	first.say("DISCONNECT", "receipt:bye")
	if got := first.hear("RECEIPT").Header.Get("receipt-id"); got != "bye" {
		t.Errorf("receipt %q", got)
	}
	if code := first.closed(); code != gateway.CloseNormal.Code() {
		t.Errorf("disconnected with %d", code)
	}
}

func TestAClientIsHeldToItsLimits(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{Rate: 1})
	c := s.connect(t, "7")
	for i := range stomp.MaxRepeats + 2 {
		c.say("SUBSCRIBE", "id:"+strings.Repeat("x", i+1), user)
	}
	if message, code := c.expelled(); code != gateway.CloseProtocol.Code() || !strings.HasPrefix(message, "too many subscriptions") {
		t.Errorf("%q, %d", message, code)
	}
	for name, say := range map[string]func(c *client){
		"beats": func(c *client) { // each a message
			for range 200 {
				_ = c.WriteMessage(websocket.TextMessage, []byte("\n"))
			}
		},
		"frames in one message": func(c *client) {
			_ = c.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte("ACK\nid:1\n\n\x00"), 200))
		},
	} {
		c := s.connect(t, "7")
		say(c)
		if _, code := c.expelled(); code != gateway.CloseTooFast.Code() {
			t.Errorf("%s: %d", name, code)
		}
	}
	c = s.connect(t, "7")
	_ = c.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte("x"), stomp.MaxMessage+1))
	if _, code := c.expelled(); code != gateway.CloseTooBig.Code() {
		t.Errorf("a message too big: %d", code)
	}
}

func TestAQuietSessionBeatsIfTheClientWantsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{Heartbeat: time.Second}, stomp.Options{})
		beating := s.connect(t, "7", "heart-beat:0,5000")
		silent := s.connect(t, "7", "heart-beat:10000,0")
		pinged := make(chan struct{}, 100)
		silent.SetPingHandler(func(string) error {
			pinged <- struct{}{}
			return silent.WriteControl(websocket.PongMessage, nil, time.Time{})
		})
		heard := make(chan []byte, 100)
		go func() {
			for {
				_, message, err := silent.ReadMessage()
				if err != nil {
					return
				}
				heard <- message
			}
		}()
		if message, err := beating.next(); err != nil || string(message) != "\n" {
			t.Fatalf("%q: %v", message, err)
		}
		<-pinged
		<-pinged
		select {
		case message := <-heard:
			t.Errorf("a client that wants no beats got %q", message)
		default:
		}
	})
}

func TestARestartIsNoErrorOfThePage(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	c := s.connect(t, "7")
	if err := s.gateway.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if code := c.closed(); code != gateway.CloseRestarting.Code() {
		t.Errorf("closed with %d", code)
	}
}

func TestPlainRequestsAreRefused(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	answer, err := http.Get(s.URL)
	if err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("%v, %v", answer, err)
	}
	if n := s.gateway.Connections(); n != 0 {
		t.Errorf("%d places are taken", n)
	}
}

// 1.0 escapes nothing, and no version does in CONNECT. What 1.2 does not define it
// refuses.
func TestEachVersionReadsHeadersAsItEscapesThem(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		c := s.connect(t, "7", "accept-version:"+version, `x:\t`)
		c.say("SUBSCRIBE", "id:u", user, `receipt:a\nb`)
		if message, err := c.next(); err != nil || !bytes.Contains(message, []byte("receipt-id:a\\nb\n")) {
			t.Errorf("%s: %q, %v", version, message, err)
		}
	}
	c := s.connect(t, "7", "accept-version:1.2")
	c.say("SUBSCRIBE", "id:u", user, `x:\t`)
	if message, code := c.expelled(); code != gateway.CloseProtocol.Code() {
		t.Errorf("an escape that there is not: %d, %s", code, message)
	}
}
