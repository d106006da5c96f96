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

// remains is what a node had in the consumer groups when it was looked for.
type remains struct {
	looked chan struct{}
	remove func(context.Context) error // from then on
}

// look looks up what a node has in the consumer groups. That is done before anybody
// removes it: if it lives after all it joins again at once, and what it has then must
// stay, whoever else has found it dead. It does not block.
func (inc *incarnation) look(name string) *remains {
	r := &remains{looked: make(chan struct{})}
	if inc.node.opts.Evict == nil {
		return r
	}
	inc.node.evicting.Go(func() { // not waited for at the end of this life: it may not heed it
		ctx, cancel := context.WithTimeout(inc.life, evictionPatience)
		defer cancel()
		r.remove = inc.node.opts.Evict(ctx, name)
		close(r.looked)
	})
	return r
}

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
	left := inc.doubted[g.ID]
	if left == nil {
		left = inc.look(g.Name)
	}
	n.evicting.Go(func() { // as above
		if !sleep(inc.life, time.Duration(rank)*evictionStep) {
			return
		}
		select {
		case <-left.looked:
		case <-inc.life.Done():
			return
		}
		for range evictionTries {
			if inc.succeeded(g, rank) {
				return
			}
			ctx, cancel := context.WithTimeout(inc.life, evictionPatience)
			err := left.remove(ctx)
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
