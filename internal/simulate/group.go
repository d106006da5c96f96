package simulate

import (
	"slices"
	"strconv"
	"time"

	"bongsu/internal/kafka"
)

// group is a model of Kafka's coordinator of one consumer group, as it is for
// members that share the partitions out themselves: a generation ends when a member
// comes, goes or joins again, and the next begins when all others have joined again,
// or ran out of time. Its leader then says who gets what.
type group struct {
	world   *world
	journal *journal
	check   func(shard int32, next int64) // of each offset that is committed
	gives   func(shard int32, p *process) // of each shard that a generation gives to a member

	state      groupState
	generation int32
	members    map[string]*member
	leader     string
	ids        int
	pending    map[string]bool // ids that were handed out to those who have not joined yet
	round      int
	committed  []int64
	slow       float64 // the chance that committed offsets are not told yet
}

// groupState is what a group is about.
type groupState uint8

const (
	groupStable    groupState = iota
	groupPreparing            // members join for the next generation
	groupSharing              // it has begun, and its leader has not shared out the shards
)

// member is what the coordinator knows of one member.
type member struct {
	id, node string
	process  *process
	heard    time.Duration // of the last request
	says     kafka.Member
	share    []int32
	joined   func(joined)
	synced   func(share []int32, answer groupAnswer)
}

// joined is the coordinator's answer to a join.
type joined struct {
	answer     groupAnswer
	generation int32
	members    []kafka.Member // for the leader alone
}

// As the members of internal/kafka ask for it.
const (
	// sessionTimeout is when a member that is not heard of is removed.
	sessionTimeout = 6 * time.Second
	// rebalanceTimeout is how long a generation waits for members to join again.
	rebalanceTimeout = 3 * time.Second
)

// groupAnswer is what the coordinator says to a request.
type groupAnswer uint8

const (
	groupFine groupAnswer = iota
	groupBalancing
	groupStale   // an old generation
	groupUnknown // no member
	groupAway
)

func newGroup(w *world, j *journal) *group {
	return &group{
		world: w, journal: j, members: map[string]*member{}, pending: map[string]bool{}, committed: make([]int64, len(j.logs)),
	}
}

// hand returns an id for who wants to become a member.
func (g *group) hand() string {
	g.ids++
	id := "member-" + strconv.Itoa(g.ids)
	g.pending[id] = true
	return id
}

// join makes a node a member, or has a member join the next generation. answered is
// called when that begins.
func (g *group) join(p *process, node string, says kafka.Member, answered func(joined)) {
	m := g.members[says.ID]
	if m == nil {
		if !g.pending[says.ID] {
			answered(joined{answer: groupUnknown})
			return
		}
		delete(g.pending, says.ID)
		m = &member{id: says.ID, node: node, process: p, heard: g.world.now}
		g.members[m.id] = m
		g.expire(m)
	}
	m.heard, m.says, m.joined, m.synced = g.world.now, says, answered, nil
	g.balance()
	g.complete()
}

// expire removes the member once nothing was heard of it for too long.
func (g *group) expire(m *member) {
	left := m.heard + sessionTimeout - g.world.now
	if m.joined != nil { // it waits for the others, as they do for it
		left = sessionTimeout
	}
	g.world.after(max(left, time.Millisecond), func() {
		switch {
		case g.members[m.id] != m:
		case m.joined != nil || g.world.now-m.heard < sessionTimeout:
			g.expire(m)
		default:
			g.world.seen.SessionsTimedOut++
			g.remove(m)
		}
	})
}

// balance begins a rebalance unless one is under way.
func (g *group) balance() {
	if g.state == groupPreparing {
		return
	}
	g.state = groupPreparing
	g.round++
	round := g.round
	for _, id := range g.sorted() {
		g.members[id].answer(groupBalancing)
	}
	g.world.after(rebalanceTimeout, func() {
		if g.state != groupPreparing || g.round != round {
			return
		}
		for _, id := range g.sorted() {
			if g.members[id].joined == nil {
				g.world.seen.RebalancesTimedOut++
				delete(g.members, id)
			}
		}
		g.complete()
	})
}

