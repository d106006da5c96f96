package client

import (
	"errors"
	"slices"
	"testing"

	"bongsu/internal/hub"
)

var errBroken = hub.Unavailablef("broken")

// visits leaves so many nodes, one after another, and returns where it went.
func visits(n *nodes, times int) (at []string, promptly []bool) {
	for range times {
		promptly = append(promptly, n.leave(errBroken))
		at = append(at, n.current)
	}
	return at, promptly
}

func TestWithoutOtherNodesTheHomeIsTriedAgain(t *testing.T) {
	n := newNodes("ws://a/ws", false)
	at, promptly := visits(n, 2)
	if !slices.Equal(at, []string{"ws://a/ws", "ws://a/ws"}) || slices.Contains(promptly, true) {
		t.Fatalf("went to %v, at once: %v", at, promptly)
	}
}

func TestEachOtherNodeIsTriedOnceBeforeAnyAgain(t *testing.T) {
	for range 20 { // the order is random
		n := newNodes("ws://a/ws", false)
		n.learn([]string{"http://a", "http://b", "http://c"})
		at, promptly := visits(n, 6)
		if !slices.Equal(promptly, []bool{true, true, false, false, false, false}) {
			t.Fatalf("at once: %v", promptly)
		}
		if at[0] == at[1] || at[0] == "ws://a/ws" || at[1] == "ws://a/ws" || at[2] != "ws://a/ws" {
			t.Fatalf("went to %v", at)
		}
		for i := 1; i < len(at); i++ {
			if at[i] == at[i-1] {
				t.Fatalf("went to %v: twice to the same", at)
			}
		}
	}
}

func TestTheClientsOfADeadNodeSpreadOverTheOthers(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		n := newNodes("ws://a/ws", false)
		n.learn([]string{"http://a", "http://b", "http://c", "http://d"})
		n.leave(errBroken)
		seen[n.current] = true
	}
	if len(seen) != 3 || seen["ws://a/ws"] {
		t.Fatalf("went to %v", seen)
	}
}

func TestTheHomeComesFirstUnlessItIsANodeThatIsGone(t *testing.T) {
	n := newNodes("ws://a/ws", false)
	n.learn([]string{"http://a", "http://b", "http://c"})
	n.current = "ws://b/ws"
	n.learn([]string{"http://b", "http://c", "http://a"})
	if n.leave(errBroken); n.current != "ws://a/ws" {
		t.Errorf("went to %s, want the home", n.current)
	}
	n.current = "ws://b/ws"
	n.lasted()
	n.learn([]string{"http://b", "http://c"})
	if n.leave(errBroken); n.current != "ws://c/ws" {
		t.Errorf("went to %s, want the node that lives", n.current)
	}
	if n.leave(errBroken); n.current != "ws://a/ws" {
		t.Errorf("went to %s, want the home at last", n.current)
	}
}

func TestABalancerComesFirst(t *testing.T) {
	n := newNodes("wss://hub/ws", false)
	n.learn([]string{"https://a", "https://b"})
	if n.leave(errBroken); n.current != "wss://b/ws" {
		t.Fatalf("went to %s: the node behind the balancer has failed, and the balancer with it", n.current)
	}
	n.lasted()
	if n.leave(errBroken); n.current != "wss://hub/ws" {
		t.Fatalf("went to %s", n.current)
	}
}

func TestAClientStaysWhereTheNodeIsNotToBlame(t *testing.T) {
	n := newNodes("ws://a/ws", false)
	n.learn([]string{"http://a", "http://b"})
	for _, err := range []error{
		&Closed{Code: CloseSlow}, &Closed{Code: CloseExpired}, &Closed{Code: CloseTooFast},
		errors.Join(errNoToken, errors.New("the issuer is away")),
	} {
		if n.leave(err) || n.current != "ws://a/ws" {
			t.Errorf("after %v it went to %s", err, n.current)
		}
	}
	if !n.leave(&Closed{Code: CloseRestarting}) || n.current != "ws://b/ws" {
		t.Errorf("after a restart it went to %s", n.current)
	}
}

func TestOnlyPlainHTTPAddressesAreNodes(t *testing.T) {
	bad := []string{
		"ftp://x", "ws://x", "javascript:alert(1)", "//x", "x", "", "http://", "http://user:pw@x",
		"http://x/elsewhere", "http://x?to=y", "http://a b", "http://x:port",
	}
	n := newNodes("ws://a/ws", false)
	n.learn(append(bad, "http://b", "https://c/"))
	if !slices.Equal(n.named, []string{"ws://b/ws", "wss://c/ws"}) {
		t.Errorf("learned %q", n.named)
	}
	n = newNodes("wss://a/ws", false)
	n.learn([]string{"http://b", "https://c"})
	if !slices.Equal(n.named, []string{"wss://c/ws"}) {
		t.Errorf("over TLS it learned %q", n.named)
	}
	n = newNodes("http://a/notifications", true)
	n.learn([]string{"http://b"})
	if !slices.Equal(n.named, []string{"http://b/notifications"}) {
		t.Errorf("for SSE it learned %q", n.named)
	}
	n.learn(slices.Repeat([]string{"http://b"}, 1000))
	if len(n.named) != maxNodes {
		t.Errorf("learned %d nodes", len(n.named))
	}
}
