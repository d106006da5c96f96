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

const (
	// repetition is the period at which everything that may have been lost is said
	// again.
	repetition = time.Second
	// rejoining is the period at which seeds and lost members are tried, so that a
	// cluster that was split becomes one again.
	rejoining = 3 * time.Second
	// maxLost bounds how many addresses of lost members are tried again, and lostFor
	// how long.
	maxLost = 64
	lostFor = 10 * time.Minute
)

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

// rejoin joins seeds and members that were lost, again and again.
func (inc *incarnation) rejoin() {
	ticker := time.NewTicker(rejoining)
	defer ticker.Stop()
	seen := map[string]time.Time{} // when a member was last at an address
	for {
		select {
		case <-inc.life.Done():
			return
		case <-ticker.C:
		}
		if inc.leaving.Load() {
			continue
		}
		now := time.Now()
		here := map[string]bool{inc.gossip.addr(): true}
		for _, addr := range *inc.addrs.Load() {
			here[addr] = true
			if _, ok := seen[addr]; ok || len(seen) < maxLost {
				seen[addr] = now
			}
		}
		maps.DeleteFunc(seen, func(_ string, at time.Time) bool { return now.Sub(at) > lostFor })
		inc.join(inc.life, here, slices.Collect(maps.Keys(seen)))
	}
}

// join joins the seeds, and further addresses, that are not among those here. It
// returns how many it reached.
func (inc *incarnation) join(ctx context.Context, here map[string]bool, further []string) int {
	ctx, cancel := context.WithTimeout(ctx, gossipPatience)
	defer cancel()
	addrs, err := resolve(ctx, inc.node.opts.Join, inc.port)
	if err != nil {
		inc.log.Debug("seeds cannot be found", "err", err)
	}
	addrs = append(addrs, further...)
	slices.Sort(addrs)
	addrs = slices.DeleteFunc(slices.Compact(addrs), func(addr string) bool { return here[addr] })
	return inc.gossip.join(addrs)
}
