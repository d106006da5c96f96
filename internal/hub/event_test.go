package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const full = `{"id":"ord-1","type":"ORDER_PLACED","targets":["mall:1001","admin:7","mall:1001"],
 "title":"새 주문","body":"3건 <59,000원>","link":"/orders/1","data":{"big": 12345678901234567890, "f": 1.10},
 "sound":"bell","priority":"low","at":"2026-11-20T19:30:00.5+09:00","expiresAt":"2026-12-20T00:00:00Z","extra":1}`

func TestParseEventReadsEveryMember(t *testing.T) {
	e, err := ParseEvent([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if want := []Stream{"mall:1001", "admin:7"}; !slices.Equal(e.Targets, want) {
		t.Errorf("targets %v, want %v: repetitions collapsed", e.Targets, want)
	}
	if e.ID != "ord-1" || e.Type != "ORDER_PLACED" || e.Title != "새 주문" || e.Body != "3건 <59,000원>" ||
		e.Link != "/orders/1" || e.Sound != "bell" || e.Priority != "low" {
		t.Errorf("wrong member in %+v", e)
	}
	if want := time.Date(2026, 11, 20, 10, 30, 0, 5e8, time.UTC); !e.At.Equal(want) {
		t.Errorf("at %v, want %v", e.At, want)
	}
	if want := time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC); !e.ExpiresAt.Equal(want) {
		t.Errorf("expiresAt %v, want %v", e.ExpiresAt, want)
	}
}

func TestRecordsShareOnePayload(t *testing.T) {
	e, err := ParseEvent([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	records := e.Records(time.Time{})
	if len(records) != 2 || &records[0].Payload[0] != &records[1].Payload[0] {
		t.Fatalf("want two records with one payload, got %d", len(records))
	}
	r := records[1]
	if r.Stream != "admin:7" || r.Kind != Notification || r.ID != "ord-1" || r.Type != "ORDER_PLACED" {
		t.Errorf("record %+v", r)
	}
	want := `{"id":"ord-1","kind":"notification","type":"ORDER_PLACED","title":"새 주문","body":"3건 <59,000원>",` +
		`"link":"/orders/1","data":{"big":12345678901234567890,"f":1.10},"sound":"bell","priority":"low",` +
		`"at":"2026-11-20T10:30:00.500Z","expiresAt":"2026-12-20T00:00:00.000Z"}`
	if string(r.Payload) != want {
		t.Errorf("payload\n%s\nwant\n%s", r.Payload, want)
	}
}

func TestRecordsLeaveOutWhatIsEmpty(t *testing.T) {
	e, err := ParseEvent([]byte(`{"id":"a","type":"CUSTOM","targets":["all"],"body":"b","data":null,"at":""}`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 6_999_999, time.UTC)
	want := `{"id":"a","kind":"notification","type":"CUSTOM","body":"b","at":"2026-01-02T03:04:05.006Z"}`
	if got := string(e.Records(now)[0].Payload); got != want {
		t.Errorf("payload %s\nwant    %s", got, want)
	}
}

func TestKnownTypesFillInWhatIsMissing(t *testing.T) {
	for _, known := range KnownTypes() {
		e, err := ParseEvent(fmt.Appendf(nil, `{"type":%q,"targets":["all"],"body":"b"}`, known.Type))
		if err != nil {
			t.Fatal(err)
		}
		if e.Title != known.Title || e.Sound != known.Sound || e.Priority != known.Priority {
			t.Errorf("%s: %+v does not have the defaults %+v", known.Type, e, known)
		}
		if known.Title == "" || known.Icon == "" || known.Korean == "" || known.English == "" {
			t.Errorf("incomplete: %+v", known)
		}
	}
	if _, ok := LookupType("CUSTOM"); ok {
		t.Error("CUSTOM is not known")
	}
}

func TestParseEventSaysWhatIsWrong(t *testing.T) {
	with := func(member string) string {
		return `{"type":"T","targets":["all"],"title":"t",` + member + `}`
	}
	for reason, value := range map[string]string{
		"not JSON":                           `{"type":`,
		"want a JSON object, got":            `[]`,
		"not UTF-8":                          "{\"type\":\"T\",\"title\":\"\xff\"}",
		"an event has at most":               with(`"x":"` + strings.Repeat("x", MaxEvent) + `"`),
		"type: missing":                      `{"targets":["all"],"title":"t"}`,
		`type: "order" is not`:               `{"type":"order","targets":["all"],"title":"t"}`,
		`type: "T` + strings.Repeat("T", 64): `{"type":"T` + strings.Repeat("T", 64) + `","targets":["all"],"title":"t"}`,
		"type: want a string, got num":       `{"type":1,"targets":["all"],"title":"t"}`,
		"targets: missing":                   `{"type":"T","targets":[],"title":"t"}`,
		"targets: want an array":             `{"type":"T","targets":"all","title":"t"}`,
		"targets: want a string":             `{"type":"T","targets":[7],"title":"t"}`,
		`targets: stream "mall:"`:            `{"type":"T","targets":["all","mall:"],"title":"t"}`,
		"targets: at most 10000":             `{"type":"T","targets":[` + strings.Repeat(`"all",`, MaxTargets) + `"all"],"title":"t"}`,
		"title: missing":                     `{"type":"ORDER_PLACED","targets":["all"],"title":" "}`,
		"id: longer than":                    with(`"id":"` + strings.Repeat("봉", MaxID+1) + `"`),
		"id: has a control":                  with(`"id":"a\nb"`),
		"link: longer":                       with(`"link":"` + strings.Repeat("l", MaxLink+1) + `"`),
		"sound: longer":                      with(`"sound":"` + strings.Repeat("l", MaxWord+1) + `"`),
		"priority: longer":                   with(`"priority":"` + strings.Repeat("l", MaxWord+1) + `"`),
		"data: want a JSON object":           with(`"data":[1]`),
		"data: at most":                      with(`"data":{"x":"` + strings.Repeat("x", MaxData) + `"}`),
		`at: "yesterday"`:                    with(`"at":"yesterday"`),
		`at: "0001-01-01`:                    with(`"at":"0001-01-01T00:00:00Z"`),
		`expiresAt: "9999-12-31`:             with(`"expiresAt":"9999-12-31T23:59:59-01:00"`),
	} {
		_, err := ParseEvent([]byte(value))
		if err == nil || !errors.Is(err, ErrInvalid) || !strings.HasPrefix(err.Error(), reason) {
			t.Errorf("got %v, want %q", err, reason)
		}
	}
}

func TestLimitsAreInclusive(t *testing.T) {
	data := `{"x":"` + strings.Repeat("x", MaxData-len(`{"x":""}`)) + `"}`
	names := make([]string, MaxTargets)
	for i := range names {
		names[i] = fmt.Sprintf("%q", fmt.Sprint("mall:", i))
	}
	value := `{"type":"` + strings.Repeat("T", MaxType) + `","title":"t","id":"` + strings.Repeat("봉", MaxID) +
		`","data":` + data + `,"targets":[` + strings.Join(names, ",") + `]}`
	e, err := ParseEvent([]byte(value + strings.Repeat(" ", MaxEvent-len(value))))
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Targets) != MaxTargets || len(e.Data) != MaxData {
		t.Errorf("%d targets, %d bytes of data", len(e.Targets), len(e.Data))
	}
}

func TestValidateChecksAnEventMadeByHand(t *testing.T) {
	good := Event{Type: "T", Targets: []Stream{All}, Title: "t"}
	if err := good.Validate(); err != nil {
		t.Errorf("a good event: %v", err)
	}
	for name, spoil := range map[string]func(*Event){
		"type":           func(e *Event) { e.Type = "" },
		"no target":      func(e *Event) { e.Targets = nil },
		"bad target":     func(e *Event) { e.Targets = []Stream{"mall"} },
		"too many":       func(e *Event) { e.Targets = make([]Stream, MaxTargets+1) },
		"blank":          func(e *Event) { e.Title = "" },
		"data no JSON":   func(e *Event) { e.Data = json.RawMessage(`{"a"`) },
		"data no object": func(e *Event) { e.Data = json.RawMessage(`"a"`) },
		"encoding":       func(e *Event) { e.Body = "\xff" },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"type":"T","targets":["all"],"body":"\u2028\ud800\\\"\u0001","data":{ "a" : [ ] } }`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := ParseEvent(value)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			return
		}
		if err := e.Validate(); err != nil {
			t.Fatalf("a parsed event is not valid: %v", err)
		}
		records := e.Records(time.Unix(0, 0))
		if len(records) != len(e.Targets) {
			t.Fatalf("%d records for %d targets", len(records), len(e.Targets))
		}
		payload := records[0].Payload
		if bytes.ContainsAny(payload, "\n\r") {
			t.Fatalf("a line break in %q", payload)
		}
		var back Event
		if err := json.Unmarshal(payload, &back); err != nil {
			t.Fatalf("%q: %v", payload, err)
		}
		if back.Title != e.Title || back.Body != e.Body || back.Link != e.Link || back.ID != e.ID {
			t.Fatalf("%q does not hold %+v", payload, e)
		}
		if len(e.Data) > 0 && !sameTokens(t, e.Data, back.Data) {
			t.Fatalf("data %s became %s", e.Data, back.Data)
		}
	})
}

// sameTokens reports whether two JSON texts differ in white space only.
func sameTokens(t *testing.T, a, b []byte) bool {
	var x, y bytes.Buffer
	if err := errors.Join(json.Compact(&x, a), json.Compact(&y, b)); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

func BenchmarkParseEvent(b *testing.B) {
	value := []byte(full)
	b.ReportAllocs()
	for b.Loop() {
		e, err := ParseEvent(value)
		if err != nil {
			b.Fatal(err)
		}
		e.Records(time.Time{})
	}
}