// answer tells a member its share, if it waits for that.
func (m *member) answer(answer groupAnswer) {
	if synced := m.synced; synced != nil {
		m.synced = nil
		synced(slices.Clone(m.share), answer)
	}
}

// sorted returns the members' ids in a fixed order.
func (g *group) sorted() []string { return sortedKeys(g.members) }

// complete begins the next generation if all members have joined it.
func (g *group) complete() {
	if g.state != groupPreparing || len(g.members) == 0 {
		return
	}
	ids := g.sorted()
	var members []kafka.Member
	for _, id := range ids {
		if g.members[id].joined == nil {
			return
		}
		members = append(members, g.members[id].says)
	}
	g.state = groupSharing
	g.generation++
	g.world.seen.Generations++
	if g.members[g.leader] == nil {
		g.leader = ids[0]
	}
	g.world.tracef("kafka: generation %d of %v begins", g.generation, ids)
	for _, id := range ids {
		m := g.members[id]
		answered, answer := m.joined, joined{generation: g.generation}
		if id == g.leader {
			answer.members = members
		}
		m.joined, m.share, m.heard = nil, nil, g.world.now
		answered(answer)
	}
}

// sync has a member wait for its share of a generation, which the leader brings.
func (g *group) sync(id string, generation int32, shares map[string][]int32, synced func([]int32, groupAnswer)) {
	m := g.members[id]
	switch {
	case m == nil:
		synced(nil, groupUnknown)
		return
	case generation != g.generation:
		synced(nil, groupStale)
		return
	case g.state == groupPreparing:
		synced(nil, groupBalancing)
		return
	}
	m.heard, m.synced = g.world.now, synced
	if g.state == groupSharing && shares != nil {
		g.state = groupStable
		for _, other := range g.sorted() {
			m := g.members[other]
			m.share = shares[other]
			g.world.tracef("kafka: generation %d: %s of %s owns %v", g.generation, other, m.node, m.share)
			for _, shard := range m.share {
				g.gives(shard, m.process)
			}
		}
		for _, other := range g.sorted() {
			g.members[other].answer(groupFine)
		}
	}
	if g.state == groupStable {
		m.answer(groupFine)
	}
}

// heartbeat says that a member lives.
func (g *group) heartbeat(id string, generation int32) groupAnswer {
	m := g.members[id]
	switch {
	case g.journal.away:
		return groupAway
	case m == nil:
		return groupUnknown
	}
	m.heard = g.world.now
	switch {
	case generation != g.generation:
		return groupStale
	case g.state == groupPreparing:
		return groupBalancing
	}
	return groupFine
}

// commit stores offsets, in the order of shards, if the generation is the present one.
func (g *group) commit(id string, generation int32, next []shardOffset) groupAnswer {
	switch {
	case g.journal.away:
		return groupAway
	case g.members[id] == nil:
		g.world.seen.CommitsRefused++
		return groupUnknown
	case generation != g.generation:
		g.world.seen.CommitsRefused++
		return groupStale
	case g.state == groupSharing:
		return groupBalancing
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

// membersOf returns the ids of a node's members.
func (g *group) membersOf(node string) []string {
	var ids []string
	for _, id := range g.sorted() {
		if g.members[id].node == node {
			ids = append(ids, id)
		}
	}
	return ids
}

// evict removes members, of a node that its peers find dead.
func (g *group) evict(ids ...string) {
	for _, id := range ids {
		if m := g.members[id]; m != nil {
			g.world.seen.Evictions++
			g.remove(m)
		}
	}
}

func (g *group) remove(m *member) {
	g.world.tracef("kafka: %s of %s is no longer a member", m.id, m.node)
	delete(g.members, m.id)
	m.answer(groupUnknown)
	if m.joined != nil {
		m.joined(joined{answer: groupUnknown})
	}
	if len(g.members) > 0 {
		g.balance()
		g.complete()
	}
}
