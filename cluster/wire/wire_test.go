package wire_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"bongsu/cluster/link"
	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

func TestABatchKeepsAllThatItsItemsSay(t *testing.T) {
	entries := []*hub.Entry{
		{Stream: "all", Seq: 1, Offset: 10, Time: 100, Kind: hub.Notification, ID: "a", Type: "NOTICE", Payload: []byte(`{"x":1}`)},
		{Stream: "all", Seq: 2, Offset: 11, Time: 101, Kind: hub.Notification, ID: "b", Type: "NOTICE", Payload: []byte(`{"x":2}`)},
	}
	batch := link.Batch{Epoch: 3, Number: 9, Items: []link.Item{
		{Stream: "all", Entries: entries},
		{Stream: "admin:1", Marks: map[hub.Stream]uint64{"all": 2, "mall:1": 7}},
		{Stream: "mall:1", Floor: 5},
		{Stream: "mall:2", Lost: true},
		{Stream: "mall:3", Entries: []*hub.Entry{{Stream: "mall:3", Seq: 4}}},
	}}
	for i := range batch.Items {
		batch.Size += batch.Items[i].Size()
	}
	encoded, err := proto.Marshal(wire.FromBatch("me", &batch))
	if err != nil {
		t.Fatal(err)
	}
	var got wire.Batch
	if err := proto.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if got.GetFrom() != "me" || got.GetEpoch() != 3 || got.GetNumber() != 9 || len(got.GetItems()) != 5 {
		t.Fatalf("got %v", &got)
	}
	if back := wire.ToEntries("all", got.GetItems()[0].GetEntries()); !reflect.DeepEqual(back, entries) {
		t.Errorf("entries became %v", back)
	}
	if marks := wire.ToMarks(got.GetItems()[1].GetMarks()); !maps.Equal(marks, batch.Items[1].Marks) {
		t.Errorf("marks became %v", marks)
	}
	if got.GetItems()[2].GetFloor() != 5 || !got.GetItems()[3].GetLost() || got.GetItems()[4].GetEntries()[0].GetSeq() != 4 {
		t.Errorf("got %v", &got)
	}
	if got.Size() != batch.Size {
		t.Errorf("one end counts %d bytes, the other %d", batch.Size, got.Size())
	}
}

// The sizes by which batches are bounded must not be less than what is sent.
func TestSizesAreNotTooSmall(t *testing.T) {
	item := link.Item{Stream: hub.Stream("mall:" + strings.Repeat("x", hub.MaxKey)), Marks: map[hub.Stream]uint64{}}
	for i := range 100 {
		item.Entries = append(item.Entries, &hub.Entry{
			Seq: 1 << 62, Offset: 1 << 62, Time: 1 << 62, Kind: 255, ID: strings.Repeat("i", 128), Type: strings.Repeat("T", 64), Payload: make([]byte, i*100),
		})
		item.Marks[hub.Stream(fmt.Sprint("mall:", i))] = 1 << 62
	}
	batch := link.Batch{Items: []link.Item{item}}
	if sent, counted := proto.Size(wire.FromBatch("", &batch)), item.Size(); sent > counted {
		t.Errorf("%d bytes are sent, %d counted", sent, counted)
	}
}

func TestATextThatIsNoneDoesNotMakeAMessageVanish(t *testing.T) {
	batch := link.Batch{Items: []link.Item{{Stream: "all", Entries: []*hub.Entry{{Seq: 1, ID: "a\xff", Type: "\xfe"}}}}}
	if _, err := proto.Marshal(wire.FromBatch("me", &batch)); err != nil {
		t.Error(err)
	}
	if _, err := proto.Marshal(wire.FromError(errors.New("bad \xff text"))); err != nil {
		t.Error(err)
	}
}

func TestErrorsKeepTheirClassAndText(t *testing.T) {
	if wire.FromError(nil) != nil || wire.ToError(nil) != nil {
		t.Error("no error became one")
	}
	for _, class := range []error{hub.ErrInvalid, hub.ErrForbidden, hub.ErrUnauthenticated, hub.ErrNotFound, hub.ErrUnavailable} {
		err := wire.ToError(wire.FromError(fmt.Errorf("stream x: %w", class)))
		if !errors.Is(err, class) || err.Error() != "stream x: "+class.Error() {
			t.Errorf("%v became %v", class, err)
		}
	}
	for _, late := range []error{context.DeadlineExceeded, context.Canceled} {
		if err := wire.ToError(wire.FromError(late)); !hub.Temporary(err) {
			t.Errorf("%v became %v, which cannot be mended", late, err)
		}
	}
	if err := wire.ToError(wire.FromError(errors.New("a bug"))); err == nil || hub.Temporary(err) {
		t.Errorf("an unknown error became %v", err)
	}
	if err := wire.ToError(&wire.Failure{Class: 99, Text: "x"}); err == nil || errors.Unwrap(err) != nil {
		t.Errorf("a class of a later version became %v", err)
	}
	if err := wire.ToError(wire.FromError(errors.New(strings.Repeat("봉", 5000)))); len(err.Error()) > 1100 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}
