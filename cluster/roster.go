package cluster

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"bongsu/cluster/view"
)

const (
	// maxDropped bounds how many ids of dropped members are remembered.
	maxDropped = 4096
	// majorityWindow is how far back a cluster's size is looked for to tell whether
	// those still in sight are its smaller part.
	majorityWindow = 10 * time.Second
)

// peer is another node as memberlist lists it: alive, or not known to be dead.
type peer struct {
	id   string
	addr string // of its memberlist, host:port
	meta []byte
}

// why says how a member went.
type why string

const (
	whyLeft     why = "left"                // said so
	whySilent   why = "does not answer"     // memberlist's finding
	whyRefused  why = "its process is gone" // its address refuses connections
	whyReplaced why = "another node is at its address"
	whyDisagree why = "it dropped this node, and is in the smaller part of the cluster"
)

// certain reports whether a member that went so cannot be alive.
func (w why) certain() bool { return w == whyRefused || w == whyReplaced }

// gone is a member that is one no more.
type gone struct {
	view.Announcement
	why why
}

// change is what an update of the roster found.
type change struct {
	members []view.Announcement // the living others
	gone    []gone
	// strangers are alive again although they were dropped. They have to be told.
	strangers []peer
	// doubted are members that memberlist takes for dead. They stay until this node
	// has seen for itself, and doomed them: word of a death also comes from a node
	// that was cut off, and whose word is about to be withdrawn.
	doubted []peer
	// contests are the addresses where several members are said to be.
	contests []contest
	bad      []string // ids of peers whose announcement cannot be read
}

// contest is an address that several members have: all but one are gone. The one that
// answers there is not; by their clocks it cannot be told.
type contest struct {
	addr string
	ids  []string // ascending
}

// roster decides who is a member. Whoever was dropped once stays dropped, under
// that id: the others have moved on without it. It is pure: no locks, clock or I/O.
type roster struct {
	self    string
	addr    string // of its memberlist
	living  map[string]view.Announcement
	addrs   map[string]string // of the living, their memberlist's
	told    map[string]view.Announcement
	dropped map[string]dropped
	doomed  map[string]why // to be dropped at the next update
	sizes   []sizeAt
}

// dropped is what is remembered of a member that is one no more.
type dropped struct {
	at   time.Time
	addr string // of its memberlist
	left bool   // it said so
}

type sizeAt struct {
	at   time.Time
	size int
}

func newRoster(self, addr string) *roster {
	return &roster{
		self: self, addr: addr, living: map[string]view.Announcement{}, addrs: map[string]string{}, told: map[string]view.Announcement{},
		dropped: map[string]dropped{}, doomed: map[string]why{},
	}
}

// hear takes an announcement that a node made directly. It returns the node if it
// was dropped, and has to be told: it may have slept, and memberlist would take its
// time to find out. Announcements of nodes unknown wait for memberlist to know them.
func (r *roster) hear(a view.Announcement) (stranger peer, tell bool) {
	if known, ok := r.living[a.ID]; ok && known.Version < a.Version && r.told[a.ID].Version < a.Version {
		r.told[a.ID] = a
	}
	d, ok := r.dropped[a.ID]
	return peer{id: a.ID, addr: d.addr}, ok && !d.left
}

// doom has a living member dropped at the next update.
func (r *roster) doom(id string, why why) {
	if _, ok := r.living[id]; ok {
		r.doomed[id] = why
	}
}

