package link

import "bongsu/internal/hub"

// Item is one thing that a followed stream got: entries, marks of the person
// whose own stream it is, a floor, or its loss.
type Item struct {
	Stream hub.Stream
	// Entries ascend without a gap.
	Entries []*hub.Entry
	Marks   map[hub.Stream]uint64
	// Floor is where retention has moved the stream's floor, 0 if it has not.
	Floor uint64
	// Lost says that the owner gives no more of the stream.
	Lost bool
}

const (
	itemSize  = 64 // what an item takes, about, beside its entries and marks
	entrySize = 48 // what an entry takes, about, beside its texts
	markSize  = 16 // what a mark takes, about, beside its stream's name
)

// Size returns about how many bytes the item takes on its way.
func (i *Item) Size() int {
	size := itemSize + len(i.Stream)
	for _, entry := range i.Entries {
		size += EntrySize(entry)
	}
	for stream := range i.Marks {
		size += MarkSize(stream)
	}
	return size
}

// EntrySize returns about how many bytes an entry takes on its way.
func EntrySize(e *hub.Entry) int { return entrySize + len(e.ID) + len(e.Type) + len(e.Payload) }

// MarkSize returns about how many bytes a mark takes on its way.
func MarkSize(stream hub.Stream) int { return markSize + len(stream) }

// split cuts an item's entries so that the first part has at most room bytes, or
// one entry. rest is false when there is no second part.
func (i *Item) split(room int) (first, second Item, rest bool) {
	size := itemSize + len(i.Stream)
	for n, entry := range i.Entries {
		size += EntrySize(entry)
		if n > 0 && size > room {
			return Item{Stream: i.Stream, Entries: i.Entries[:n:n]}, Item{Stream: i.Stream, Entries: i.Entries[n:]}, true
		}
	}
	return *i, Item{}, false
}
