package places

import (
	"cmp"
	"slices"
	"time"

	"bongsu/internal/hub"
)

// Grace is how long after its end a session's place can be gone on from.
const Grace = 60 * time.Second

const (
	// silence is after what a node with sessions, which speaks every second, looks dead.
	silence = 3 * time.Second
	// unnamed is how long a person's open sessions are known that their node, which
	// names each twice a minute, does not name.
	unnamed = 75 * time.Second
	// mostEnded is how many ended places of one person are kept. The oldest goes,
	// and the next keeps the lower of both.
	mostEnded = 32
	// mostPlaces is how many places are kept in all. More are not taken in, so that
	// their pages begin anew.
	mostPlaces = 200_000
)

// table is what a node knows of places: of those that have ended, and of the open
// sessions of other nodes, which may have ended with their node. Times are Unix
// milliseconds of Kafka's broker. It is not safe for use by several goroutines at once.
type table struct {
	ended map[string][]endedPlace // by admin, in the order of their ends
	nodes map[string]*node
	size  int // places in all
	// Up to which of this node's own ends were read back, and when the last was appended.
	toldTo uint64
	toldAt int64
}

// node is what is known of another node's open sessions.
type node struct {
	heard       int64
	ended, used uint64                  // the last that it told of
	open        map[string]*sharedPlace // by admin
}

// sharedPlace is how far a person's sessions at another node have come, as that
// said last.
type sharedPlace struct {
	openPlace
	told    int64
	taken   int   // how many sessions went on from it since the node was silent
	takenAt int64 // when the last did
}

func newTable() *table {
	return &table{ended: map[string][]endedPlace{}, nodes: map[string]*node{}}
}

// end takes in that a session has ended.
func (t *table) end(place endedPlace) {
	if place.own && place.N <= t.toldTo { // it was read back while it was claimed
		place.own, place.At = false, t.toldAt // its own time is before that, by a clock that may have been set since
	}
	places := t.ended[place.Admin]
	switch {
	case len(places) >= mostEnded:
		places[1].Cursor = lowest(places[0].Cursor, places[1].Cursor)
		places = slices.Delete(places, 0, 1)
	case t.size >= mostPlaces:
		return
	default:
		t.size++
	}
	t.ended[place.Admin] = append(places, place)
	t.sort(place.Admin)
}

// sort puts the ended places of a person in order, of which nodes hear in any.
func (t *table) sort(admin string) {
	slices.SortStableFunc(t.ended[admin], func(a, b endedPlace) int { return cmp.Compare(a.At, b.At) })
}

// toldOf takes in when places of this node's sessions were told, from when on their
// age counts everywhere.
func (t *table) toldOf(r record) {
	for _, told := range r.Ended {
		if told.N > t.toldTo {
			t.toldTo, t.toldAt = told.N, r.At
		}
		places := t.ended[told.Admin]
		if i := slices.IndexFunc(places, func(p endedPlace) bool { return p.own && p.N == told.N }); i >= 0 {
			places[i].At, places[i].own = r.At, false
			t.sort(told.Admin)
		}
	}
}

// shift moves all times, of which the clock has turned out to be wrong.
func (t *table) shift(by int64) {
	t.toldAt += by
	for _, places := range t.ended {
		for i := range places {
			places[i].At += by
		}
	}
	for _, n := range t.nodes {
		n.heard += by
		for _, place := range n.open {
			place.told += by
			place.takenAt += by
		}
	}
}

// lowest returns the lower of two cursors for each stream. A text that is no
// cursor says nothing.
func lowest(texts ...string) string {
	all := hub.Cursor{}
	for _, text := range texts {
		if cursor, err := hub.ParseCursor(text); err == nil {
			lower(all, cursor)
		}
	}
	return all.String()
}

// read takes in what another node tells. It returns the persons of whom a session
// went on from an open one of the node self, which is this one, and the places of
// ended ones that are used up.
func (t *table) read(r record, self string) (given []string, taken []endedPlace) {
	n := t.nodes[r.Node]
	if n == nil {
		n = &node{open: map[string]*sharedPlace{}}
		t.nodes[r.Node] = n
	}
	for _, place := range r.Ended {
		if place.N > n.ended {
			n.ended = place.N
			place.At = r.At
			t.end(place)
		}
	}
	for _, place := range r.Used {
		switch {
		case place.N <= n.used:
			continue
		case place.Node == "":
			if ended, ok := t.takeEnded(place.Admin); ok {
				taken = append(taken, ended)
			}
		case place.Node == self:
			given = append(given, place.Admin)
		case t.nodes[place.Node] != nil:
			t.nodes[place.Node].take(place.Admin, r.At)
		}
		n.used = place.N
	}
	n.heard = max(n.heard, r.At) // what is read may be older, when it is read again
	for _, place := range r.Open {
		t.open(n, place, r.At)
	}
	if r.Left {
		t.forget(r.Node)
	}
	return given, taken
}

