package gateway_test

import (
	"errors"
	"testing"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// prepare prepares a session for the person's id without a token.
func prepare(t *testing.T, g *gateway.Gateway, id string) *gateway.Ticket {
	t.Helper()
	ticket, err := g.Prepare(t.Context(), &hub.Principal{Admin: id, Anonymous: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// full reports whether the person's id may open no session without a token.
func full(t *testing.T, g *gateway.Gateway, id string) bool {
	t.Helper()
	ticket := prepare(t, g, id)
	defer ticket.Release()
	return ticket.Full()
}

// visit opens a session for the person's id without a token. No other may be
// closing meanwhile.
func visit(t *testing.T, g *gateway.Gateway, id string) (*client, error) {
	t.Helper()
	ticket := prepare(t, g, id)
	defer ticket.Release()
	full := ticket.Full()
	c := dial(t, g, false)
	err := c.session.Open(ticket, nil, welcomeLine)
	if full != errors.Is(err, gateway.ErrTooManySessions) {
		t.Errorf("full before: %v, and then %v", full, err)
	}
	if err != nil {
		c.session.Close(gateway.CloseOf(err))
		<-c.ended
	}
	return c, err
}

// visits opens as many as there may be and returns them.
func visits(t *testing.T, g *gateway.Gateway, id string) (in []*client) {
	t.Helper()
	for {
		c, err := visit(t, g, id)
		if err != nil {
			return in
		}
		if in = append(in, c); len(in) > 1000 {
			t.Fatal("there is no limit")
		}
	}
}

func TestAnonymousSessionsTakeNoSeatOfThePerson(t *testing.T) {
	g, core := start(t, gateway.Options{PersonSessions: 2})
	if in := visits(t, g, "7"); len(in) != 2 {
		t.Errorf("%d anonymous sessions of one id", len(in))
	}
	one, two := connect(t, g, "7", nil), connect(t, g, "7", nil)
	if err := dial(t, g, false).open("7", nil); !errors.Is(err, gateway.ErrTooManySessions) {
		t.Errorf("the person's third session: %v", err)
	}
	core.Publish("admin:7", 1)
	one.await(t, "entry admin:7 1")
	two.await(t, "entry admin:7 1")
}

func TestThePersonsSessionsTakeNoAnonymousSeat(t *testing.T) {
	g, core := start(t, gateway.Options{PersonSessions: 1})
	connect(t, g, "7", nil)
	c, err := visit(t, g, "7")
	if err != nil {
		t.Fatal(err)
	}
	core.Publish("admin:7", 1)
	c.await(t, "entry admin:7 1")
}

// However many ids they use.
func TestAnonymousSessionsLeaveRoomOnTheNode(t *testing.T) {
	g, _ := start(t, gateway.Options{Sessions: 100, AnonymousSessions: 3, PersonSessions: 2})
	in := append(visits(t, g, "7"), visits(t, g, "8")...)
	if len(in) != 3 {
		t.Errorf("%d anonymous sessions", len(in))
	}
	connect(t, g, "8", nil)
	in[0].session.Close(gateway.CloseNormal)
	<-in[0].ended
	for full(t, g, "9") { // until the session is forgotten
	}
	if in := visits(t, g, "9"); len(in) != 1 {
		t.Errorf("%d anonymous sessions where one had ended", len(in))
	}
}

func TestAnAnonymousSessionLeavesNoMark(t *testing.T) {
	g, core := start(t, gateway.Options{})
	core.RefusePerson = func() error { return errors.New("first marks would be journaled") }
	if _, err := visit(t, g, "7"); err != nil {
		t.Fatal(err)
	}
}

// Its first connection is the person's, whoever has looked before, and whatever has
// become of the stream's owner meanwhile.
func TestTheFirstMarkIsThePersonsOwn(t *testing.T) {
	g, core := start(t, gateway.Options{})
	visitor, err := visit(t, g, "7")
	if err != nil {
		t.Fatal(err)
	}
	core.Move("admin:7")
	core.Publish("admin:7", 1)
	visitor.await(t, "entry admin:7 1")
	core.Publish(hub.All, 5)
	c := connect(t, g, "7", nil)
	if got := c.await(t, "welcome"); got != "welcome 7 unread 1 at admin:7=1,all=5" {
		t.Errorf("got %q", got)
	}
}
