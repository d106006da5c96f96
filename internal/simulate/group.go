package simulate

import (
	"slices"
	"strconv"
	"time"
)

// group is a model of Kafka's coordinator of one consumer group under the eager
// sticky strategy: a generation ends when a member comes or goes, and the next
// begins when all others have let go and joined again, or ran out of time.
type group struct {
	world   *world
	journal *journal
	check   func(shard int32, next int64) // of each offset that is committed
	gives   func(shard int32, p *process) // of each shard that a generation gives to a member

	generation int32
	members    map[string]*member
	ids        int
	// balancing says that members join for the next generation, since when.
	balancing bool
	round     int
	owners    []string // of each shard in this generation, "" for none
	committed []int64
	slow      float64 // the chance that committed offsets are not told yet
}

// member is what the coordinator knows of one member.
type member struct {
	id, node string
	process  *process
	heard    time.Duration // of the last request
	joined   func(generation int32, id string, shards []int32)
}

const (
	// sessionTimeout is when a member that is not heard of is removed.
	sessionTimeout = 6 * time.Second
	// rebalanceTimeout is how long a generation waits for members to join again.
	rebalanceTimeout = 5 * time.Second
)

// groupAnswer is what the coordinator says to a heartbeat or a commit.
type groupAnswer uint8

const (
	groupFine groupAnswer = iota
	groupBalancing
	groupStale // an unknown member, or an old generation
	groupAway
)

func newGroup(w *world, j *journal) *group {
	return &group{
		world: w, journal: j, members: map[string]*member{},
		owners: make([]string, len(j.logs)), committed: make([]int64, len(j.logs)),
	}
}

// join makes a node a member, or has a member join the next generation. joined is
// called when that begins.
func (g *group) join(id string, p *process, node string, joined func(int32, string, []int32)) {
	m := g.members[id]
	if m == nil {
		g.ids++
		m = &member{id: "member-" + strconv.Itoa(g.ids), process: p, node: node}
		g.members[m.id] = m
	}
	m.heard, m.joined = g.world.now, joined
	g.balance()
	g.complete()
	g.expire(m)
}

// expire removes the member once nothing was heard of it for too long.
func (g *group) expire(m *member) {
	g.world.after(sessionTimeout, func() {
		switch {
		case g.members[m.id] != m:
		case g.world.now-m.heard < sessionTimeout && m.joined == nil:
			g.expire(m)
		case m.joined != nil: // it waits for the others, as they do for it
			g.expire(m)
		default:
			g.world.seen.SessionsTimedOut++
			g.remove(m)
		}
	})
}

// balance begins a rebalance unless one is under way.
func (g *group) balance() {
	if g.balancing {
		return
	}
	g.balancing = true
	g.round++
	round := g.round
	g.world.after(rebalanceTimeout, func() {
		if g.balancing && g.round == round {
			for _, id := range g.sorted() {
				if g.members[id].joined == nil {
					g.world.seen.RebalancesTimedOut++
					delete(g.members, id)
				}
			}
			g.complete()
		}
	})
}

// sorted returns the members' ids in a fixed order.
func (g *group) sorted() []string {
	ids := make([]string, 0, len(g.members))
	for id := range g.members {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// complete begins the next generation if all members have joined it.
func (g *group) complete() {
	if !g.balancing || len(g.members) == 0 {
		return
	}
	ids := g.sorted()
	for _, id := range ids {
		if g.members[id].joined == nil {
			return
		}
	}
	g.balancing = false
	g.generation++
	g.world.seen.Generations++
	g.assign(ids)
	for _, id := range ids {
		m := g.members[id]
		var shards []int32
		for shard, owner := range g.owners {
			if owner == id {
				shards = append(shards, int32(shard))
				g.gives(int32(shard), m.process)
			}
		}
		g.world.tracef("kafka: generation %d: %s of %s owns %v", g.generation, id, m.node, shards)
		joined := m.joined
		m.joined, m.heard = nil, g.world.now
		joined(g.generation, id, shards)
	}
}

// assign gives each member its share; what it has it keeps as far as that goes.
func (g *group) assign(ids []string) {
	most := (len(g.owners) + len(ids) - 1) / len(ids)
	has := map[string]int{}
	for shard, owner := range g.owners {
		if !slices.Contains(ids, owner) || has[owner] >= most {
			g.owners[shard] = ""
			continue
		}
		has[owner]++
	}
	for shard, owner := range g.owners {
		if owner == "" {
			least := slices.MinFunc(ids, func(a, b string) int { return has[a] - has[b] })
			g.owners[shard] = least
			has[least]++
		}
	}
}

// heartbeat says that a member lives.
func (g *group) heartbeat(id string, generation int32) groupAnswer {
	m := g.members[id]
	switch {
	case g.journal.away:
		return groupAway
	case m == nil:
		return groupStale
	}
	m.heard = g.world.now
	switch {
	case g.balancing:
		return groupBalancing
	case generation != g.generation:
		return groupStale
	}
	return groupFine
}

// commit stores offsets, in the order of shards, if the generation is the present one.
func (g *group) commit(id string, generation int32, next []shardOffset) groupAnswer {
	switch {
	case g.journal.away:
		return groupAway
	case g.members[id] == nil, generation != g.generation:
		g.world.seen.CommitsRefused++
		return groupStale
	}
	g.members[id].heard = g.world.now
	for _, n := range next {
		g.committed[n.shard] = n.offset
		g.check(n.shard, n.offset)
	}
	return groupFine
}

type shardOffset struct {
	shard  int32
	offset int64
}

// leave removes a member that says goodbye.
func (g *group) leave(id string) {
	if m := g.members[id]; m != nil {
		g.remove(m)
	}
}

// evict removes the members of a node that its peers find dead.
func (g *group) evict(node string) {
	for _, id := range g.sorted() {
		if m := g.members[id]; m.node == node {
			g.world.seen.Evictions++
			g.remove(m)
		}
	}
}

func (g *group) remove(m *member) {
	g.world.tracef("kafka: %s of %s is no longer a member", m.id, m.node)
	delete(g.members, m.id)
	if len(g.members) > 0 {
		g.balance()
		g.complete()
	}
}
