package simulate

import "time"

// fault is something that breaks, and mends itself after a while.
type fault func(c *cluster, n *node, lasts time.Duration)

// faults there are. Those that are here twice come twice as often.
var faults = []fault{
	(*cluster).kill, (*cluster).kill, (*cluster).pause, (*cluster).pause, (*cluster).cutPair,
	(*cluster).cutPeers, (*cluster).cutKafka, (*cluster).cutTimeline, (*cluster).cutAll,
	(*cluster).kafkaAway, (*cluster).timelineAway, (*cluster).leave, (*cluster).evictByMistake,
	(*cluster).falseDeath, (*cluster).cutClients, (*cluster).outcast, (*cluster).isolate,
}

// breakThings spreads the plan's faults over its time.
func (c *cluster) breakThings() {
	w := c.world
	if c.plan.alone {
		w.after(w.between(time.Second, 4*time.Second), func() {
			if n := c.nodes[0]; n != nil {
				c.isolate(n, w.between(18*time.Second, 26*time.Second))
			}
		})
	}
	for range c.plan.faults {
		f := faults[w.rng.IntN(len(faults))]
		lasts := w.between(50*time.Millisecond, 2*time.Second)
		if w.chance(0.4) {
			lasts = w.between(2*time.Second, 12*time.Second)
		}
		if c.plan.long && w.chance(0.7) {
			lasts = w.between(10*time.Second, 45*time.Second)
		}
		w.after(w.between(500*time.Millisecond, c.plan.load), func() {
			if n := c.nodes[w.rng.IntN(len(c.nodes))]; n != nil && !c.mended {
				f(c, n, lasts)
			}
		})
	}
}

// strike may kill or pause a process right after a step, or trouble others.
func (c *cluster) strike(n *node, step string) {
	if step == "synced" && c.world.chance(0.5) { // somebody asks just now
		for _, stream := range c.plan.streams {
			n.list(stream)
		}
	}
	if step == "claims do not end" && len(n.consumer.stuck) > 0 && !c.mended && c.world.chance(0.5) {
		// Who is given them does not keep them for long.
		c.world.after(c.world.between(20*time.Millisecond, 500*time.Millisecond), func() {
			for _, other := range c.nodes {
				if other != nil && other != n {
					c.evictByMistake(other, 0)
				}
			}
		})
	}
	if c.mended || !c.world.chance(c.plan.strikes[step]) {
		return
	}
	c.world.seen.Strikes++
	c.world.tracef("%s: struck after %q", n.name, step)
	lasts := c.world.between(50*time.Millisecond, 8*time.Second)
	if c.world.chance(0.5) {
		c.kill(n, lasts)
	} else {
		c.pause(n, lasts)
	}
}

func (c *cluster) kill(n *node, lasts time.Duration) {
	if n.dead {
		return
	}
	c.world.seen.Kills++
	c.world.tracef("%s: killed", n.name)
	c.end(n)
	// Peers that try to reach it may find its ports closed.
	for _, other := range c.nodes {
		if other != nil && c.world.chance(0.7) {
			id := n.id
			other.after(c.world.between(time.Millisecond, 500*time.Millisecond), "refused", func() { other.drop(id) })
		}
	}
	c.world.after(lasts, func() { c.restart(n.node) })
}

// end takes a process away, with its connections.
func (c *cluster) end(n *node) {
	n.dead = true
	c.nodes[n.node] = nil
	delete(c.byID, n.id)
	for _, cl := range c.clients {
		if cl.node == n && !cl.away {
			conn := cl.conn
			c.world.after(c.world.between(0, 300*time.Millisecond), func() {
				if cl.conn == conn {
					cl.lose()
				}
			})
		}
	}
}

func (c *cluster) restart(place int) {
	if c.nodes[place] == nil {
		c.start(place)
	}
}

func (c *cluster) pause(n *node, lasts time.Duration) {
	if n.dead || n.frozen {
		return
	}
	c.world.seen.Pauses++
	c.world.tracef("%s: paused for %s", n.name, lasts)
	n.freeze()
	c.world.after(lasts, func() { c.wake(n) })
}

func (c *cluster) wake(n *node) {
	if n.frozen {
		c.world.tracef("%s: goes on", n.name)
		n.thaw()
	}
}

// cut severs places and heals them again.
func (c *cluster) cut(lasts time.Duration, a int, others ...int) {
	c.world.seen.Cuts++
	c.world.tracef("cut %d from %v for %s", a, others, lasts)
	for _, b := range others {
		if a != b {
			c.network.sever(a, b)
		}
	}
	c.world.after(lasts, func() {
		for _, b := range others {
			c.network.heal(a, b)
		}
	})
}

func (c *cluster) places() []int {
	places := make([]int, len(c.nodes))
	for i := range places {
		places[i] = i
	}
	return places
}

