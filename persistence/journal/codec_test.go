package journal

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"bongsu/internal/hub"
)

func sample() hub.Record {
	return hub.Record{
		Stream: "mall:1001", Kind: hub.Notification, ID: "ord-1", Type: "ORDER_PLACED",
		Payload: []byte(`{"id":"ord-1","kind":"notification","type":"ORDER_PLACED","title":"새 주문"}`),
	}
}

func TestARecordSurvivesTheJournal(t *testing.T) {
	first := hub.Record{Stream: "admin:7", Kind: hub.FirstMarks, Payload: hub.EncodeMarks(map[hub.Stream]uint64{hub.All: 3})}
	marks := hub.Record{Stream: "admin:7", Kind: hub.Marks, Payload: hub.EncodeMarks(map[hub.Stream]uint64{hub.All: 3})}
	var d Decoder
	for _, want := range []hub.Record{sample(), marks, first} {
		value, err := encodeValue(&want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode([]byte(want.Stream), value)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		for i := range value {
			value[i] = 0
		}
		if !bytes.Equal(got.Payload, want.Payload) {
			t.Error("the record refers to the message")
		}
	}
}

func TestTheFormatNeverChanges(t *testing.T) {
	r := hub.Record{Kind: hub.Notification, ID: "id", Type: "T", Payload: []byte("{}")}
	value, err := encodeValue(&r)
	if want := "\x01\x01\x02id\x01T{}"; err != nil || string(value) != want {
		t.Errorf("got %q, %v; want %q", value, err, want)
	}
}

func TestRecordsThatCannotBeAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*hub.Record){
		"no kind":      func(r *hub.Record) { r.Kind = 0 },
		"long id":      func(r *hub.Record) { r.ID = strings.Repeat("x", maxID+1) },
		"long type":    func(r *hub.Record) { r.Type = strings.Repeat("X", hub.MaxType+1) },
		"no payload":   func(r *hub.Record) { r.Payload = nil },
		"no object":    func(r *hub.Record) { r.Payload = []byte(`"text"`) },
		"large":        func(r *hub.Record) { r.Payload = []byte("{" + strings.Repeat(" ", MaxRecord) + "}") },
		"wrong stream": func(r *hub.Record) { r.Stream = "mall" },
	} {
		r := sample()
		spoil(&r)
		if _, err := newCall([]hub.Record{sample(), r}, 4); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestBrokenMessagesAreRefused(t *testing.T) {
	r := sample()
	good, err := encodeValue(&r)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]struct{ key, value string }{
		"no stream":       {"", string(good)},
		"wrong stream":    {"shop:1", string(good)},
		"empty":           {"all", ""},
		"unknown version": {"all", "\x02" + string(good[1:])},
		"unknown kind":    {"all", "\x01\x09" + string(good[2:])},
		"cut in the id":   {"all", string(good[:4])},
		"cut in the type": {"all", string(good[:10])},
		"no payload":      {"all", string(good[:2+1+5+1+12])},
		"endless length":  {"all", "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
	} {
		var d Decoder
		if _, err := d.Decode([]byte(m.key), []byte(m.value)); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	r := sample()
	value, err := encodeValue(&r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("mall:1001"), value)
	f.Add([]byte("all"), []byte("\x01\x02\x00\x00{}"))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		var d Decoder
		got, err := d.Decode(key, value)
		if err != nil {
			if !errors.Is(err, hub.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			return
		}
		again, err := encodeValue(&got)
		if err != nil {
			if len(value) > MaxRecord-64 {
				return // the brokers' limit, not the format's
			}
			t.Fatalf("decoded, but cannot be encoded: %v", err)
		}
		back, err := d.Decode(key, again)
		if err != nil || !reflect.DeepEqual(back, got) {
			t.Fatalf("%+v came back as %+v, %v", got, back, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	records := []hub.Record{sample()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := newCall(records, 64); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	r := sample()
	value, err := encodeValue(&r)
	if err != nil {
		b.Fatal(err)
	}
	key := []byte(r.Stream)
	var d Decoder
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(key, value); err != nil {
			b.Fatal(err)
		}
	}
}
