package simulate

import (
	"slices"
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// hopes reports whether a better answer may come than one of an owner that is not
// certain.
func (f *feed) hopes() bool {
	now := f.gateway.node.world.now
	if f.hoping == never {
		f.hoping = now
	}
	return now-f.hoping < catchup.HopeFor
}

// hope waits while the client has seen more of a stream than the node knows of, and the
// owner has not said for certain that there is no more.
func (g *gateway) hope(feeds []*feed, cursor hub.Cursor, then func()) {
	n := g.node
	began := n.world.now
	for _, f := range feeds {
		if f.behind(cursor[f.stream]) {
			f.rules.Doubt()
			f.show()
		}
	}
	var look func()
	look = func() {
		vague := slices.ContainsFunc(feeds, func(f *feed) bool { return f.behind(cursor[f.stream]) && !f.rules.Sure() })
		if vague && n.world.now-began < g.patience() {
			n.after(catchup.HopeAgain, "hope", look)
			return
		}
		for _, f := range feeds {
			f.checkTold(cursor[f.stream], n.world.now-began)
		}
		then()
	}
	look()
}

// behind reports whether the client has seen more than the node knows of.
func (f *feed) behind(seen uint64) bool { return seen > f.shown.Head() }

// lags reports whether the rightful owner of a stream knows of less than has been seen:
// it has not come to reading the rest of the journal, while another that was cut off did.
func (c *cluster) lags(stream hub.Stream, seen uint64) bool {
	shard := stream.Shard(int32(len(c.journal.logs)))
	owner := c.ownerOf(shard)
	if owner == nil {
		return false
	}
	a := owner.host.shards[shard].actors[stream]
	return a == nil || a.state.Head().Seq < seen
}

// checkTold judges the head that a client is about to be told, which has seen a seq. It
// may be behind that only if the owner lags, and what the client has seen may have to do
// only if nobody who is certain could be asked for long.
func (f *feed) checkTold(seen uint64, waited time.Duration) {
	n := f.gateway.node
	head := f.tells(seen)
	switch {
	case head < seen && f.rules.Sure() && n.cluster.lags(f.stream, seen):
		n.world.tracef("%s: takes the head of an owner that lags for that of %s", n.id, f.stream)
	case head < seen:
		n.world.violate("%s: tells a client that %s stands at %d, which has seen %d", n.id, f.stream, head, seen)
	case f.behind(seen) && !f.rules.Sure() && waited < catchup.HopeFor:
		n.world.violate("%s: waits only %s for where %s stands, of which a client has seen %d", n.id, waited, f.stream, seen)
	case f.behind(seen):
		n.world.seen.HeadsBehind++
	}
}
