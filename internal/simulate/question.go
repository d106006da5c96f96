package simulate

import (
	"slices"
	"time"

	"bongsu/internal/hub"
)

// pending is an owner's answer to which entries may not be in the timeline yet.
type pending struct {
	entries []*hub.Entry
	must    uint64 // what the answer and the timeline must have together
}

const (
	listPatience = 5 * time.Second
	listPage     = 20
)

// pending answers for the shard's actors, once.
func (h *host) pending(stream hub.Stream, reply func(pending, bool)) {
	a := h.activate(stream)
	if a == nil {
		reply(pending{}, false)
		return
	}
	owed := h.owes(h.process, stream)
	a.ask(func(ok bool) {
		if !ok {
			reply(pending{}, false)
			return
		}
		h.answered(h.process, stream, a.state.Head().Seq, owed)
		entries, _ := a.state.Since(a.storedSeq)
		reply(pending{slices.Clone(entries), a.state.Head().Seq}, true)
	})
}

// pending asks the stream's owner for what may not be in the timeline yet.
func (n *node) pending(stream hub.Stream, patience time.Duration, done func(pending, bool)) {
	var got pending
	n.route(stream, patience, func(owner string, ok func(bool)) {
		if owner == n.id {
			n.host.pending(stream, func(p pending, found bool) {
				got = p
				ok(found)
			})
			return
		}
		n.reach(owner, "pending", func(at *node, reply func(any)) {
			at.host.pending(stream, func(p pending, found bool) {
				if found {
					reply(p)
				} else {
					reply(nil)
				}
			})
		}, func(answer any, found bool) {
			p, is := answer.(pending)
			got = p
			ok(found && is)
		})
	}, func(ok bool) { done(got, ok) })
}

// list is a page of a stream's newest entries: those that are not stored yet, and
// then those that are.
func (n *node) list(stream hub.Stream) {
	n.pending(stream, listPatience, func(p pending, ok bool) {
		if !ok {
			return
		}
		n.cluster.timeline.newest(n.process, stream, listPage, func(page []*hub.Entry, err error) {
			if err == nil {
				n.checkPage(stream, p, page)
			}
		})
	})
}

// checkPage says that a list has everything that its owner knew, newest first and
// without a hole.
func (n *node) checkPage(stream hub.Stream, p pending, page []*hub.Entry) {
	n.world.seen.Lists++
	page = append(page, p.entries...)
	n.cluster.checkEntries(n, page)
	slices.SortFunc(page, func(a, b *hub.Entry) int { return int(int64(b.Seq) - int64(a.Seq)) })
	page = slices.CompactFunc(page, func(a, b *hub.Entry) bool { return a.Seq == b.Seq })
	page = page[:min(len(page), listPage)]
	if want := int(min(p.must, listPage)); len(page) < want || len(page) > 0 && page[0].Seq < p.must {
		n.world.violate("%s: lists %d entries of %s, and the owner knows %d", n.id, len(page), stream, p.must)
		return
	}
	for i, entry := range page {
		if entry.Seq != page[0].Seq-uint64(i) {
			n.world.violate("%s: a list of %s has seq %d in place of %d", n.id, stream, entry.Seq, page[0].Seq-uint64(i))
			return
		}
	}
}

// look has the client look at a list now and then.
func (c *client) look() {
	w := c.cluster.world
	w.after(w.between(0, 2*c.cluster.plan.look), func() {
		if n := c.node; n != nil && !c.away {
			stream := c.streams[w.rng.IntN(len(c.streams))]
			n.act("list", func() { n.list(stream) })
		}
		c.look()
	})
}
