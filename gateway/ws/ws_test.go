package ws_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/ws"
	"bongsu/internal/hub"
)

// site is a server with a gateway over a core in memory.
type site struct {
	*httptest.Server
	gateway *gateway.Gateway
	core    *gatewaytest.Core
}

func serve(t testing.TB, o gateway.Options, w ws.Options) *site {
	t.Helper()
	return serveBy(t, gatewaytest.BySockets, o, w)
}

func serveBy(t testing.TB, way gatewaytest.Way, o gateway.Options, w ws.Options) *site {
	t.Helper()
	g, core := gatewaytest.Start(t, o)
	w.Inbox = gateway.NewInbox(core)
	return &site{Server: way(t, ws.Handler(g, w)), gateway: g, core: core}
}

// client is a WebSocket client that fails its test.
type client struct {
	t testing.TB
	*websocket.Conn
}

func (s *site) dial(t testing.TB, header http.Header) *client {
	t.Helper()
	conn, _, err := gatewaytest.Dialer(s.Server).Dial("ws"+strings.TrimPrefix(s.URL, "http"), header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t, conn}
}

func (s *site) connect(t testing.TB, token string, cursor map[string]uint64) *client {
	t.Helper()
	c := s.dial(t, nil)
	params, err := json.Marshal(map[string]any{"token": token, "cursor": cursor})
	if err != nil {
		t.Fatal(err)
	}
	c.say(`{"jsonrpc":"2.0","id":1,"method":"connect","params":` + string(params) + `}`)
	if got := c.hear(); got.Error != nil {
		t.Fatalf("connect: %+v", got.Error)
	}
	return c
}

func (c *client) say(message string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		c.t.Fatal(err)
	}
}

// flood sends a frame a hundred times.
func (c *client) flood(frame string) { _, _ = io.WriteString(c.NetConn(), strings.Repeat(frame, 100)) }

// message is anything that the server says.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int
		Message string
		Data    struct{ Temporary bool }
	}
}

func (c *client) hear() message {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	kind, raw, err := c.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(raw, &m); err != nil || kind != websocket.TextMessage || m.Version != "2.0" {
		c.t.Fatalf("%d %q: %v", kind, raw, err)
	}
	return m
}

// await returns the next notification of a method, and skips everything else.
func (c *client) await(method string) message {
	c.t.Helper()
	for {
		if m := c.hear(); m.Method == method {
			return m
		}
	}
}

// reply returns the next response.
func (c *client) reply() message {
	c.t.Helper()
	for {
		if m := c.hear(); m.Method == "" {
			return m
		}
	}
}