// open takes in how far the open sessions of a person at the node have come.
func (t *table) open(n *node, place openPlace, at int64) {
	old := n.open[place.Admin]
	switch {
	case old != nil && at < old.told-jump.Milliseconds(): // it is read again
	case place.Sessions <= 0 && old != nil:
		delete(n.open, place.Admin)
		t.size--
	case place.Sessions <= 0:
	case old != nil:
		*old = sharedPlace{openPlace: place, told: at}
	case t.size < mostPlaces:
		n.open[place.Admin] = &sharedPlace{openPlace: place, told: at}
		t.size++
	}
}

// forget removes a node.
func (t *table) forget(name string) {
	t.size -= len(t.nodes[name].open)
	delete(t.nodes, name)
}

// lowest returns from where a new session of the person goes on, which is empty if
// it has to begin anew.
func (t *table) lowest(admin string, now int64) hub.Cursor {
	t.expireEnded(admin, now)
	all := hub.Cursor{}
	add := func(text string) {
		if cursor, err := hub.ParseCursor(text); err == nil {
			lower(all, cursor)
		}
	}
	for _, place := range t.ended[admin] {
		add(place.Cursor)
	}
	for _, n := range t.nodes {
		place := n.open[admin]
		if place == nil || now-n.heard > Grace.Milliseconds() {
			continue
		}
		if n.left(place) > 0 || !n.dead(place, now) {
			add(place.Cursor)
		}
	}
	return all
}

// dead reports whether one of the sessions looks dead, or the node.
func (n *node) dead(place *sharedPlace, now int64) bool {
	return place.Late > 0 || now-n.heard > silence.Milliseconds()
}

// left returns how many sessions can still go on from the place. What was taken
// before the node spoke again does not count: its sessions were alive.
func (n *node) left(place *sharedPlace) int {
	if place.takenAt <= n.heard {
		return place.Sessions
	}
	return place.Sessions - place.taken
}

// takeEnded uses up the place of the person that ended last, which is the least
// likely to be missed by others.
func (t *table) takeEnded(admin string) (place endedPlace, ok bool) {
	places := t.ended[admin]
	if len(places) == 0 {
		return endedPlace{}, false
	}
	place = places[len(places)-1]
	t.setEnded(admin, places[:len(places)-1])
	return place, true
}

// takeOpen uses up the place of an open session of another node, which it names.
// With dead it does so only if the session, or its node, looks dead.
func (t *table) takeOpen(admin string, now int64, dead bool) (node string, ok bool) {
	for name, n := range t.nodes {
		open := n.open[admin]
		if open == nil || n.left(open) <= 0 || dead && !n.dead(open, now) {
			continue
		}
		n.take(admin, now)
		return name, true
	}
	return "", false
}

// giveOpen undoes what takeOpen did then, unless the node has spoken since.
func (t *table) giveOpen(node, admin string, then int64) {
	if n := t.nodes[node]; n != nil && then > n.heard {
		if place := n.open[admin]; place != nil && place.taken > 0 {
			place.taken--
		}
	}
}

// take uses up the place of a session at the node, if there is one.
func (n *node) take(admin string, now int64) {
	place := n.open[admin]
	if place == nil || n.left(place) <= 0 {
		return
	}
	if place.takenAt <= n.heard {
		place.taken = 0
	}
	place.taken++
	place.takenAt = now
}

// setEnded replaces the ended places of a person.
func (t *table) setEnded(admin string, places []endedPlace) {
	t.size -= len(t.ended[admin]) - len(places)
	if len(places) == 0 {
		delete(t.ended, admin)
		return
	}
	t.ended[admin] = places
}

// expireEnded lets the ended places of a person go that are too old. One that this
// node has told of is as young as the others know it, which is not known before that
// is read back.
func (t *table) expireEnded(admin string, now int64) {
	old := func(p endedPlace) bool {
		return now-p.At > Grace.Milliseconds() && (!p.own || p.N <= t.toldTo)
	}
	if places := t.ended[admin]; slices.ContainsFunc(places, old) {
		t.setEnded(admin, slices.DeleteFunc(slices.Clone(places), old))
	}
}

// expire lets everything go that is too old.
func (t *table) expire(now int64) {
	for admin := range t.ended {
		t.expireEnded(admin, now)
	}
	for name, n := range t.nodes {
		if now-n.heard > Grace.Milliseconds() {
			t.forget(name)
			continue
		}
		for admin, place := range n.open {
			if now-place.told > unnamed.Milliseconds() {
				delete(n.open, admin)
				t.size--
			}
		}
	}
}
