package client_test

import (
	"fmt"
	"net/http"
	"testing"

	"bongsu/internal/client"
)

func TestAClientGoesOnAtAnotherNode(t *testing.T) {
	resumed := make(chan string, 1)
	b := newServer(t, func(p *peer) {
		resumed <- p.connect.Token + " " + p.connect.Cursor.String()
		p.accept(41)
		p.entry("mall:1", 42)
		p.wait()
	})
	var a *server
	a = newServer(t, func(p *peer) {
		p.accept(40, a.URL, b.URL)
		p.entry("mall:1", 41)
		p.bye(client.CloseRestarting, "restarting")
	})
	_, ear, _ := follow(t, a.quick())
	ear.hears(t, "connected", "mall:1=41", "lost", "connected", "mall:1=42")
	if got := <-resumed; got != "token mall:1=41" {
		t.Errorf("the other node was told %q", got)
	}
	if a.connections() != 1 {
		t.Errorf("%d connections to the node that went away", a.connections())
	}
}

func TestAClientStaysAtANodeThatOnlyAskedItToComeBack(t *testing.T) {
	b := newServer(t, func(p *peer) { p.accept(0) })
	var a *server
	a = newServer(t, func(p *peer) {
		p.accept(0, a.URL, b.URL)
		p.bye(client.CloseExpired, "token expired")
	}, func(p *peer) {
		p.accept(0, a.URL, b.URL)
		p.wait()
	})
	_, ear, _ := follow(t, a.quick())
	ear.hears(t, "connected", "lost", "connected")
	if a.connections() != 2 || b.connections() != 0 {
		t.Errorf("%d and %d connections, want both to the first node", a.connections(), b.connections())
	}
}

func TestEventsGoOnAtAnotherNode(t *testing.T) {
	b := eventServer(t, func(say func(string), r *http.Request) {
		say("event: connect\ndata: {\"session\":\"s\"}\n\ndata: {\"stream\":\"all\",\"seq\":2}\n\n")
		<-r.Context().Done()
	})
	a := eventServer(t, func(say func(string), _ *http.Request) {
		say(fmt.Sprintf("event: connect\ndata: {\"session\":\"s\",\"nodes\":[\"http://a.invalid\",%q]}\n\n", b.URL))
		say("data: {\"stream\":\"all\",\"seq\":1}\n\n")
	})
	_, ear, _ := follow(t, eventOptions(a))
	ear.hears(t, "connected", "all=1", "lost", "connected", "all=2")
}
