package simulate

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// node is one process with everything in it.
type node struct {
	*process
	cluster *cluster
	base    string // the node's name, which stays

	id       string // of this incarnation
	version  uint32
	said     view.Announcement // newest
	peers    map[string]*peer
	dropped  map[string]bool
	view     *view.View
	draining bool

	host     *host
	consumer *consumer
	links    *links
	gateway  *gateway
}

// peer is another node that this one takes for alive.
type peer struct {
	says  view.Announcement
	heard time.Duration
}

const (
	announceEvery = 500 * time.Millisecond
	// dropAfter is how long a peer may be silent before it is found dead.
	dropAfter = 2 * time.Second
	callTime  = 2 * time.Second
	// rebirthPause is how long a node is nobody between two incarnations.
	rebirthPause = 200 * time.Millisecond
)

// cluster is everything that runs, and what the world keeps of what has died.
type cluster struct {
	world    *world
	network  *network
	journal  *journal
	group    *group
	timeline *timeline
	options  Options
	plan     *plan

	clients []*client
	check   *checker
	told    *told
	// pairings are those of a shard and a place that are undisturbed now.
	pairings map[[2]int]pairing
	waited   time.Duration // the longest that a client did while nothing was broken
	mended   bool          // no more faults
	// overlapped says that two nodes have answered for one shard at once.
	overlapped bool

	nodes []*node // by place; nil while there is none
	byID  map[string]*node
	ids   int
}

// start brings a node up, under a fresh id.
func (c *cluster) start(place int) {
	c.ids++
	name := fmt.Sprintf("n%d.%d", place, c.ids)
	p := &process{world: c.world, node: place, name: name}
	n := &node{process: p, cluster: c, base: fmt.Sprintf("n%d", place)}
	p.struck = func(step string) { c.strike(n, step) }
	n.host = newHost(p, c.timeline, len(c.journal.logs), c.options.Mutant)
	n.host.most = c.plan.unflushed
	n.host.changed = n.announce
	n.host.owes, n.host.pushed, n.host.answered = c.owes, c.told.tells, c.answers
	n.consumer = &consumer{process: p, network: c.network, group: c.group, host: n.host, node: n.base, mutant: c.options.Mutant,
		held: map[int32]*claim{}, stuck: map[int32]*claim{}}
	n.host.commit, n.host.fresh = n.consumer.commit, n.consumer.fresh
	n.links = newLinks(n)
	n.gateway = newGateway(n)
	c.nodes[place] = n
	c.world.tracef("%s: started", name)
	n.appear(name)
	n.consumer.join()
	p.every(announceEvery, "announce", n.announce)
	p.every(dropAfter/10, "look", n.look)
	p.every(200*time.Millisecond, "commit", func() { n.host.commitNow(c.world.now, func() {}) })
	p.every(c.plan.sweep, "sweep", n.host.sweep)
	p.every(time.Second, "gateway sweep", n.gateway.sweep)
	p.every(100*time.Millisecond, "links", n.links.tick)
}

// appear begins an incarnation that knows nobody.
func (n *node) appear(id string) {
	n.id, n.version, n.said = id, 0, view.Announcement{}
	n.peers, n.dropped = map[string]*peer{}, map[string]bool{}
	n.cluster.byID[id] = n
	n.announce()
}

// announcement is what the node says of itself.
func (n *node) announcement() view.Announcement {
	a := view.Announcement{ID: n.id, Name: n.base, Addr: n.id, Version: n.version}
	var mine []int32
	for _, s := range n.host.shards {
		if s.answers() {
			mine = append(mine, s.id)
		}
	}
	a.Shards, a.Generation = view.SetOf(mine...), n.host.generation
	return a
}

// announce tells all others what the node owns.
func (n *node) announce() {
	if n.id == "" || n.dead {
		return
	}
	says := n.announcement()
	if !says.Equal(n.said) {
		n.version++
		says.Version = n.version
		n.said = says
	}
	n.see()
	for _, other := range n.cluster.nodes {
		if other == nil || other == n {
			continue
		}
		n.cluster.network.send(n.process, other.process, "announced", func() { other.hear(says) })
	}
}

// hear takes an announcement. One of a node that was found dead is answered with
// that verdict.
func (n *node) hear(says view.Announcement) {
	if n.id == "" {
		return
	}
	if n.dropped[says.ID] {
		n.tell(says.ID)
		return
	}
	p := n.peers[says.ID]
	if p == nil {
		p = &peer{}
		n.peers[says.ID] = p
	}
	p.heard = n.world.now
	if says.Version > p.says.Version {
		p.says = says
		n.see()
	}
}

// tell says to a node that it was dropped.
func (n *node) tell(id string) {
	other := n.cluster.byID[id]
	if other == nil {
		return
	}
	by := n.id
	members, lowest := n.side(id)
	n.cluster.network.send(n.process, other.process, "dropped", func() {
		if other.id == id {
			other.told(by, members, lowest)
		}
	})
}

// told decides what follows from another node's word that it dropped this one.
func (n *node) told(by string, members int, lowest string) {
	mine, least := n.side(by)
	yields := members >= mine
	if n.dropped[by] {
		// Both may see the same third nodes: then their own ids decide.
		yields = cmp.Or(cmp.Compare(members, mine), strings.Compare(least, lowest), strings.Compare(n.id, by)) > 0
	}
	n.world.tracef("%s: was dropped by %s (yields %v)", n.id, by, yields)
	if yields {
		n.reborn()
	} else {
		n.drop(by)
	}
}

// side returns how many members this node sees, without one, and their lowest id.
func (n *node) side(without string) (members int, lowest string) {
	members, lowest = 1, n.id
	for id := range n.peers {
		if id != without {
			members, lowest = members+1, min(lowest, id)
		}
	}
	return members, lowest
}

