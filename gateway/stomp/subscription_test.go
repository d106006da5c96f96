package stomp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
	"bongsu/gateway/stomp"
)

// A page may name each mall of its token at once, as pages do that find nothing
// wrong with it at the older servers.
func TestAPageMaySubscribeToEveryMallOfItsToken(t *testing.T) {
	const malls = 1000 // that a token may have
	s := serve(t, gateway.Options{}, stomp.Options{})
	token := "7"
	for mall := range malls {
		token += fmt.Sprintf(" mall:%d", mall)
	}
	c := s.connect(t, token)
	c.say("SUBSCRIBE", "id:own", user)
	for mall := range malls {
		c.say("SUBSCRIBE", fmt.Sprintf("id:%d", mall), destinationOf(mall))
	}
	c.say("UNSUBSCRIBE", "id:none", "receipt:all")
	c.hear("RECEIPT")
	for _, mall := range []int{0, 7, 999} {
		s.publish(t, fmt.Sprintf(`{"type":"NOTICE","body":"b","targets":["mall:%d"]}`, mall))
		if got := c.hear("MESSAGE").Header.Get("subscription"); got != fmt.Sprint(mall) {
			t.Errorf("mall %d: to subscription %q", mall, got)
		}
	}
	for i := range stomp.MaxRepeats + 1 {
		c.say("SUBSCRIBE", fmt.Sprintf("id:again%d", i), destinationOf(i))
	}
	if message, code := c.expelled(); code != gateway.CloseProtocol.Code() || !strings.HasPrefix(message, "too many subscriptions") {
		t.Errorf("%q, %d", message, code)
	}
}

func destinationOf(mall int) string {
	return fmt.Sprintf("destination:/topic/notification/complex/%d/user/7", mall)
}

// Whatever a client makes of it: subscriptions beyond those that its token has
// malls for end the session, and repeated ones count.
func TestAThousandSubscriptionsEndTheSession(t *testing.T) {
	s := serve(t, gateway.Options{}, stomp.Options{})
	c := s.connect(t, "7 mall:1 mall:2")
	for id := 0; id < 1000; {
		var some strings.Builder
		for range 500 { // in one message
			fmt.Fprintf(&some, "SUBSCRIBE\nid:%d\n%s\n\n\x00", id, destinationOf(1+id%2))
			id++
		}
		if err := c.WriteMessage(websocket.TextMessage, []byte(some.String())); err != nil {
			t.Fatal(err)
		}
	}
	if message, code := c.expelled(); code != gateway.CloseProtocol.Code() || !strings.HasPrefix(message, "too many subscriptions") {
		t.Errorf("%q, %d", message, code)
	}
}
