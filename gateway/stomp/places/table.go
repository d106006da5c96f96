package places

import (
	"slices"
	"time"

	"bongsu/internal/hub"
)

// Grace is how long after its end a session's place can be gone on from.
const Grace = 60 * time.Second

const (
	// mostEnded is how many ended places of one person are kept. The oldest goes,
	// and the next keeps the lower of both.
	mostEnded = 32
	// mostPlaces is how many places are kept in all. More are not taken in, so that
	// their pages begin anew.
	mostPlaces = 200_000
)

// table is what a node knows of places: of those that have ended, and of the open
// sessions of other nodes, which may have ended with their node. Times are Unix
// milliseconds. It is not safe for use by several goroutines at once.
type table struct {
	ended map[string][]endedPlace // by admin, in the order of their ends
	nodes map[string]*node
	size  int // places in all
}

// node is what is known of another node's open sessions.
type node struct {
	heard int64
	open  map[string]*sharedPlace // by admin
}

// sharedPlace is how far a person's sessions at another node have come, as that
// said last.
type sharedPlace struct {
	openPlace
	taken   int   // how many sessions went on from it since the node was silent
	takenAt int64 // when the last did
}

func newTable() *table {
	return &table{ended: map[string][]endedPlace{}, nodes: map[string]*node{}}
}

// end takes in that a session has ended.
func (t *table) end(place endedPlace) {
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
// went on from a place that is not here: from one of this node's open sessions.
func (t *table) read(r record) (missing []string) {
	for _, place := range r.Ended {
		t.end(place)
	}
	for _, admin := range r.Taken {
		if !t.take(admin, r.At) {
			missing = append(missing, admin)
		}
	}
	n := t.nodes[r.Node]
	if n == nil {
		n = &node{open: map[string]*sharedPlace{}}
		t.nodes[r.Node] = n
	}
	n.heard = max(n.heard, r.At)
	for _, place := range r.Open {
		old := n.open[place.Admin]
		switch {
		case place.Sessions <= 0 && old != nil:
			delete(n.open, place.Admin)
			t.size--
		case place.Sessions <= 0:
		case old != nil:
			*old = sharedPlace{openPlace: place}
		case t.size < mostPlaces:
			n.open[place.Admin] = &sharedPlace{openPlace: place}
			t.size++
		}
	}
	if r.Left {
		t.forget(r.Node)
	}
	return missing
}

// forget removes a node.
func (t *table) forget(name string) {
	t.size -= len(t.nodes[name].open)
	delete(t.nodes, name)
}

// resume returns from where a new session of the person goes on, if from anywhere,
// and uses up one place.
func (t *table) resume(admin string, now int64) (hub.Cursor, bool) {
	t.expireEnded(admin, now)
	var texts []string
	for _, place := range t.ended[admin] {
		texts = append(texts, place.Cursor)
	}
	for _, n := range t.nodes {
		if place := n.open[admin]; place != nil && n.left(place) > 0 && now-n.heard <= Grace.Milliseconds() {
			texts = append(texts, place.Cursor)
		}
	}
	if len(texts) == 0 {
		return nil, false
	}
	t.take(admin, now)
	cursor, err := hub.ParseCursor(lowest(texts...))
	return cursor, err == nil && len(cursor) > 0
}

// left returns how many sessions can still go on from the place. What was taken
// before the node spoke again does not count: its sessions were alive.
func (n *node) left(place *sharedPlace) int {
	if place.takenAt <= n.heard {
		return place.Sessions
	}
	return place.Sessions - place.taken
}

// take uses up one place of the person: the one that ended last, which is the least
// likely to be missed by the others, or else one of another node's. It reports
// false if there is none.
func (t *table) take(admin string, now int64) bool {
	if places := t.ended[admin]; len(places) > 0 {
		t.setEnded(admin, places[:len(places)-1])
		return true
	}
	for _, n := range t.nodes {
		place := n.open[admin]
		if place == nil || n.left(place) <= 0 {
			continue
		}
		if place.takenAt <= n.heard {
			place.taken = 0
		}
		place.taken++
		place.takenAt = now
		return true
	}
	return false
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

// expireEnded lets the ended places of a person go that are too old.
func (t *table) expireEnded(admin string, now int64) {
	places := t.ended[admin]
	young := slices.IndexFunc(places, func(p endedPlace) bool { return now-p.At <= Grace.Milliseconds() })
	switch {
	case young == 0 || len(places) == 0:
	case young < 0:
		t.setEnded(admin, nil)
	default:
		t.setEnded(admin, slices.Clone(places[young:]))
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
		}
	}
}
