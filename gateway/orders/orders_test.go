package orders_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/legacy"
	"bongsu/gateway/orders"
	"bongsu/gateway/sse"
	"bongsu/internal/hub"
)

// site is a server of order alarms.
type site struct {
	url  string
	core *gatewaytest.Core
}

func serve(t *testing.T) site {
	t.Helper()
	g, core := gatewaytest.Start(t, gateway.Options{})
	handler, err := orders.Handler(g, sse.Options{}, "order")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return site{server.URL, core}
}

func (s site) get(t *testing.T, query string, header http.Header) *gatewaytest.Stream {
	t.Helper()
	return gatewaytest.GetStream(t, s.url+query, header)
}

// place publishes an order as the older services do.
func (s site) place(t *testing.T, message string) {
	t.Helper()
	e, err := legacy.Order([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	s.core.PublishEvent(e)
}

func TestAStreamBeginsWithRetryAndConnected(t *testing.T) {
	s := serve(t)
	c := s.get(t, "?mart=1&access_token=7+mall:1", nil)
	if got := c.Answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("%d %s", c.Answer.StatusCode, got)
	}
	if e := c.Next(); e.Retry == "" {
		t.Errorf("first %+v", e)
	}
	if e := c.Next(); e.Name != "connect" || e.Data != "connected" || e.ID != "admin:7=0,all=0,mall:1=0" {
		t.Errorf("second %+v", e)
	}
}

func TestOrdersOfTheMartAreToldInASentence(t *testing.T) {
	s := serve(t)
	c := s.get(t, "?mart=1", http.Header{"Authorization": {"Bearer 7 mall:1 mall:2"}})
	c.Await("connect")
	s.core.Publish(hub.All, 1)
	s.core.Publish("mall:1", 1) // no order
	s.core.PublishEvent(hub.Event{ID: "a", Type: "ORDER_PLACED", Title: "mine", Targets: []hub.Stream{"admin:7"}})
	s.place(t, `{"martId":2,"orderId":76}`)
	s.place(t, `{"martId":1,"orderId":77}`)
	if e := c.Next(); e.Name != "order" || e.Data != "77 주문 발생" {
		t.Errorf("%+v", e)
	}
	s.core.PublishEvent(hub.Event{
		ID: "b", Type: "ORDER_PLACED", Title: "new", Targets: []hub.Stream{"mall:1"}, Data: []byte(`{"orderNo":"2026-1"}`),
	})
	if e := c.Next(); e.Name != "order" || e.Data != "2026-1 주문 발생" {
		t.Errorf("%+v", e)
	}
}

func TestAnOrderNumberCannotForgeEvents(t *testing.T) {
	s := serve(t)
	c := s.get(t, "?mart=1&access_token=7+mall:1", nil)
	c.Await("connect")
	s.core.PublishEvent(hub.Event{
		ID: "a", Type: "ORDER_PLACED", Title: "new", Targets: []hub.Stream{"mall:1"},
		Data: []byte(`{"orderNo":"1\n\nevent: evil\rdata: x\r\n"}`),
	})
	if e := c.Next(); e.Name != "order" || e.Data != "1\n\nevent: evil\ndata: x\n 주문 발생" {
		t.Errorf("%+v", e)
	}
}

func TestAReconnectGetsTheOrdersItMissed(t *testing.T) {
	s := serve(t)
	c := s.get(t, "?mart=1&access_token=7+mall:1", nil)
	seen := c.Await("connect").ID
	_ = c.Answer.Body.Close()
	s.place(t, `{"martId":1,"orderId":78}`)
	s.place(t, `{"martId":1,"orderId":79}`)
	c = s.get(t, "?mart=1&access_token=7+mall:1", http.Header{"Last-Event-Id": {seen}})
	for _, want := range []string{"78 주문 발생", "79 주문 발생"} {
		if e := c.Await("order"); e.Data != want {
			t.Errorf("%+v, want %s", e, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t)
	for _, test := range []struct {
		query  string
		status int
	}{
		{"?access_token=7+mall:1", 400},
		{"?mart=&access_token=7+mall:1", 400},
		{"?mart=1:2&access_token=7+mall:1", 400},
		{"?mart=1", 401},
		{"?mart=1&access_token=bad", 401},
		{"?mart=2&access_token=7+mall:1", 403},
		{"?mart=1&access_token=7+mall:1&lastEventId=x", 400},
	} {
		if c := s.get(t, test.query, nil); c.Answer.StatusCode != test.status {
			t.Errorf("%s: %d, want %d", test.query, c.Answer.StatusCode, test.status)
		}
	}
}

func TestAChannelThatCannotNameAnEventIsRefused(t *testing.T) {
	g, _ := gatewaytest.Start(t, gateway.Options{})
	for _, channel := range []string{"", "order\nid: x", strings.Repeat("\r", 3)} {
		if _, err := orders.Handler(g, sse.Options{}, channel); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%q: %v", channel, err)
		}
	}
}
