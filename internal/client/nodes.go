package client

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// maxNodes is how many nodes a client remembers; a hub that names more is cut short.
const maxNodes = 64

// nodes are the addresses at which a client can connect: the one it was given, its
// home, and those of the other nodes, as the newest connect named them. Only these
// are ever told a token. It is used by one goroutine at a time.
type nodes struct {
	home    string
	sse     bool
	named   []string // in the hub's order: the connected node first
	namedAt string   // where they were named
	isNode  bool     // home was named once: it is a node, not a balancer before them
	current string
	failed  map[string]bool // since the last connection that lasted
	rounds  int             // how often all have failed since then
}

func newNodes(home string, sse bool) *nodes {
	return &nodes{home: home, sse: sse, current: home, failed: make(map[string]bool)}
}

// learn takes what a connect named. Whatever is not a plain http or https address
// is left out, and so is one without TLS if the present connection has it: a token
// must not go out in clear because a hub is badly configured.
func (n *nodes) learn(urls []string) {
	n.named, n.namedAt = nil, n.current
	for _, raw := range urls {
		if len(n.named) == maxNodes {
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
			continue
		}
		address, err := endpoint(raw, n.sse)
		if err == nil && (secure(address) || !secure(n.current)) {
			n.named = append(n.named, address)
			n.isNode = n.isNode || address == n.home
		}
	}
}

func secure(address string) bool {
	return strings.HasPrefix(address, "wss:") || strings.HasPrefix(address, "https:")
}

// lasted forgets old failures: the connection has proved itself.
func (n *nodes) lasted() {
	clear(n.failed)
	n.rounds = 0
}

// leave decides where to connect next after err. It reports whether that is a node
// that has not failed yet, which may be tried at once.
func (n *nodes) leave(err error) bool {
	if !blamesNode(err) {
		return false
	}
	n.failed[n.current] = true
	if len(n.named) > 0 && n.current == n.namedAt {
		n.failed[n.named[0]] = true // behind a balancer, under its own address too
	}
	if next := n.untried(); next != "" {
		n.current = next
		return n.rounds == 0
	}
	clear(n.failed)
	n.rounds++
	n.failed[n.current] = true // not the same again, if there is another
	if next := n.untried(); next != "" {
		n.current = next
	}
	return false
}

// untried returns the home, unless it is a node that the others miss, or else any
// other address that has not failed; the home when only that is left, "" if nothing is.
func (n *nodes) untried() string {
	fit := !n.failed[n.home]
	if fit && (!n.isNode || slices.Contains(n.named, n.home)) {
		return n.home
	}
	var left []string
	for _, address := range n.named {
		if !n.failed[address] {
			left = append(left, address)
		}
	}
	switch {
	case len(left) == 0 && fit:
		return n.home
	case len(left) == 0:
		return ""
	}
	return left[rand.N(len(left))] // so that a dead node's clients spread over the others
}

// blamesNode reports whether another node may do better: not where the client
// itself was too slow or too fast, or its token has run out or could not be had.
func blamesNode(err error) bool {
	var closed *Closed
	if errors.As(err, &closed) {
		return closed.Code != CloseSlow && closed.Code != CloseExpired && closed.Code != CloseTooFast
	}
	return !errors.Is(err, errNoToken)
}
