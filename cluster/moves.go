package cluster

import (
	"slices"
	"sync"
	"time"

	"bongsu/cluster/view"
)

// maxMoves bounds how many moves are remembered.
const maxMoves = 50

// Move is a shard's going from one node to another.
type Move struct {
	At    time.Time
	Shard int32
	// From and To are names of nodes; From is empty for the first owner that this
	// node knows of.
	From, To string
}

// moves remembers the last moves of shards, as this node saw them.
type moves struct {
	mu     sync.Mutex
	owners map[int32]string // the last owner's name
	last   []Move           // oldest first
}

// note compares a view with what was and returns how many shards moved.
func (m *moves) note(at time.Time, v *view.View) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	moved := 0
	for shard := range v.Shards() {
		id, ok := v.Owner(shard)
		if !ok {
			continue
		}
		owner, _ := v.Member(id)
		from := m.owners[shard]
		if from == owner.Name {
			continue
		}
		moved++
		m.owners[shard] = owner.Name
		m.last = append(m.last, Move{At: at, Shard: shard, From: from, To: owner.Name})
	}
	m.last = slices.Delete(m.last, 0, max(len(m.last)-maxMoves, 0))
	return moved
}

// Moves returns the last moves of shards that this node saw, newest first, 50 at most.
func (n *Node) Moves() []Move {
	n.moves.mu.Lock()
	defer n.moves.mu.Unlock()
	list := slices.Clone(n.moves.last)
	slices.Reverse(list)
	return list
}

// changed notes what a new view of the present life means to people: it runs in
// the membership loop.
func (n *Node) changed(inc *incarnation, old, current *view.View) {
	n.metrics.members.Set(float64(len(current.Members())))
	n.metrics.unowned.Set(float64(len(current.Unowned())))
	n.metrics.moves.Add(float64(n.moves.note(time.Now(), current)))
	urls := []string{}
	if n.opts.URL != "" {
		urls = append(urls, n.opts.URL)
	}
	for _, a := range current.Members() {
		if a.URL != "" && !slices.Contains(urls, a.URL) {
			urls = append(urls, a.URL)
		}
		if _, known := old.Member(a.ID); !known && a.ID != inc.id {
			inc.log.Info("a member joined", "member", a.Name, "member_id", a.ID, "addr", a.Addr)
		}
	}
	n.urls.note(time.Now(), urls)
}
