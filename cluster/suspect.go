package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// probes are the waits before each attempt at the address of a member whose
// connection broke: a process that is ending may close its listener last.
var probes = [...]time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond}

// probePatience bounds one such attempt.
const probePatience = 500 * time.Millisecond

// doubts is how many questions a member may leave without an answer.
const doubts = 2

// finding is that a member is dead.
type finding struct {
	id     string
	reason why // for which it is dropped
}

// suspects are the findings that may come of what is being looked at.
type suspects struct {
	mu      sync.Mutex
	pending map[finding]bool
}

// suspect looks, beside, whether the process of a member is gone, because a
// connection to it broke: its address then refuses connections, and there is no need
// to wait until its silence has become certain. It does not block.
func (inc *incarnation) suspect(id string) {
	addr, ok := (*inc.addrs.Load())[id]
	if !ok {
		return
	}
	inc.examine(id, whyRefused, func() bool { return inc.refuses(addr) })
}

// doubt looks, beside, whether a member answers that memberlist takes for dead, and
// what it has in the consumer groups: others may be done with both a little sooner.
func (inc *incarnation) doubt(p peer) {
	began := inc.examine(p.id, whySilent, func() bool {
		for range doubts {
			if inc.gossip.answers(p.id, p.addr) {
				return false
			}
		}
		return true
	})
	if began {
		inc.doubted[p.id] = inc.look(inc.roster.living[p.id].Name)
	}
}

// judge looks, beside, who answers at an address that several members have: the others
// have been replaced. A node answers for its own id only.
func (inc *incarnation) judge(c contest) {
	for _, id := range c.ids {
		inc.examine(id, whyReplaced, func() bool {
			return slices.ContainsFunc(c.ids, func(other string) bool { return other != id && inc.gossip.answers(other, c.addr) })
		})
	}
}

// examine looks, beside, whether a member is dead, and has it dropped if so: once at
// a time for one reason. It reports whether it has begun.
func (inc *incarnation) examine(id string, reason why, dead func() bool) (began bool) {
	possible := finding{id, reason}
	inc.suspects.mu.Lock()
	defer inc.suspects.mu.Unlock()
	if inc.suspects.pending[possible] || inc.life.Err() != nil {
		return false
	}
	inc.suspects.pending[possible] = true
	go func() {
		defer func() {
			inc.suspects.mu.Lock()
			defer inc.suspects.mu.Unlock()
			delete(inc.suspects.pending, possible)
		}()
		if dead() {
			select {
			case inc.found <- possible:
			case <-inc.life.Done():
			}
		}
	}()
	return true
}

// refuses reports whether nobody listens at the address, of a host that is there.
func (inc *incarnation) refuses(addr string) bool {
	for _, wait := range probes {
		select {
		case <-time.After(wait):
		case <-inc.life.Done():
			return false
		}
		ctx, cancel := context.WithTimeout(inc.life, probePatience)
		conn, err := inc.node.opts.network.dial(ctx, addr)
		cancel()
		if errors.Is(err, syscall.ECONNREFUSED) {
			return true
		}
		if err == nil {
			// To memberlist this is a stream that ends before it began: nothing to report.
			_ = memberlist.AddLabelHeaderToStream(conn, label)
			_ = conn.Close()
		}
	}
	return false
}
