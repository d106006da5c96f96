package cluster

import (
	"context"
	"time"
)

const (
	// evictionStep is how much longer each node waits than the one before it, by id:
	// one of them removes a dead node, and if that one died as well the next does.
	evictionStep = 300 * time.Millisecond
	// evictionRanks is how many nodes would do it. After them it is left to the
	// group's session time-out.
	evictionRanks = 5
	// evictionPatience bounds one try, evictionTries how many there are.
	evictionPatience = 5 * time.Second
	evictionTries    = 3
)

// evict has a dead member removed from the consumer groups, so that its shards get
// a new owner now. A wrong verdict costs a rebalance; a node that is likely cut
// off itself removes nobody.
func (inc *incarnation) evict(g gone) {
	n := inc.node
	rank := inc.roster.rank()
	switch {
	case n.opts.Evict == nil, rank >= evictionRanks:
		return
	case !g.why.certain() && inc.roster.minority():
		inc.log.Warn("most members are out of sight: this node may be cut off, and leaves their shards alone")
		return
	}
	n.evicting.Go(func() { // not waited for at the end of this life: a try may not heed it
		if !sleep(inc.life, time.Duration(rank)*evictionStep) {
			return
		}
		for range evictionTries {
			if inc.succeeded(g, rank) {
				return
			}
			ctx, cancel := context.WithTimeout(inc.life, evictionPatience)
			err := n.opts.Evict(ctx, g.Name)
			cancel()
			if err == nil {
				n.metrics.evictions.WithLabelValues("done").Inc()
				inc.log.Info("a dead member was removed from the consumer groups", "member", g.Name)
				return
			}
			n.metrics.evictions.WithLabelValues("failed").Inc()
			inc.log.Warn("a dead member could not be removed from the consumer groups", "member", g.Name, "err", err)
			if !sleep(inc.life, evictionStep) {
				return
			}
		}
	})
}

// succeeded reports whether there is nothing to do any more: a node of this name
// is back, which saw to its predecessor itself, or another has the shards already.
func (inc *incarnation) succeeded(g gone, rank int) bool {
	current := inc.view.Load()
	for _, a := range current.Members() {
		if a.Name == g.Name {
			return true
		}
	}
	if rank == 0 {
		return false
	}
	for _, shard := range g.Shards.List() {
		if _, ok := current.Owner(shard); !ok {
			return false
		}
	}
	return true
}
