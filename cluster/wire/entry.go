package wire

import (
	"strings"

	"bongsu/cluster/link"
	"bongsu/internal/hub"
)

// FromBatch returns the message for a batch of a link. It refers to the batch's
// entries and to none of its slices.
func FromBatch(from string, batch *link.Batch) *Batch {
	total := 0
	for i := range batch.Items {
		total += len(batch.Items[i].Entries)
	}
	entries := newSlab(total)
	items := make([]Item, len(batch.Items)) // one piece of memory for all
	m := &Batch{From: from, Epoch: batch.Epoch, Number: batch.Number, Items: make([]*Item, len(items))}
	for i := range items {
		in, out := &batch.Items[i], &items[i]
		out.Stream, out.Floor, out.Lost = string(in.Stream), in.Floor, in.Lost
		out.Entries = entries.fill(in.Entries)
		out.Marks = FromMarks(in.Marks)
		m.Items[i] = out
	}
	return m
}

// Size returns about how many bytes the batch takes: what link counts for it.
func (x *Batch) Size() int {
	size := 0
	for _, item := range x.GetItems() {
		one := link.Item{Stream: hub.Stream(item.GetStream())}
		size += one.Size()
		for _, e := range item.GetEntries() {
			size += link.EntrySize(&hub.Entry{ID: e.GetId(), Type: e.GetType(), Payload: e.GetPayload()})
		}
		for _, mark := range item.GetMarks() {
			size += link.MarkSize(hub.Stream(mark.GetStream()))
		}
	}
	return size
}

// slab is memory for several entries, taken in one piece.
type slab struct {
	entries  []Entry
	pointers []*Entry
}

func newSlab(n int) *slab {
	if n == 0 {
		return &slab{}
	}
	return &slab{make([]Entry, n), make([]*Entry, n)}
}

func (s *slab) fill(in []*hub.Entry) []*Entry {
	if len(in) == 0 {
		return nil
	}
	out := s.pointers[:len(in):len(in)]
	for i, e := range in {
		to := &s.entries[i]
		to.Seq, to.Offset, to.Time, to.Kind = e.Seq, e.Offset, e.Time, uint32(e.Kind)
		// A message with a text that is none would vanish.
		to.Id, to.Type = valid(e.ID), valid(e.Type)
		to.Payload = e.Payload
		out[i] = to
	}
	s.entries, s.pointers = s.entries[len(in):], s.pointers[len(in):]
	return out
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// FromEntries returns the messages for entries of one stream.
func FromEntries(in []*hub.Entry) []*Entry { return newSlab(len(in)).fill(in) }

// ToEntries returns the entries of a stream that the messages stand for. They
// share the messages' texts and payloads.
func ToEntries(stream hub.Stream, in []*Entry) []*hub.Entry {
	if len(in) == 0 {
		return nil
	}
	entries := make([]hub.Entry, len(in))
	out := make([]*hub.Entry, len(in))
	for i, e := range in {
		entries[i] = hub.Entry{
			Stream: stream, Seq: e.GetSeq(), Offset: e.GetOffset(), Time: e.GetTime(), Kind: hub.Kind(e.GetKind()),
			ID: e.GetId(), Type: e.GetType(), Payload: e.GetPayload(),
		}
		out[i] = &entries[i]
	}
	return out
}

// FromMarks returns places for marks.
func FromMarks(marks map[hub.Stream]uint64) []*Place {
	if len(marks) == 0 {
		return nil
	}
	places := make([]*Place, 0, len(marks))
	for stream, seq := range marks {
		places = append(places, &Place{Stream: string(stream), Seq: seq})
	}
	return places
}

// ToMarks returns the marks that the places stand for.
func ToMarks(places []*Place) map[hub.Stream]uint64 {
	marks := make(map[hub.Stream]uint64, len(places))
	for _, place := range places {
		marks[hub.Stream(place.GetStream())] = place.GetSeq()
	}
	return marks
}

// FromStreams returns places for streams alone.
func FromStreams(streams []hub.Stream) []*Place {
	places := make([]*Place, len(streams))
	for i, stream := range streams {
		places[i] = &Place{Stream: string(stream)}
	}
	return places
}

// FromHeads returns places for heads.
func FromHeads(heads []hub.Head) []*Place {
	places := make([]*Place, len(heads))
	for i, head := range heads {
		places[i] = &Place{Stream: string(head.Stream), Seq: head.Seq, Floor: head.Floor}
	}
	return places
}

// ToHeads returns the heads that the places stand for.
func ToHeads(places []*Place) []hub.Head {
	heads := make([]hub.Head, len(places))
	for i, place := range places {
		heads[i] = hub.Head{Stream: hub.Stream(place.GetStream()), Seq: place.GetSeq(), Floor: place.GetFloor()}
	}
	return heads
}
