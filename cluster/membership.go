package cluster

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/cluster/view"
)

// repetition is the period at which everything that may have been lost is said
// again.
const repetition = time.Second

// live is the one goroutine that decides who is a member and tells everybody.
func (inc *incarnation) live() {
	ticker := time.NewTicker(repetition)
	defer ticker.Stop()
	var inbox chan []byte
	if inc.gossip != nil {
		inbox = inc.gossip.inbox
	}
	for {
		repeat := false
		select {
		case <-inc.life.Done():
			return
		case <-ticker.C:
			repeat = true
		case <-inc.wake:
		case dead := <-inc.found:
			inc.roster.doom(dead.id, dead.reason)
		case b := <-inbox:
			inc.receive(b)
			for range len(inbox) {
				inc.receive(<-inbox)
			}
		}
		inc.refresh(repeat)
	}
}

func (inc *incarnation) receive(b []byte) {
	m, err := decodeMessage(b)
	switch {
	case err != nil:
		if more, ok := inc.unreadable.now(time.Now()); ok {
			inc.log.Warn("a member sent what cannot be read", "err", err, "more", more)
		}
	case m.announcement != nil:
		if stranger, tell := inc.roster.hear(*m.announcement); tell {
			inc.tellDropped(stranger)
		}
	case m.leave != "":
		inc.roster.doom(m.leave, whyLeft)
	case m.verdict != nil && m.verdict.ID == inc.id && !inc.leaving.Load():
		if inc.roster.outvoted(*m.verdict) {
			inc.node.bear(inc, *m.verdict)
		}
	}
}

// refresh brings the view up to date, and says again what was said if repeat.
func (inc *incarnation) refresh(repeat bool) {
	announced := inc.announce()
	var found change
	if inc.gossip != nil {
		found = inc.roster.update(time.Now(), inc.gossip.listed())
	}
	old := inc.view.Load()
	current := view.New(inc.node.opts.Shards, append(found.members, inc.own)...)
	changed := !current.Equal(old)
	if changed {
		addrs := maps.Clone(inc.roster.addrs)
		inc.addrs.Store(&addrs)
		inc.node.known.update(addrs, inc.left(found.gone))
		inc.view.Store(current)
	}
	if changed || repeat {
		inc.base.setMembers(inc, current)
	}
	if changed {
		inc.traffic.viewChanged(old, current)
		inc.node.changed(inc, old, current)
	}
	for _, g := range found.gone {
		inc.mourn(g)
	}
	maps.DeleteFunc(inc.doubted, func(id string, _ *remains) bool {
		return !slices.ContainsFunc(found.doubted, func(p peer) bool { return p.id == id })
	})
	for _, p := range found.doubted {
		inc.doubt(p)
	}
	for _, c := range found.contests {
		inc.judge(c)
	}
	if repeat {
		inc.tellOfNamesake()
	}
	if inc.gossip != nil && !inc.leaving.Load() {
		inc.say(found, announced || repeat, repeat)
	}
}

// left returns where those were that left by themselves.
func (inc *incarnation) left(all []gone) []string {
	var addrs []string
	for _, g := range all {
		if g.why == whyLeft {
			addrs = append(addrs, inc.roster.dropped[g.ID].addr)
		}
	}
	return addrs
}

// announce brings what this node says of itself up to date and reports whether
// it changed.
func (inc *incarnation) announce() bool {
	generation, shards := inc.node.owner.Ownership()
	set := view.SetOf(shards...)
	if inc.leaving.Load() || generation == inc.own.Generation && set.Equal(inc.own.Shards) {
		return false
	}
	own := inc.own
	own.Version, own.Generation, own.Shards = own.Version+1, max(generation, 0), set
	encoded, err := own.Encode()
	if err != nil {
		inc.log.Error("this node cannot announce its shards", "err", err)
		return false
	}
	inc.own, inc.encoded = own, encoded
	if inc.gossip != nil {
		inc.gossip.announce(encoded)
	}
	return true
}

// say tells members about this node, and those that were dropped about that.
func (inc *incarnation) say(found change, announce, repeat bool) {
	if announce {
		message := append([]byte{messageAnnouncement}, inc.encoded...)
		for id, addr := range inc.roster.addrs {
			inc.gossip.tell(id, addr, message)
		}
	}
	if !repeat {
		return
	}
	for _, a := range found.members {
		// A standing connection tells at once when the process at its end is gone.
		inc.base.system.Root.Send(actor.NewPID(a.Addr, "nobody"), &actor.Touched{})
	}
	for _, p := range found.strangers {
		inc.tellDropped(p)
	}
	if len(found.bad) > 0 {
		if more, ok := inc.unreadable.now(time.Now()); ok {
			inc.log.Warn("what a member announces cannot be read; it is left out", "member", found.bad[0], "more", more)
		}
	}
}

// tellDropped tells a node that it was dropped here.
func (inc *incarnation) tellDropped(p peer) {
	members, lowest := inc.roster.side(p.id)
	inc.gossip.tell(p.id, p.addr, verdict{ID: p.id, From: inc.id, Members: members, Lowest: lowest}.encode())
}

// mourn tells of a member that went and, if it did not leave by itself, has it
// removed from where it may still hold shards.
func (inc *incarnation) mourn(g gone) {
	level := slog.LevelWarn
	if g.why == whyLeft {
		level = slog.LevelInfo
	}
	inc.log.Log(context.Background(), level, "a member is gone", "member", g.Name, "member_id", g.ID, "why", string(g.why), "shards", g.Shards.Len())
	if g.why != whyLeft && !inc.leaving.Load() {
		inc.evict(g)
	}
}
