package rules

import "bongsu/internal/hub"

// smallWindow is the size up to which a window is searched one by one, which
// spares the many quiet streams a map.
const smallWindow = 16

// window remembers the ids of a stream's newest entries, hub.DuplicateWindow of
// them. The zero window is empty.
type window struct {
	ids    []string // a ring once it is full
	oldest int      // index of the oldest id once it is full
	set    map[string]struct{}
}

// newWindow returns a window that holds ids, oldest first.
func newWindow(ids []string) window {
	var w window
	for _, id := range ids {
		w.add(id)
	}
	return w
}

func (w *window) has(id string) bool {
	if w.set != nil {
		_, found := w.set[id]
		return found
	}
	for _, have := range w.ids {
		if have == id {
			return true
		}
	}
	return false
}

// add remembers an id that the window does not have, and forgets the oldest
// when it is full.
func (w *window) add(id string) {
	if len(w.ids) < hub.DuplicateWindow {
		w.ids = append(w.ids, id)
	} else {
		delete(w.set, w.ids[w.oldest])
		w.ids[w.oldest] = id
		w.oldest = (w.oldest + 1) % len(w.ids)
	}
	switch {
	case w.set != nil:
		w.set[id] = struct{}{}
	case len(w.ids) > smallWindow:
		w.set = make(map[string]struct{}, 2*len(w.ids))
		for _, have := range w.ids {
			w.set[have] = struct{}{}
		}
	}
}
