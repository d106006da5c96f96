package stomp_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

func TestSubscriptionsBeginBehindTheCursor(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	s.core.Publish(hub.All, 4)
	s.core.Publish("mall:500", 3)
	s.publish(t, `{"type":"NOTICE","targets":["admin:7"],"body":"b","data":{"complexSeq":500}}`)
	s.publish(t, `{"type":"NOTICE","targets":["admin:7"],"body":"b"}`)
	c := s.connect(t, "7 mall:500", "cursor:all=2,mall:500=1,admin:7=0")
	c.say("SUBSCRIBE", "id:u", user, "receipt:1")
	c.hear("RECEIPT")
	heard := map[string]bool{}
	for range 3 {
		f := c.hear("MESSAGE")
		heard[f.Header.Get("message-id")] = true
	}
	if !heard["all-3"] || !heard["all-4"] || !heard["admin.7-2"] {
		t.Fatalf("heard %v", heard)
	}
	c.say("SUBSCRIBE", "id:m", mall)
	clear(heard)
	for range 3 {
		f := c.hear("MESSAGE")
		if f.Header.Get("subscription") != "m" {
			t.Errorf("to %s again", f.Header.Get("subscription"))
		}
		heard[f.Header.Get("message-id")] = true
	}
	if !heard["mall.500-2"] || !heard["mall.500-3"] || !heard["admin.7-1"] {
		t.Fatalf("heard %v", heard)
	}
	// A second subscription to a destination begins now.
	c.say("SUBSCRIBE", "id:n", mall, "receipt:2")
	c.hear("RECEIPT")
	s.core.Publish("mall:500", 1)
	c.hears("m mall:500 4", "n mall:500 4")
}

func TestWithoutACursorThePersonsLastPlaceCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := &memory{}
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{}, stomp.Options{Places: places})
		c := s.connect(t, "7 mall:500")
		c.say("SUBSCRIBE", "id:u", user, "receipt:1")
		c.hear("RECEIPT")
		s.core.Publish(hub.All, 2)
		c.hears("u all 1", "u all 2")
		c.leave()
		places.end(t, 1)
		s.core.Publish(hub.All, 1)
		s.core.Publish("mall:500", 1)

		c = s.connect(t, "7 mall:500")
		c.say("SUBSCRIBE", "id:u", user)
		c.hears("u all 3")
		c.say("SUBSCRIBE", "id:m", mall)
		c.hears("m mall:500 1")
		c.say("DISCONNECT")
		places.end(t, 2)
		if got := places.places[1].String(); got != "admin:7=0,all=3,mall:500=1" {
			t.Errorf("ended at %s", got)
		}
		if len(places.open) != 0 {
			t.Errorf("%d sessions are open", len(places.open))
		}
	})
}

// What was written to a connection before it broke may not have arrived: what the
// page has not answered for is sent again.
func TestWhatABrokenConnectionMayHaveLostIsSentAgain(t *testing.T) {
	places := &memory{}
	s := serve(t, gateway.Options{}, stomp.Options{Places: places})
	c := s.connect(t, "7")
	c.say("SUBSCRIBE", "id:u", user, "receipt:1")
	c.hear("RECEIPT")
	s.core.Publish(hub.All, 1)
	c.hears("u all 1")
	go func() { _, _ = c.next() }() // it answers the ping behind the entry
	places.stands(t, "admin:7=0,all=1")
	s.core.Publish(hub.All, 2) // at once: no further ping is due
	_ = c.Close()
	places.end(t, 1)
	c = s.connect(t, "7")
	c.say("SUBSCRIBE", "id:u", user)
	c.hears("u all 2", "u all 3")
}

// A script closes its connection when it misses heart-beats, and is given nothing
// from then on.
func TestWhatAScriptThatClosesMayHaveMissedIsSentAgain(t *testing.T) {
	places := &memory{}
	s := serve(t, gateway.Options{}, stomp.Options{Places: places})
	c := s.connect(t, "7")
	c.say("SUBSCRIBE", "id:u", user, "receipt:1")
	c.hear("RECEIPT")
	s.core.Publish(hub.All, 1)
	places.moved(t)
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, ""), time.Time{})
	places.end(t, 1)
	c = s.connect(t, "7")
	c.say("SUBSCRIBE", "id:u", user)
	c.hears("u all 1")
}

// A notification in the person's own stream is of a mall to which the page has not
// subscribed yet when it is left.
func TestWhatNoSubscriptionHasTakenIsHeldForTheNextPage(t *testing.T) {
	places := &memory{}
	s := serve(t, gateway.Options{}, stomp.Options{Places: places})
	c := s.connect(t, "7 mall:500")
	c.say("SUBSCRIBE", "id:u", user, "receipt:1")
	c.hear("RECEIPT")
	s.publish(t, `{"type":"NOTICE","targets":["admin:7"],"body":"b","data":{"complexSeq":500}}`)
	s.publish(t, `{"type":"NOTICE","targets":["admin:7"],"body":"b"}`)
	c.hears("u admin:7 2")
	c.leave()
	places.end(t, 1)
	c = s.connect(t, "7 mall:500")
	c.say("SUBSCRIBE", "id:u", user)
	c.hears("u admin:7 2") // once more
	c.say("SUBSCRIBE", "id:m", mall)
	c.hears("m admin:7 1")
}

