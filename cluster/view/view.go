package view

import (
	"slices"
	"strings"
)

// View is who is in the cluster at one moment and who owns which shard, as one
// node knows it. It never changes, and any goroutine may read it.
type View struct {
	members []Announcement
	owners  []int32 // of each shard: the index of its owner in members, -1 for none
}

// New returns the view of what the living members announce, of a journal with so
// many shards. A shard that several claim is its claimant's of the highest
// generation, and of the lowest id among those: whoever lost it in a later
// generation has not said so yet. Of two announcements with one id the higher
// version holds. A shard count below zero counts as none.
func New(shards int32, announcements ...Announcement) *View {
	v := &View{members: slices.Clone(announcements), owners: make([]int32, max(shards, 0))}
	slices.SortFunc(v.members, func(a, b Announcement) int {
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return int(int64(b.Version) - int64(a.Version))
	})
	v.members = slices.CompactFunc(v.members, func(a, b Announcement) bool { return a.ID == b.ID })
	for shard := range v.owners {
		v.owners[shard] = v.claimant(int32(shard))
	}
	return v
}

func (v *View) claimant(shard int32) int32 {
	owner := int32(-1)
	for i := range v.members {
		if v.members[i].Shards.Has(shard) && (owner < 0 || v.members[i].Generation > v.members[owner].Generation) {
			owner = int32(i)
		}
	}
	return owner
}

// Shards returns how many shards the journal has.
func (v *View) Shards() int32 { return int32(len(v.owners)) }

// Owner returns the id of the shard's owner, and false when no living member
// claims it.
func (v *View) Owner(shard int32) (id string, ok bool) {
	if shard < 0 || int(shard) >= len(v.owners) || v.owners[shard] < 0 {
		return "", false
	}
	return v.members[v.owners[shard]].ID, true
}

// Member returns what the member of this id announced, and false if there is none.
func (v *View) Member(id string) (Announcement, bool) {
	i, ok := slices.BinarySearchFunc(v.members, id, func(a Announcement, id string) int { return strings.Compare(a.ID, id) })
	if !ok {
		return Announcement{}, false
	}
	return v.members[i], true
}

// Members returns the members by ascending id. The slice is shared: it is not to
// be changed.
func (v *View) Members() []Announcement { return v.members }

// Unowned returns the shards that no living member claims, ascending.
func (v *View) Unowned() []int32 {
	var list []int32
	for shard, owner := range v.owners {
		if owner < 0 {
			list = append(list, int32(shard))
		}
	}
	return list
}

// Equal reports whether both views say the same.
func (v *View) Equal(other *View) bool {
	return len(v.owners) == len(other.owners) && slices.EqualFunc(v.members, other.members, Announcement.Equal)
}