// reborn ends this incarnation, out of the group, and begins another a little later.
func (n *node) reborn() {
	n.world.seen.Rebirths++
	delete(n.cluster.byID, n.id)
	n.consumer.withdraw()
	n.host.letGo()
	n.links.stop()
	n.id, n.said, n.peers = "", view.Announcement{}, map[string]*peer{}
	n.see()
	n.after(rebirthPause, "reborn", func() {
		n.cluster.ids++
		n.appear(fmt.Sprintf("%s.%d", n.base, n.cluster.ids))
		n.consumer.rejoin()
	})
}

// look finds peers dead that were not heard of for too long.
func (n *node) look() {
	for _, id := range sortedKeys(n.peers) {
		if p := n.peers[id]; n.world.now-p.heard > dropAfter {
			n.drop(id)
		}
	}
	n.see()
}

// drop finds a peer dead, and has it removed from the group.
func (n *node) drop(id string) {
	p := n.peers[id]
	if p == nil {
		return
	}
	n.world.tracef("%s: finds %s dead", n.id, id)
	delete(n.peers, id)
	n.dropped[id] = true
	n.see()
	rank := 0
	for other := range n.peers {
		if other < n.id {
			rank++
		}
	}
	base := p.says.Name
	left := func() []string { return n.cluster.group.membersOf(base) } // if they cannot be looked up now
	n.consumer.kafka("looked up", func() any {
		if n.cluster.journal.away {
			return nil
		}
		return left()
	}, func(answer any) { left = func() []string { return answer.([]string) } })
	n.after(time.Duration(rank)*300*time.Millisecond, "evict", func() {
		for _, other := range n.peers {
			if other.says.Name == base {
				return // it is back, and saw to its predecessor itself
			}
		}
		n.consumer.kafka("evicted", func() any {
			if n.cluster.journal.away {
				return nil
			}
			n.cluster.group.evict(left()...)
			return true
		}, func(any) {})
	})
}

// see makes the view anew and has the links follow it.
func (n *node) see() {
	says := []view.Announcement{n.said}
	for _, id := range sortedKeys(n.peers) {
		says = append(says, n.peers[id].says)
	}
	v := n.cluster.viewOf(says)
	if n.view != nil && n.view.Equal(v) {
		return
	}
	old := n.view
	n.view = v
	if old != nil {
		n.links.viewChanged(v)
		n.host.yield(v, n.id, func(owner string) int32 {
			says, _ := v.Member(owner)
			return n.cluster.generation(says)
		})
	}
	n.cluster.checkOverlap()
}

// owner returns who owns the stream, as far as this node knows.
func (n *node) owner(stream hub.Stream) (id string, ok bool) {
	return n.view.Owner(stream.Shard(n.view.Shards()))
}

// route makes a call of the stream's owner until it succeeds or patience ends.
func (n *node) route(stream hub.Stream, patience time.Duration, try func(owner string, done func(ok bool)), done func(ok bool)) {
	until := n.world.now + patience
	pause := 5 * time.Millisecond
	var again func()
	again = func() {
		if n.world.now >= until {
			done(false)
			return
		}
		retry := func() {
			n.world.seen.CallsRepeated++
			wait := n.world.between(pause/2, pause)
			pause = min(2*pause, 200*time.Millisecond)
			n.after(wait, "call again", again)
		}
		owner, ok := n.owner(stream)
		if !ok {
			retry()
			return
		}
		try(owner, func(ok bool) {
			if ok {
				done(true)
				return
			}
			retry()
		})
	}
	again()
}

// reach calls the node of an id; done gets false when no answer came.
func (n *node) reach(id, step string, ask func(at *node, reply func(any)), done func(answer any, ok bool)) {
	other := n.cluster.byID[id]
	if other == nil {
		n.after(n.world.between(time.Millisecond, 100*time.Millisecond), "nobody there", func() { done(nil, false) })
		return
	}
	me := n.id
	n.cluster.network.call(n.process, other.process, step, callTime, func(reply func(any)) {
		if other.id == id {
			// The gate runs each call on its own: one may overtake another.
			other.after(n.world.between(0, 100*time.Microsecond), step, func() { ask(other, reply) })
		}
	}, func(answer any, ok bool) { done(answer, ok && n.id == me) })
}

// follow makes this node's gateway a follower of the stream.
func (n *node) follow(stream hub.Stream, patience time.Duration, done func(hub.Head, bool)) {
	var head hub.Head
	n.route(stream, patience, func(owner string, ok func(bool)) {
		got := func(h hub.Head, found bool) {
			head = h
			ok(found)
		}
		if owner == n.id {
			n.links.drop(stream)
			n.host.follow(stream, n.gateway, got)
			return
		}
		n.links.follow(owner, stream, got)
	}, func(ok bool) { done(head, ok) })
}

// tail asks the owner for the newest entries of the stream after seq.
func (n *node) tail(stream hub.Stream, after uint64, patience time.Duration, done func(hub.Tail, bool)) {
	var tail hub.Tail
	n.route(stream, patience, func(owner string, ok func(bool)) {
		if owner == n.id {
			n.host.tail(stream, after, func(t hub.Tail, found bool) {
				tail = t
				ok(found)
			})
			return
		}
		n.reach(owner, "tail", func(at *node, reply func(any)) {
			at.host.tail(stream, after, func(t hub.Tail, found bool) {
				if found {
					reply(t)
				} else {
					reply(nil)
				}
			})
		}, func(answer any, found bool) {
			t, is := answer.(hub.Tail)
			tail = t
			ok(found && is)
		})
	}, func(ok bool) { done(tail, ok) })
}
