package simulate

import "time"

// network carries messages between processes and to the servers: each may be
// lost, late, or overtake another.
type network struct {
	world *world
	// loss is the chance of a message between nodes to vanish, reorder that it
	// may be overtaken; otherwise messages of one pair keep their order.
	loss, reorder float64
	slow          time.Duration // the longest usual delay
	cut           map[[2]int]bool
	last          map[[2]int]time.Duration // when the newest message of a pair arrives
}

// The servers as places on the network, beside nodes 0, 1, 2, ….
const (
	placeKafka    = -1
	placeTimeline = -2
)

func newNetwork(w *world) *network {
	return &network{world: w, cut: map[[2]int]bool{}, last: map[[2]int]time.Duration{}}
}

func pair(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

// sever cuts two places off from each other; heal undoes it.
func (n *network) sever(a, b int) { n.cut[pair(a, b)] = true }
func (n *network) heal(a, b int)  { delete(n.cut, pair(a, b)) }

func (n *network) connected(a, b int) bool { return !n.cut[pair(a, b)] }

// delay draws how long a message takes. Few take much longer than most.
func (n *network) delay() time.Duration {
	if n.world.chance(0.02) {
		return n.world.between(n.slow, 20*n.slow)
	}
	return n.world.between(50*time.Microsecond, n.slow)
}

// send carries a message to another process, which does f, or loses it.
func (n *network) send(from, to *process, step string, f func()) {
	if from == to {
		to.after(20*time.Microsecond, step, f)
		return
	}
	if n.cut[pair(from.node, to.node)] || n.world.chance(n.loss) {
		n.world.seen.MessagesLost++
		return
	}
	at := n.world.now + n.delay()
	way := [2]int{from.node, to.node}
	if n.world.chance(n.reorder) {
		n.world.seen.MessagesOvertaken++
	} else {
		at = max(at, n.last[way])
		n.last[way] = at
	}
	n.world.after(at-n.world.now, func() {
		if n.cut[pair(from.node, to.node)] {
			n.world.seen.MessagesLost++
			return
		}
		to.act(step, f)
	})
}

// call asks another process and gives the answer to done, which is called once:
// with the answer, or with false when none came in time.
func (n *network) call(from, to *process, step string, patience time.Duration, ask func(reply func(any)), done func(answer any, ok bool)) {
	over := false
	end := func(answer any, ok bool) {
		if !over {
			over = true
			done(answer, ok)
		}
	}
	from.after(patience, step+" timed out", func() { end(nil, false) })
	n.send(from, to, step, func() {
		ask(func(answer any) {
			n.send(to, from, step+" answered", func() { end(answer, true) })
		})
	})
}
