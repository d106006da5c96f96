package simulate

import (
	"slices"
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// gateway is a node's feeds and sessions, around the rules of catching up.
type gateway struct {
	node     *node
	feeds    map[hub.Stream]*feed
	sessions []*session
}

// feed is the node's subscription to one stream.
type feed struct {
	gateway *gateway
	stream  hub.Stream
	rules   *catchup.Feed
	shown   *catchup.Window
	subs    []*sub
	waiting int
	awaited []func()
	tending bool
	quiet   time.Duration // since when nobody uses it
	gaveUp  uint64        // up to where entries could not be got
	must    uint64        // where an owner that was sure has said that the stream stands

	// what the one who tends it has met
	pause, patience time.Duration
	failing, stale  time.Duration
	hoping          time.Duration // since when a better answer than an uncertain one is hoped for
}

const (
	never         = time.Duration(-1)
	leastPause    = 10 * time.Millisecond
	mostPause     = time.Second
	leastFollow   = 500 * time.Millisecond
	mostFollow    = 4 * time.Second
	fetchPatience = 5 * time.Second
	giveUpAfter   = 10 * time.Second // sooner than the gateway, so that it happens in a run
	believeAfter  = 30 * time.Second
	resetAfter    = 10 * time.Second // longer than a claim lasts that has lost its group
	fetchPage     = 20
)

func newGateway(n *node) *gateway { return &gateway{node: n, feeds: map[hub.Stream]*feed{}} }

func (g *gateway) millis() int64 { return g.node.world.now.Milliseconds() }

// hold returns the stream's feed and keeps it from being dropped.
func (g *gateway) hold(stream hub.Stream) *feed {
	f := g.feeds[stream]
	if f == nil {
		f = &feed{gateway: g, stream: stream, rules: catchup.NewFeed(stream)}
		f.shown = f.rules.Window()
		f.calm()
		g.feeds[stream] = f
	}
	f.waiting++
	f.tend()
	return f
}

func (f *feed) release() {
	if f.waiting--; f.waiting == 0 && len(f.subs) == 0 {
		f.quiet = f.gateway.node.world.now
	}
}

func (f *feed) calm() {
	f.pause, f.patience, f.failing, f.stale, f.hoping = leastPause, leastFollow, never, never, never
}

// Deliver takes entries that an owner pushes.
func (g *gateway) Deliver(stream hub.Stream, entries []*hub.Entry) {
	g.node.cluster.checkEntries(g.node, entries)
	f := g.feeds[stream]
	if f == nil {
		return
	}
	before := f.rules.Window()
	first, last := entries[0].Seq, entries[len(entries)-1].Seq
	if first > before.Last()+1 && f.rules.Followed() {
		g.node.world.seen.PushesBeyondHole++
	}
	if last <= before.Last() && before.Head() > 0 {
		g.node.world.seen.PushesKnown++
	}
	f.rules.Deliver(entries, g.millis(), f.passed())
	f.show()
}

// Marked is not simulated.
func (g *gateway) Marked(string, map[hub.Stream]uint64) {}

// Retained is not simulated.
func (g *gateway) Retained(hub.Stream, uint64) {}

// Lost says that the stream has to be followed again.
func (g *gateway) Lost(stream hub.Stream) {
	if f := g.feeds[stream]; f != nil {
		g.node.world.seen.StreamsLost++
		f.rules.Lose()
		f.show()
	}
}

// show lets sessions and those who wait see what the feed has become.
func (f *feed) show() {
	if w := f.rules.Window(); w != f.shown {
		before := f.shown
		f.shown = w
		if w.Offers(before) {
			for _, s := range f.subs {
				s.session.wake()
			}
		}
	}
	if f.rules.Followed() {
		awaited := f.awaited
		f.awaited = nil
		for _, known := range awaited {
			known()
		}
	}
	f.tend()
}

// passed is where the slowest of few sessions stands.
func (f *feed) passed() uint64 {
	if len(f.subs) == 0 || len(f.subs) > 4 {
		return 0
	}
	least := ^uint64(0)
	for _, s := range f.subs {
		least = min(least, s.cursor)
	}
	return least
}

func (f *feed) need() catchup.Task { return f.rules.Need(len(f.subs) > 0 || f.waiting > 0) }

// tend sees to it that the feed gets what it needs.
func (f *feed) tend() {
	if !f.tending && f.need().Job != catchup.None {
		f.tending = true
		f.calm()
		f.gateway.node.after(0, "tend", f.next)
	}
}

// next does what the feed needs next.
func (f *feed) next() {
	n := f.gateway.node
	task := f.need()
	switch task.Job {
	case catchup.None:
		f.tending = false
	case catchup.Follow:
		n.follow(f.stream, f.patience, func(head hub.Head, ok bool) { f.followed(task, head, ok) })
	case catchup.Marks:
		f.rules.Marked(task)
		f.calm()
		f.next()
	default:
		if task.Job == catchup.Backward {
			n.world.seen.ResumesBehind++
		} else {
			n.world.seen.HolesFetched++
		}
		n.fetch(f.stream, task.After, int(min(task.To-task.After, fetchPage)), func(entries []*hub.Entry, ok bool) { f.fetched(task, entries, ok) })
	}
}

func (f *feed) followed(task catchup.Task, head hub.Head, ok bool) {
	w := f.gateway.node.world
	if !ok {
		f.stale = never
		f.again()
		return
	}
	if head.Unsure && f.waiting > 0 && f.hopes() && !f.rules.Followed() {
		w.seen.FollowsUnsure++
		f.again()
		return
	}
	answer := f.follows(task, head)
	w.tracef("%s: follows %s at %d: %s", f.gateway.node.id, f.stream, head.Seq, [...]string{"good", "overtaken", "stale", "unsure"}[answer])
	if !head.Unsure && answer != catchup.Overtaken {
		f.must = max(f.must, head.Seq)
	}
	f.show()
	switch answer {
	case catchup.Good:
		f.stale = never
		f.next()
	case catchup.Overtaken:
		w.seen.FollowsOvertaken++
		f.stale = never
		f.again()
	case catchup.Unsure:
		w.seen.FollowsUnsure++
		f.again()
	case catchup.Stale:
		w.seen.FollowsStale++
		if f.stale == never {
			f.stale = w.now
		}
		if w.now-f.stale > believeAfter {
			w.violate("%s: believes that %s has begun another life at %d", f.gateway.node.id, f.stream, head.Seq)
			f.rules.Restart(head)
			f.show()
			for _, s := range f.subs {
				s.session.ahead = true
			}
			f.stale = never
			f.next()
			return
		}
		f.again()
	}
}

func (f *feed) fetched(task catchup.Task, entries []*hub.Entry, ok bool) {
	n := f.gateway.node
	if ok {
		n.cluster.checkEntries(n, entries)
		ok = f.rules.Fetched(task, entries, f.gateway.millis(), f.passed())
	}
	if ok {
		f.calm()
		f.show()
		f.next()
		return
	}
	f.rules.Failed(task)
	f.show()
	if f.failing == never {
		f.failing = n.world.now
	} else if n.world.now-f.failing > giveUpAfter {
		n.world.seen.GivenUp++
		f.rules.GiveUp(task)
		f.gaveUp = f.rules.Window().Cut()
		f.failing = never
		f.show()
		f.next()
		return
	}
	f.again()
}

// again tries once more, later.
func (f *feed) again() {
	n, pause := f.gateway.node, f.pause
	if f.hoping != never && n.world.now-f.hoping < catchup.HopeFor {
		pause = min(pause, catchup.HopePause)
	}
	n.after(n.world.between(pause/2, pause), "tend again", f.next)
	f.pause, f.patience = min(2*f.pause, mostPause), min(2*f.patience, mostFollow)
}

// fetch gets entries after seq, from the owner's memory or the timeline. Now and then
// the answer ends early, as one of large entries does.
func (n *node) fetch(stream hub.Stream, after uint64, limit int, done func([]*hub.Entry, bool)) {
	if n.world.chance(0.1) {
		limit = 1 + n.world.rng.IntN(limit)
	}
	n.tail(stream, after, fetchPatience, func(tail hub.Tail, ok bool) {
		switch {
		case !ok:
			done(nil, false)
			return
		case tail.Whole:
			done(tail.Entries[:min(limit, len(tail.Entries))], true)
			return
		}
		to := tail.Head.Seq - uint64(len(tail.Entries))
		n.cluster.timeline.read(n.process, stream, after, to, limit, func(entries []*hub.Entry, err error) {
			if err != nil {
				done(nil, false)
				return
			}
			if len(entries) == 0 || entries[len(entries)-1].Seq == to {
				entries = append(entries, tail.Entries[:min(limit-len(entries), len(tail.Entries))]...)
			}
			done(entries, true)
		})
	})
}

// sweep drops feeds that nobody uses, ages windows, and looks after sessions.
func (g *gateway) sweep() {
	w := g.node.world
	for _, stream := range sortedKeys(g.feeds) {
		f := g.feeds[stream]
		f.rules.Age(g.millis() - g.node.cluster.plan.windowAge.Milliseconds())
		f.shown = f.rules.Window()
		if len(f.subs) == 0 && f.waiting == 0 && !f.tending && w.now-f.quiet > g.node.cluster.plan.linger {
			w.seen.FeedsDropped++
			delete(g.feeds, stream)
			g.node.links.drop(stream)
			g.node.host.unfollow(stream, g)
		}
	}
	for _, s := range slices.Clone(g.sessions) {
		s.check()
	}
}
