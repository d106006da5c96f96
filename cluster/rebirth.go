package cluster

import (
	"crypto/rand"
	"time"
)

const (
	// rebirthPause is the least time between two lives: the others have to see one
	// end before they see the next begin.
	rebirthPause = 200 * time.Millisecond
	// rebirthMost is the most: each rebirth moves shards about, twice, and a node that
	// can be heard and not be reached would have one every few seconds. The time
	// doubles with every life that is over within rebirthCalm.
	rebirthMost = 5 * time.Second
	rebirthCalm = 20 * time.Second
	// rebirthRetry is the wait after a life that could not begin.
	rebirthRetry = 500 * time.Millisecond
)

// idLen is the length of an actor system's own id, and of those of later lives.
const idLen = 22

// birth asks for a new life after the one that another node dropped.
type birth struct {
	after *incarnation
	why   verdict
}

// damping is how a node's rebirths become rarer. The zero damping is ready for use.
type damping struct {
	pause time.Duration // before the last rebirth
	until time.Time     // when that was over
}

// next returns how long a node that is to be reborn has to wait.
func (d *damping) next(now time.Time) time.Duration {
	if now.Sub(d.until) > rebirthCalm {
		d.pause = 0
	}
	d.pause = min(max(2*d.pause, rebirthPause), rebirthMost)
	d.until = now.Add(d.pause)
	return d.pause
}

// bear asks for a new life; it does not block.
func (n *Node) bear(inc *incarnation, why verdict) {
	select {
	case n.births <- birth{inc, why}:
	default:
	}
}

// attend gives the node a new life whenever one is asked for.
func (n *Node) attend() {
	var damping damping
	for {
		select {
		case <-n.life.Done():
			return
		case b := <-n.births:
			if b.after == n.present.Load() {
				n.reborn(b, damping.next(time.Now()))
			}
		}
	}
}

// reborn ends a life that others have dropped, with all its actors, and begins
// another after the pause. What the shards' new owners do meanwhile is not disturbed:
// nothing of the old life goes out any more.
func (n *Node) reborn(b birth, pause time.Duration) {
	begun := time.Now()
	n.metrics.rebirths.Inc()
	n.log.Warn("other members had dropped this node: it lets go of everything and joins again under a new id",
		"id", b.after.id, "told_by", b.why.From, "in", pause)
	if n.opts.Withdraw != nil {
		n.opts.Withdraw()
	}
	n.owner.LetGo()
	b.after.leave(rebirthPause)
	b.after.stop()
	if !sleep(n.life, pause-time.Since(begun)) {
		return
	}
	for {
		inc, err := n.incarnate(rand.Text()[:idLen])
		if err == nil {
			n.present.Store(inc)
			inc.join(n.life, map[string]bool{inc.gossip.addr(): true}, addrsOf(b.after))
			n.log.Info("this node joined again", "id", inc.id)
			break
		}
		n.log.Error("this node cannot join again yet", "err", err)
		if !sleep(n.life, rebirthRetry) {
			return
		}
	}
	if n.opts.Rejoin != nil {
		n.opts.Rejoin()
	}
}

// addrsOf returns where memberlist had the members in a life.
func addrsOf(inc *incarnation) []string {
	known := *inc.addrs.Load()
	addrs := make([]string, 0, len(known))
	for _, addr := range known {
		addrs = append(addrs, addr)
	}
	return addrs
}