// closed returns the code of the close frame, and skips everything before it.
func (c *client) closed() int {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		_, _, err := c.ReadMessage()
		var left *websocket.CloseError
		if errors.As(err, &left) {
			return left.Code
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

func TestConnectWelcomesAndPushes(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{})
	s.core.Publish("mall:1001", 2)
	c := s.dial(t, http.Header{"Sec-WebSocket-Protocol": {ws.Subprotocol}})
	if c.Subprotocol() != ws.Subprotocol {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	c.say(`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"7 mall:1001","cursor":{"mall:1001":1,"mall:9":4}}}`)
	var w gateway.Welcome
	m := c.hear()
	if err := json.Unmarshal(m.Result, &w); err != nil || string(m.ID) != "1" {
		t.Fatalf("%+v: %v", m, err)
	}
	if w.Node != "node-1" || w.HeartbeatMs != 25000 || w.Me.Admin != "7" || w.Session == "" || len(w.Streams) != 3 {
		t.Errorf("%+v", w)
	}
	if got := w.Streams[2]; got != (gateway.StreamWelcome{Stream: "mall:1001", Head: 2, Read: 2}) {
		t.Errorf("%+v", got)
	}
	var entry struct {
		Stream, ID, Type, Title string
		Seq                     uint64
	}
	if err := json.Unmarshal(c.await("entry").Params, &entry); err != nil || entry.Stream != "mall:1001" || entry.Seq != 2 || entry.Title != "t" {
		t.Errorf("%+v %v", entry, err)
	}
	s.core.Publish(hub.All, 1)
	if err := json.Unmarshal(c.await("entry").Params, &entry); err != nil || entry.Stream != "all" || entry.Seq != 1 {
		t.Errorf("%+v %v", entry, err)
	}
}

func TestTheTokenMayComeInTheHeader(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{})
	c := s.dial(t, http.Header{"Authorization": {"Bearer 7"}})
	c.say(`{"jsonrpc":"2.0","id":"a","method":"connect"}`)
	if got := c.hear(); got.Error != nil || string(got.ID) != `"a"` {
		t.Errorf("%+v", got)
	}
}

func TestCallsTakeAndGiveWhatHTTPDoes(t *testing.T) {
	s := serve(t, gateway.Options{UnreadEvery: time.Millisecond}, ws.Options{})
	c := s.connect(t, "7 mall:1", nil)
	s.core.Publish("mall:1", 3)
	for range 3 {
		c.await("entry")
	}
	c.say(`{"jsonrpc":"2.0","id":2,"method":"timeline.list","params":{"stream":"mall:1","limit":2}}`)
	var page gateway.Page
	if err := json.Unmarshal(c.reply().Result, &page); err != nil || len(page.Entries) != 2 || page.Next == "" {
		t.Errorf("%+v %v", page, err)
	}
	c.say(`{"jsonrpc":"2.0","id":3,"method":"timeline.read","params":{"stream":"mall:1","seq":2}}`)
	var unread gateway.Unread
	if err := json.Unmarshal(c.reply().Result, &unread); err != nil || unread.Total != 1 {
		t.Errorf("%+v %v", unread, err)
	}
	c.say(`{"jsonrpc":"2.0","id":4,"method":"unread"}`)
	var again gateway.Unread
	if err := json.Unmarshal(c.reply().Result, &again); err != nil || again.Version != unread.Version {
		t.Errorf("%+v %v", again, err)
	}
	c.say(`{"jsonrpc":"2.0","id":5,"method":"refresh","params":{"token":"7 mall:2"}}`)
	if got := c.reply(); got.Error != nil {
		t.Errorf("refresh: %+v", got.Error)
	}
	c.say(`{"jsonrpc":"2.0","id":6,"method":"timeline.read","params":{"stream":"mall:1","seq":2}}`)
	if got := c.reply(); got.Error == nil || got.Error.Code != 403 {
		t.Errorf("a stream that is no longer theirs: %+v", got)
	}
}

func TestErrorsOfCalls(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{})
	c := s.connect(t, "7", nil)
	for _, test := range []struct {
		say, id string
		code    int
	}{
		{`{`, "null", -32700},
		{``, "null", -32700},
		{`[{"jsonrpc":"2.0","id":1,"method":"unread"}]`, "null", -32600},
		{`[]`, "null", -32600},
		{`7`, "null", -32600},
		{`{"jsonrpc":"1.0","id":1,"method":"unread"}`, "1", -32600},
		{`{"jsonrpc":"2.0","id":1}`, "1", -32600},
		{`{"jsonrpc":"2.0","id":1,"method":3}`, "1", -32600},
		{`{"jsonrpc":"2.0","id":{},"method":"unread"}`, "null", -32600},
		{`{"jsonrpc":"2.0","id":1,"method":"unread","params":3}`, "1", -32600},
		{`{"jsonrpc":"2.0","id":1,"method":"nonsense"}`, "1", -32601},
		{`{"jsonrpc":"2.0","id":1,"method":"timeline.list","params":[1]}`, "1", -32602},
		{`{"jsonrpc":"2.0","id":1,"method":"timeline.list","params":{"limit":"x"}}`, "1", -32602},
		{`{"jsonrpc":"2.0","id":1,"method":"timeline.list","params":{"limit":9999}}`, "1", -32602},
		{`{"jsonrpc":"2.0","id":1,"method":"timeline.list","params":{"stream":"mall:9"}}`, "1", 403},
		{`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"7"}}`, "1", 409},
		{`{"jsonrpc":"2.0","id":1,"method":"refresh","params":{"token":"bad"}}`, "1", 401},
		{`{"jsonrpc":"2.0","id":1,"method":"refresh","params":{"token":"8"}}`, "1", 403},
	} {
		c.say(test.say)
		if got := c.reply(); got.Error == nil || got.Error.Code != test.code || string(got.ID) != test.id {
			t.Errorf("%s: %s %+v", test.say, got.ID, got.Error)
		}
	}
	s.core.Fail(hub.Unavailablef("the timeline is away"))
	c.say(`{"jsonrpc":"2.0","id":9,"method":"unread"}`)
	if got := c.reply(); got.Error == nil || got.Error.Code != 503 || !got.Error.Data.Temporary {
		t.Errorf("%+v", got)
	}
}