// every does something again and again until stop is called.
func every(pause time.Duration, do func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				do()
			}
		}
	}()
	return func() { close(done) }
}

// Pages do not see the pings by which they are asked, and close what is silent.
func TestEntriesOfNoSubscriptionDoNotKeepHeartbeatsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := &memory{}
		s := serveBy(t, gatewaytest.InMemory, gateway.Options{Heartbeat: time.Second}, stomp.Options{Places: places})
		c := s.connect(t, "7 mall:500 mall:501", "heart-beat:1000,1000")
		c.say("SUBSCRIBE", "id:m", mall, "receipt:1")
		c.hear("RECEIPT")
		defer every(100*time.Millisecond, func() {
			s.core.Publish("mall:501", 1)
			places.ask()
		})()
		for range 2 {
			if message, err := c.next(); err != nil || string(message) != "\n" {
				t.Fatalf("%q, %v", message, err)
			}
		}
	})
}

func TestAQuestionIsAHeartbeatForThePage(t *testing.T) {
	places := &memory{}
	s := serve(t, gateway.Options{}, stomp.Options{Places: places})
	c := s.connect(t, "7", "heart-beat:1000,1000")
	c.say("SUBSCRIBE", "id:u", user)
	s.core.Publish(hub.All, 2) // only the first brings its question along
	c.hears("u all 1", "u all 2")
	defer every(50*time.Millisecond, places.ask)()
	if message, err := c.next(); err != nil || string(message) != "\n" {
		t.Fatalf("%q, %v", message, err)
	}
}

// A page that keeps its own cursor leaves nothing that the person's next page
// would be given again.
func TestACursorUsesUpThePersonsLastPlace(t *testing.T) {
	places := &memory{ended: hub.Cursor{hub.All: 1, "admin:7": 0}}
	s := serve(t, gateway.Options{}, stomp.Options{Places: places})
	s.core.Publish(hub.All, 3)
	c := s.connect(t, "7", "cursor:all=2,admin:7=0")
	c.say("SUBSCRIBE", "id:u", user)
	c.hears("u all 3")
	if at, _ := places.Resume(t.Context(), "7", nil); len(at) > 0 {
		t.Errorf("%s is left", at)
	}
}

func TestAPlaceTooFarBackIsNotGoneBackTo(t *testing.T) {
	s := serve(t, gateway.Options{CatchUp: 2}, stomp.Options{})
	s.core.Publish(hub.All, 9)
	c := s.connect(t, "7", "cursor:all=1,admin:7=0")
	c.say("SUBSCRIBE", "id:u", user, "receipt:1")
	c.hear("RECEIPT")
	s.core.Publish(hub.All, 1)
	c.hears("u all 10")
}

func TestAPlaceIsKeptWhenTheSessionCannotOpen(t *testing.T) {
	places := &memory{ended: hub.Cursor{hub.All: 1}}
	s := serve(t, gateway.Options{}, stomp.Options{Places: places})
	refuse := true
	s.core.RefusePerson = func() error {
		if refuse {
			return hub.Unavailablef("away")
		}
		return nil
	}
	s.core.Publish(hub.All, 2)
	c := s.dial(t)
	c.say("CONNECT", "Authorization:7")
	if _, code := c.expelled(); code != gateway.CloseRestarting.Code() {
		t.Fatalf("closed with %d", code)
	}
	refuse = false
	c = s.connect(t, "7")
	c.say("SUBSCRIBE", "id:u", user)
	c.hears("u all 2")
}

// Subscriptions come and go back while entries are pushed: each is given every
// entry after its beginning, once and in order.
func TestNothingIsMissedOrDoubledWhileEntriesArePushed(t *testing.T) {
	const before, during = 50, 200
	s := serve(t, gateway.Options{}, stomp.Options{})
	s.core.Publish(hub.All, before)
	s.core.Publish("mall:500", before)
	c := s.connect(t, "7 mall:500", "cursor:all=0,admin:7=0,mall:500=0")
	pushed := make(chan struct{})
	go func() {
		defer close(pushed)
		for range during {
			s.core.Publish(hub.All, 1)
			s.core.Publish("mall:500", 1)
		}
	}()
	c.say("SUBSCRIBE", "id:u", user)
	c.say("SUBSCRIBE", "id:m", mall)
	last := map[string]uint64{}
	for last["u"] < before+during || last["m"] < before+during {
		h := c.hear("MESSAGE").Header
		seq, err := strconv.ParseUint(h.Get("bongsu-seq"), 10, 64)
		if id := h.Get("subscription"); err != nil || seq != last[id]+1 {
			t.Fatalf("%s got %d after %d: %v", id, seq, last[id], err)
		}
		last[h.Get("subscription")]++
	}
	<-pushed
}