func (c *cluster) cutPair(n *node, lasts time.Duration) {
	c.cut(lasts, n.node, (n.node+1)%len(c.nodes))
}

func (c *cluster) cutPeers(n *node, lasts time.Duration) { c.cut(lasts, n.node, c.places()...) }

func (c *cluster) cutKafka(n *node, lasts time.Duration) { c.cut(lasts, n.node, placeKafka) }

func (c *cluster) cutTimeline(n *node, lasts time.Duration) { c.cut(lasts, n.node, placeTimeline) }

func (c *cluster) cutAll(n *node, lasts time.Duration) {
	c.cut(lasts, n.node, append(c.places(), placeKafka, placeTimeline)...)
}

// outcast cuts a node that owns shards off from Kafka, which removes it from the
// group: its peers still hear of it.
func (c *cluster) outcast(n *node, lasts time.Duration) {
	n = c.someOwner(n)
	lasts = max(lasts, c.world.between(8*time.Second, 15*time.Second))
	c.cut(lasts, n.node, placeKafka)
	c.world.after(c.world.between(0, 2*time.Second), func() { c.group.evict(c.group.membersOf(n.base)...) })
}

// isolate cuts a node that owns shards off from everything but clients, who come
// to it from others meanwhile. The servers are in its reach again before its peers.
func (c *cluster) isolate(n *node, lasts time.Duration) {
	n = c.someOwner(n)
	lasts = max(lasts, c.world.between(3*time.Second, 8*time.Second))
	c.cut(lasts, n.node, placeKafka, placeTimeline)
	c.cut(lasts+c.world.between(0, 4*time.Second), n.node, c.places()...)
	c.world.after(c.world.between(2*time.Second, 8*time.Second), func() { c.cutClients(n, 0) })
}

// someOwner returns a node that owns something, n if there is none.
func (c *cluster) someOwner(n *node) *node {
	if owner := c.ownerOf(int32(c.world.rng.IntN(len(c.journal.logs)))); owner != nil {
		return owner
	}
	return n
}

func (c *cluster) kafkaAway(_ *node, lasts time.Duration) {
	c.world.seen.Outages++
	c.world.tracef("kafka is away for %s", lasts)
	c.journal.away = true
	c.world.after(lasts, func() { c.journal.away = false })
}

func (c *cluster) timelineAway(_ *node, lasts time.Duration) {
	c.world.seen.Outages++
	c.world.tracef("the timeline is away for %s", lasts)
	c.timeline.away = true
	c.world.after(lasts, func() { c.timeline.away = false })
}

// leave has a node go in order: shards first, then clients, then its peers are told.
func (c *cluster) leave(n *node, lasts time.Duration) {
	if n.draining || n.dead {
		return
	}
	c.world.seen.Leaves++
	c.world.tracef("%s: leaves", n.name)
	n.draining = true
	for _, s := range append([]*session(nil), n.gateway.sessions...) {
		n.after(c.world.between(0, time.Second), "hang up", s.hangUp)
	}
	n.consumer.leave(func() {
		n.host.letGo()
		for _, other := range c.nodes {
			if other != nil && other != n {
				id := n.id
				c.network.send(n.process, other.process, "left", func() {
					delete(other.peers, id)
					other.see()
				})
			}
		}
		n.after(1500*time.Millisecond, "exit", func() {
			c.world.after(0, func() {
				if !n.dead {
					c.end(n)
					c.world.after(lasts, func() { c.restart(n.node) })
				}
			})
		})
	})
}

// evictByMistake removes a node from the group that is alive and well.
func (c *cluster) evictByMistake(n *node, _ time.Duration) {
	c.group.evict(c.group.membersOf(n.base)...)
}

// falseDeath has one node find another dead, which is not.
func (c *cluster) falseDeath(n *node, _ time.Duration) {
	if peers := sortedKeys(n.peers); len(peers) > 0 {
		id := peers[c.world.rng.IntN(len(peers))]
		n.after(0, "false death", func() { n.drop(id) })
	}
}

// cutClients ends some connections.
func (c *cluster) cutClients(*node, time.Duration) {
	for _, cl := range c.clients {
		if c.world.chance(0.5) {
			cl.lose()
		}
	}
}

// mend ends all faults: what is left must come to rest by itself.
func (c *cluster) mend() {
	c.world.tracef("everything is mended")
	c.mended = true
	c.network.cut = map[[2]int]bool{}
	c.network.loss, c.network.reorder, c.timeline.late, c.plan.slowClients = 0, 0, 0, 0
	c.journal.away, c.timeline.away = false, false
	for place := range c.nodes {
		if n := c.nodes[place]; n != nil {
			c.wake(n)
		} else {
			c.restart(place)
		}
	}
}
