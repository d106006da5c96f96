package timelinetest

import (
	"fmt"
	"slices"
	"strings"

	"bongsu/internal/hub"
)

// reference is what a timeline must equal, in the plainest form.
type reference struct {
	streams map[hub.Stream]map[uint64]*hub.Entry
	floors  map[hub.Stream]uint64
}

func newReference() reference {
	return reference{streams: map[hub.Stream]map[uint64]*hub.Entry{}, floors: map[hub.Stream]uint64{}}
}

func (r *reference) add(entries []*hub.Entry) {
	for _, e := range entries {
		if r.streams[e.Stream] == nil {
			r.streams[e.Stream] = map[uint64]*hub.Entry{}
		}
		r.streams[e.Stream][e.Seq] = e
	}
}

// list answers a query by the meaning that hub gives it.
func (r *reference) list(query hub.Query) []*hub.Entry {
	var page []*hub.Entry
	for stream, entries := range r.streams {
		for _, e := range entries {
			if e.Seq > r.floors[stream] && query.Holds(e) {
				page = append(page, e)
			}
		}
	}
	slices.SortFunc(page, func(a, b *hub.Entry) int { return b.Place().Compare(a.Place()) })
	return page[:min(len(page), query.Limit)]
}

func (r *reference) between(stream hub.Stream, after, to uint64, limit int) []*hub.Entry {
	var part []*hub.Entry
	for _, e := range r.ordered(stream) {
		if e.Seq > max(after, r.floors[stream]) && e.Seq <= to {
			part = append(part, e)
		}
	}
	return part[:hub.Fitting(part, limit, hub.MaxRangeBytes)]
}

// ordered returns all entries of a stream, ascending.
func (r *reference) ordered(stream hub.Stream) []*hub.Entry {
	var all []*hub.Entry
	for _, e := range r.streams[stream] {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *hub.Entry) int { return a.Place().Compare(b.Place()) })
	return all
}

// state returns what Load must say, marks aside.
func (r *reference) state(request hub.LoadRequest) hub.StreamState {
	state := hub.StreamState{Head: hub.Head{Stream: request.Stream, Floor: r.floors[request.Stream]}}
	for _, e := range r.ordered(request.Stream) {
		if e.Offset < request.Before {
			state.Seq, state.Time = e.Seq, e.Time
			state.IDs = append(state.IDs, e.ID)
		}
	}
	state.IDs = state.IDs[max(0, len(state.IDs)-hub.DuplicateWindow):]
	return state
}

// differs says in what a loaded state is not the wanted one, and "" when in
// nothing. Marks are not compared.
func differs(got, want hub.StreamState) string {
	switch {
	case got.Head != want.Head:
		return fmt.Sprintf("head %+v, want %+v", got.Head, want.Head)
	case got.Time != want.Time:
		return fmt.Sprintf("time %d, want %d", got.Time, want.Time)
	case !slices.Equal(got.IDs, want.IDs):
		return fmt.Sprintf("%d ids %s, want %d %s", len(got.IDs), ends(got.IDs), len(want.IDs), ends(want.IDs))
	}
	return ""
}

func ends(ids []string) string {
	if len(ids) > 4 {
		ids = []string{ids[0], ids[1], "…", ids[len(ids)-2], ids[len(ids)-1]}
	}
	return fmt.Sprintf("[%s]", strings.Join(ids, " "))
}
