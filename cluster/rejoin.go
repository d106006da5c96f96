package cluster

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// rejoining is the period at which seeds and lost members are tried, so that a
	// cluster that was split becomes one again.
	rejoining = 3 * time.Second
	// maxLost bounds how many addresses of lost members are tried again. There is no
	// limit of time: a split may outlast all seeds.
	maxLost = 64
)

// known are the addresses where members are, and where they were that went without
// having said so: those may be cut off. It outlasts a life, for so may a split.
type known struct {
	mu     sync.Mutex
	living map[string]bool
	lost   []string // longest ago first
}

// update takes where the living are now, by id, and where those were that left by
// themselves: they need not be looked for.
func (k *known) update(living map[string]string, left []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	here := make(map[string]bool, len(living))
	for _, addr := range living {
		here[addr] = true
	}
	for addr := range k.living {
		if !here[addr] {
			k.lost = append(k.lost, addr)
		}
	}
	k.lost = slices.DeleteFunc(k.lost, func(addr string) bool { return here[addr] || slices.Contains(left, addr) })
	k.lost = slices.Delete(k.lost, 0, max(len(k.lost)-maxLost, 0))
	k.living = here
}

// addrs returns all of them, in no order.
func (k *known) addrs() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.AppendSeq(slices.Clone(k.lost), maps.Keys(k.living))
}

// rejoin joins seeds and members that were lost, again and again.
func (inc *incarnation) rejoin() {
	ticker := time.NewTicker(rejoining)
	defer ticker.Stop()
	for {
		select {
		case <-inc.life.Done():
			return
		case <-ticker.C:
		}
		if inc.leaving.Load() {
			continue
		}
		here := map[string]bool{inc.gossip.addr(): true}
		for _, addr := range *inc.addrs.Load() {
			here[addr] = true
		}
		inc.join(inc.life, here, inc.node.known.addrs())
	}
}

// join joins the seeds, and further addresses, that are not among those here. It
// returns how many it reached.
func (inc *incarnation) join(ctx context.Context, here map[string]bool, further []string) int {
	ctx, cancel := context.WithTimeout(ctx, gossipPatience)
	defer cancel()
	addrs, err := resolve(ctx, inc.node.opts.Join, inc.port)
	if err != nil {
		inc.log.Debug("seeds cannot be found", "err", err)
	}
	tried := maps.Clone(here)
	addrs = slices.DeleteFunc(append(addrs, further...), func(addr string) bool { // seeds stay the first
		before := tried[addr]
		tried[addr] = true
		return before
	})
	return inc.gossip.join(addrs)
}
