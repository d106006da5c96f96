package simulate

import "time"

// process is one life of a node: from its start to its crash. What it has asked
// for happens while it runs, waits while it is frozen, and never after its death.
type process struct {
	world *world
	node  int
	name  string // of this life
	dead  bool
	// frozen processes keep what happens to them for later.
	frozen  bool
	backlog []func()
	// struck may kill or freeze the process after a step.
	struck func(step string)
}

// after has this process do f in d, as one step: it may die or freeze right
// after it, not within.
func (p *process) after(d time.Duration, step string, f func()) {
	p.world.after(d, func() { p.act(step, f) })
}

func (p *process) act(step string, f func()) {
	switch {
	case p.dead:
	case p.frozen:
		p.backlog = append(p.backlog, func() { p.act(step, f) })
	default:
		f()
		if p.struck != nil {
			p.struck(step)
		}
	}
}

// every has the process do f again and again, about a period apart.
func (p *process) every(period time.Duration, step string, f func()) {
	p.after(p.world.between(period*3/4, period*5/4), step, func() {
		f()
		p.every(period, step, f)
	})
}

// freeze stops the process as SIGSTOP does: the world goes on without it.
func (p *process) freeze() { p.frozen = true }

// thaw lets it go on with all that has come in the meantime, in its order.
func (p *process) thaw() {
	p.frozen = false
	waiting := p.backlog
	p.backlog = nil
	for _, act := range waiting {
		p.world.after(0, act)
	}
}