func TestNotificationsFromClientsAreIgnored(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{})
	c := s.connect(t, "7", nil)
	c.say(`{"jsonrpc":"2.0","method":"nonsense"}`)
	c.say(`{"jsonrpc":"2.0","id":2,"method":"unread"}`)
	if got := c.reply(); string(got.ID) != "2" {
		t.Errorf("%+v", got)
	}
}

func TestConnectRefusals(t *testing.T) {
	s := serve(t, gateway.Options{PersonSessions: 1}, ws.Options{})
	s.connect(t, "1", nil)
	for _, test := range []struct {
		say         string
		code, close int
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"unread"}`, 401, 4502},
		{`{"jsonrpc":"2.0","id":1,"method":"refresh","params":{"token":"7"}}`, 401, 4502},
		{`{"jsonrpc":"2.0","id":1,"method":"connect"}`, 401, 4500},
		{`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"bad"}}`, 401, 4500},
		{`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"expired"}}`, 401, 4003},
		{`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"forbidden"}}`, 403, 4501},
		{`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"1"}}`, 429, 4504},
	} {
		c := s.dial(t, nil)
		c.say(test.say)
		if got := c.hear(); got.Error == nil || got.Error.Code != test.code {
			t.Errorf("%s: %+v", test.say, got.Error)
		}
		if got := c.closed(); got != test.close {
			t.Errorf("%s: closed with %d, want %d", test.say, got, test.close)
		}
	}
	c := s.dial(t, nil) // a bad cursor can be put right
	c.say(`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"7","cursor":{"nonsense":1}}}`)
	if got := c.hear(); got.Error == nil || got.Error.Code != -32602 {
		t.Errorf("%+v", got.Error)
	}
	c.say(`{"jsonrpc":"2.0","id":2,"method":"connect","params":{"token":"7"}}`)
	if got := c.hear(); got.Error != nil {
		t.Errorf("%+v", got.Error)
	}
}

func TestFramesThatEndTheConnection(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{Rate: 1, Burst: 20})
	for name, test := range map[string]struct {
		send  func(c *client)
		close int
	}{
		"too big":    {func(c *client) { c.say(strings.Repeat(" ", ws.MaxMessage+1)) }, 1009},
		"binary":     {func(c *client) { _ = c.WriteMessage(websocket.BinaryMessage, []byte("{}")) }, 1003},
		"not UTF-8":  {func(c *client) { c.say("\"\xff\"") }, 1007},
		"not masked": {func(c *client) { _, _ = c.NetConn().Write([]byte{0x81, 2, '{', '}'}) }, 1002},
		// So many at once that they are too fast even for a machine that takes its time.
		"too fast":       {func(c *client) { c.flood("\x81\x82\x00\x00\x00\x00{}") }, 4004},
		"pings too fast": {func(c *client) { c.flood("\x89\x80\x00\x00\x00\x00") }, 4004},
		"leaving": {func(c *client) {
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Time{})
		}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.connect(t, "7", nil)
			test.send(c)
			if got := c.closed(); got != test.close {
				t.Errorf("closed with %d, want %d", got, test.close)
			}
		})
	}
}

func TestAFrameAtTheLimitIsServed(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{})
	c := s.connect(t, "7", nil)
	call := `{"jsonrpc":"2.0","id":2,"method":"unread"}`
	c.say(call + strings.Repeat(" ", ws.MaxMessage-len(call)))
	if got := c.reply(); got.Error != nil || string(got.ID) != "2" {
		t.Errorf("%+v", got)
	}
}

func TestPingsAreAnswered(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{})
	c := s.connect(t, "7", nil)
	pong := make(chan string, 1)
	c.SetPongHandler(func(data string) error { pong <- data; return errors.New("seen") })
	_ = c.WriteControl(websocket.PingMessage, []byte("hello"), time.Time{})
	_, _, _ = c.ReadMessage()
	select {
	case data := <-pong:
		if data != "hello" {
			t.Errorf("pong %q", data)
		}
	default:
		t.Error("no pong")
	}
}

func TestHeartbeatsCarryAPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{Heartbeat: time.Second}, ws.Options{})
		c := s.connect(t, "7", nil)
		if m := c.await("heartbeat"); string(m.Params) != "{}" {
			t.Errorf("%+v", m)
		}
		for range 4 { // beyond the time after which a client that says nothing is gone
			c.await("heartbeat")
		}
	})
}

func TestUpgradesThatAreRefused(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{Origins: gateway.Origins{"https://office.example"}})
	url := "ws" + strings.TrimPrefix(s.URL, "http")
	host := strings.TrimPrefix(s.URL, "http://")
	for _, test := range []struct {
		header http.Header
		status int
	}{
		{http.Header{}, 101},
		{http.Header{"Origin": {s.URL}}, 101},
		{http.Header{"Origin": {"https://office.example"}}, 101},
		{http.Header{"Origin": {"https://evil.example"}}, 403},
		{http.Header{"Origin": {"null"}}, 403},
		{http.Header{"Origin": {"https://" + host + ".evil.example"}}, 403},
		{http.Header{"Sec-WebSocket-Protocol": {"other"}}, 400},
		{http.Header{"Sec-WebSocket-Protocol": {"other, " + ws.Subprotocol}}, 101},
		{http.Header{"Sec-WebSocket-Protocol": {"v12.stomp"}}, 400},
	} {
		conn, answer, err := websocket.DefaultDialer.Dial(url, test.header)
		if answer == nil {
			t.Fatalf("%v: %v", test.header, err)
		}
		if answer.StatusCode != test.status {
			t.Errorf("%v: %d, want %d", test.header, answer.StatusCode, test.status)
		}
		if err == nil {
			_ = conn.Close()
		} else if got := answer.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%v: %s", test.header, got)
		}
	}
	if err := s.gateway.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	_, answer, _ := websocket.DefaultDialer.Dial(url, nil)
	if answer == nil || answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("while draining: %+v", answer)
	}
}

func TestCallsOfOneClientAreAnsweredInOrder(t *testing.T) {
	s := serve(t, gateway.Options{}, ws.Options{})
	c := s.connect(t, "7", nil)
	for i := range 90 {
		c.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"unread"}`, i))
	}
	for i := range 90 {
		if got := c.reply(); string(got.ID) != fmt.Sprint(i) {
			t.Fatalf("answer %d is to %s", i, got.ID)
		}
	}
}