// update takes what memberlist lists now.
func (r *roster) update(now time.Time, listed []peer) change {
	var c change
	living, addrs := make(map[string]view.Announcement, len(listed)), make(map[string]string, len(listed))
	for _, p := range listed {
		if p.id == r.self || p.addr == r.addr { // an earlier life of this node, or another process
			continue
		}
		if d, ok := r.dropped[p.id]; ok {
			if !d.left {
				c.strangers = append(c.strangers, p)
			}
			continue
		}
		if r.doomed[p.id] != "" {
			continue
		}
		a, err := view.Decode(p.meta)
		if err != nil || a.ID != p.id {
			c.bad = append(c.bad, p.id)
			continue
		}
		if told := r.told[p.id]; told.Version > a.Version {
			a = told
		}
		living[p.id], addrs[p.id] = a, p.addr
	}
	for id, a := range r.living {
		if _, ok := living[id]; !ok && r.doomed[id] == "" {
			if told := r.told[id]; told.Version > a.Version {
				a = told
			}
			living[id], addrs[id] = a, r.addrs[id]
			c.doubted = append(c.doubted, peer{id: id, addr: r.addrs[id]})
		}
	}
	c.contests = contests(addrs)
	for id, a := range r.living {
		if _, ok := living[id]; !ok {
			r.drop(now, id, r.doomed[id])
			c.gone = append(c.gone, gone{a, r.doomed[id]})
		}
	}
	clear(r.doomed)
	r.living, r.addrs = living, addrs
	c.members = slices.Collect(maps.Values(living))
	r.measure(now)
	return c
}

// contests returns the addresses that several ids have, in no order.
func contests(addrs map[string]string) []contest {
	at := make(map[string][]string, len(addrs))
	for id, addr := range addrs {
		at[addr] = append(at[addr], id)
	}
	var found []contest
	for addr, ids := range at {
		if len(ids) > 1 {
			slices.Sort(ids)
			found = append(found, contest{addr, ids})
		}
	}
	return found
}

func (r *roster) drop(now time.Time, id string, reason why) {
	delete(r.told, id)
	if len(r.dropped) >= maxDropped {
		oldest := ""
		for id, d := range r.dropped {
			if oldest == "" || d.at.Before(r.dropped[oldest].at) {
				oldest = id
			}
		}
		delete(r.dropped, oldest)
	}
	r.dropped[id] = dropped{at: now, addr: r.addrs[id], left: reason == whyLeft}
}

func (r *roster) measure(now time.Time) {
	r.sizes = slices.DeleteFunc(r.sizes, func(s sizeAt) bool { return now.Sub(s.at) > majorityWindow })
	size := 1 + len(r.living)
	if n := len(r.sizes); n > 0 && r.sizes[n-1].size == size {
		r.sizes[n-1].at = now
		return
	}
	r.sizes = append(r.sizes, sizeAt{now, size})
}

// minority reports whether fewer than half of the members of the last seconds are
// in sight: then it is likely this node that is cut off.
func (r *roster) minority() bool {
	most := 0
	for _, s := range r.sizes {
		most = max(most, s.size)
	}
	return 2*(1+len(r.living)) < most
}

// side returns how many members there are from this node's view, with itself and
// without the one named, and the lowest of their ids.
func (r *roster) side(without string) (members int, lowest string) {
	members, lowest = 1, r.self
	for id := range r.living {
		if id == without {
			continue
		}
		members++
		if strings.Compare(id, lowest) < 0 {
			lowest = id
		}
	}
	return members, lowest
}

// outvoted decides what follows from another node's word that it dropped this one:
// true if this node has to be reborn under a new id. If not, then the other is
// dropped, and will be. Where each dropped the other, the smaller side yields, by
// its members, then their lowest id; where only the other did, it must know better,
// unless it stands against more.
func (r *roster) outvoted(v verdict) bool {
	members, lowest := r.side(v.From)
	if _, mutual := r.dropped[v.From]; mutual {
		// Both may see the same third nodes: then their own ids decide.
		return cmp.Or(cmp.Compare(v.Members, members), strings.Compare(lowest, v.Lowest), strings.Compare(r.self, v.From)) > 0
	}
	if v.Members >= members {
		return true
	}
	r.doom(v.From, whyDisagree)
	return false
}

// rank returns this node's place by id among the living, from 0.
func (r *roster) rank() int {
	rank := 0
	for id := range r.living {
		if id < r.self {
			rank++
		}
	}
	return rank
}