func TestAClientThatStopsReadingIsClosedAndResumes(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := serve(t, gateway.Options{WriteTimeout: 200 * time.Millisecond, Metrics: registry}, ws.Options{})
	other := s.connect(t, "8", nil)
	stuck := s.connect(t, "7", nil)
	published := 0
	for slowCloses(t, registry) == 0 {
		if published > 200_000 {
			t.Fatal("not closed")
		}
		s.core.Publish(hub.All, 500)
		published += 500
		for range 500 { // nobody else is held up
			other.await("entry")
		}
	}
	s.core.Publish(hub.All, 1) // which comes too late for it
	published++
	seen := 0
	for {
		_ = stuck.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, raw, err := stuck.ReadMessage()
		var left *websocket.CloseError
		if errors.As(err, &left) && left.Code == 4001 {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var m struct{ Params struct{ Seq int } }
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		if m.Params.Seq > 0 {
			if seen++; m.Params.Seq != seen {
				t.Fatalf("entry %d after %d", m.Params.Seq, seen-1)
			}
		}
	}
	if seen == 0 || seen >= published {
		t.Errorf("%d of %d entries before the close", seen, published)
	}
}

// slowCloses returns how many sessions were closed as slow.
func slowCloses(t *testing.T, registry *prometheus.Registry) int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == "bongsu_gateway_closes_total" && label.GetValue() == "4001" {
					return int(metric.GetCounter().GetValue())
				}
			}
		}
	}
	return 0
}
