package ingest

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bongsu/internal/hub"
)

func at(offset int64, value string, headers ...Header) Message {
	return Message{Topic: "BACKOFFICE-NOTIFICATIONS", Partition: 3, Offset: offset, Value: []byte(value), Headers: headers}
}

func TestPlainText(t *testing.T) {
	for text, want := range map[string]struct {
		target hub.Stream
		body   string
	}{
		"all:hello":           {"all", "hello"},
		"hello":               {"all", "hello"},
		"[공지] 서버 점검":          {"all", "[공지] 서버 점검"},
		"7:hello":             {"admin:7", "hello"},
		"7:me:hello":          {"admin:7", "hello"},
		"7:all:hello":         {"all", "hello"},
		"7:me":                {"admin:7", "me"},
		"7:you:hello":         {"admin:7", "you:hello"},
		"all:me:hello":        {"all", "me:hello"},
		"a.b@c:10:30 meeting": {"admin:a.b@c", "10:30 meeting"},
		"7:me:two\nlines":     {"admin:7", "two\nlines"},
	} {
		e, err := Decode(at(5, text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if !slices.Equal(e.Targets, []hub.Stream{want.target}) || e.Body != want.body {
			t.Errorf("%q went to %v as %q, want %v as %q", text, e.Targets, e.Body, want.target, want.body)
		}
		if e.Type != "NOTICE" || e.Title != "공지사항" || e.Text != text || e.ID != "BACKOFFICE-NOTIFICATIONS-3-5" {
			t.Errorf("%q became %+v", text, e)
		}
	}
	for _, text := range []string{"", "all:", "7:me: ", "공지: 점검", ":x", "a b:x", "\xff", strings.Repeat("x", hub.MaxEvent+1)} {
		if e, err := Decode(at(5, text)); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%.20q became %+v, %v", text, e, err)
		}
	}
}

func TestTextIsKeptAsPublished(t *testing.T) {
	e, err := Decode(at(5, "7:me:\"안녕\"\n하세요"))
	if err != nil {
		t.Fatal(err)
	}
	var payload struct{ Text, Body string }
	if err := json.Unmarshal(e.Records(time.Now())[0].Payload, &payload); err != nil {
		t.Fatal(err)
	}
	if payload.Text != "7:me:\"안녕\"\n하세요" || payload.Body != "\"안녕\"\n하세요" {
		t.Errorf("payload %+v", payload)
	}
}

func TestJSONEvents(t *testing.T) {
	e, err := Decode(at(9, ` {"type":"ORDER_PLACED","targets":["mall:1"],"body":"b"}`))
	if err != nil || e.ID != "BACKOFFICE-NOTIFICATIONS-3-9" || e.Title != "새 주문" {
		t.Errorf("got %+v, %v", e, err)
	}
	e, err = Decode(at(9, `{"id":"mine","type":"T","targets":["mall:1"],"title":"specversion"}`))
	if err != nil || e.ID != "mine" || e.Text != "" {
		t.Errorf("got %+v, %v", e, err)
	}
	for _, bad := range []string{`{`, `{}`, `{"type":"T","targets":["mall:1"]}`} {
		if _, err := Decode(at(9, bad)); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestALongTopicStillMakesAnID(t *testing.T) {
	m := at(5, "hello")
	m.Topic = strings.Repeat("t", 249)
	first, err := Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	m.Topic = strings.Repeat("t", 248) + "u"
	second, err := Decode(m)
	if err != nil || first.ID == second.ID || hub.CheckID(first.ID) != nil {
		t.Errorf("ids %q and %q, %v", first.ID, second.ID, err)
	}
}

var wantOrder = hub.Event{
	ID: "ce-1", Type: "ORDER_PLACED", Targets: []hub.Stream{"mall:1001", "admin:7"},
	Title: "새 주문", Body: "3건", Link: "/orders/1", Data: json.RawMessage(`{"orderNo":12345678901234567890}`),
	Sound: "order", Priority: "high", At: time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC),
}

func TestStructuredCloudEvents(t *testing.T) {
	const frame = `{"specversion":"1.0","id":"ce-1","source":"/orders","type":"ORDER_PLACED","time":"2026-11-20T10:30:00Z","targets":"mall:1001, admin:7",`
	header := Header{"content-type", []byte("application/cloudevents+json; charset=UTF-8")}
	for name, m := range map[string]Message{
		"event in data":          at(1, frame+`"data":{"body":"3건","link":"/orders/1","data":{"orderNo":12345678901234567890}}}`, header),
		"attributes":             at(1, frame+`"body":"3건","link":"/orders/1","data":{"orderNo":12345678901234567890}}`, header),
		"without content type":   at(1, frame+`"body":"3건","link":"/orders/1","data":{"orderNo":12345678901234567890}}`),
		"targets as an array":    at(1, strings.Replace(frame, `"mall:1001, admin:7"`, `["mall:1001","admin:7","mall:1001"]`, 1)+`"body":"3건","link":"/orders/1","data":{"orderNo":12345678901234567890}}`),
		"extensions of others":   at(1, frame+`"traceid":7,"body":"3건","link":"/orders/1","data":{"orderNo":12345678901234567890}}`),
		"attributes before data": at(1, frame+`"body":"3건","data":{"body":"other","link":"/orders/1","data":{"orderNo":12345678901234567890}}}`),
	} {
		e, err := Decode(m)
		if err != nil || !reflect.DeepEqual(e, wantOrder) {
			t.Errorf("%s: got %+v, %v\nwant %+v", name, e, err, wantOrder)
		}
	}
}

func TestBinaryCloudEvents(t *testing.T) {
	headers := []Header{
		{"ce_specversion", []byte("1.0")}, {"ce_id", []byte("ce-1")}, {"ce_source", []byte("/orders")},
		{"ce_type", []byte("ORDER_PLACED")}, {"ce_time", []byte("2026-11-20T10:30:00Z")}, {"ce_targets", []byte("mall:1001,admin:7")},
	}
	const data = `{"body":"3건","link":"/orders/1","data":{"orderNo":12345678901234567890}}`
	for _, contentType := range []string{"application/json", "", "application/vnd.shop+json; charset=utf-8"} {
		e, err := Decode(at(1, data, append([]Header{{"Content-Type", []byte(contentType)}}, headers...)...))
		if err != nil || !reflect.DeepEqual(e, wantOrder) {
			t.Errorf("%s: got %+v, %v", contentType, e, err)
		}
	}
	e, err := Decode(at(1, "평문", append([]Header{{"content-type", []byte("text/plain")}}, headers...)...))
	if err != nil || e.Body != "평문" || e.Title != "새 주문" {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestWhatBecomesOfCloudEventData(t *testing.T) {
	const frame = `{"specversion":"1.0","id":"1","source":"s","type":"T","targets":"all","subject":"subject","data":`
	for data, want := range map[string]hub.Event{
		`{"orderNo":1}`:                 {Title: "subject", Data: json.RawMessage(`{"orderNo":1}`)},
		`{"title":"t","orderNo":1}`:     {Title: "t", Data: json.RawMessage(`{"title":"t","orderNo":1}`)},
		`{"title":"t"}`:                 {Title: "t"},
		`{"title":7,"body":"b","x":[]}`: {Body: "b", Data: json.RawMessage(`{"title":7,"body":"b","x":[]}`)},
		`{"link":"/l"}`:                 {Title: "subject", Data: json.RawMessage(`{"link":"/l"}`)},
		`"text"`:                        {Body: "text"},
		`null`:                          {Title: "subject"},
	} {
		e, err := Decode(at(1, frame+data+"}"))
		want.ID, want.Type, want.Targets = "1", "T", []hub.Stream{hub.All}
		if err != nil || !reflect.DeepEqual(e, want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", data, e, err, want)
		}
	}
}

func TestCloudEventsSayWhatIsWrong(t *testing.T) {
	const frame = `{"specversion":"1.0","id":"1","source":"s","type":"T","targets":"all","title":"t"`
	for reason, m := range map[string]Message{
		"specversion":   at(1, strings.Replace(frame, "1.0", "0.3", 1)+"}"),
		"id: missing":   at(1, strings.Replace(frame, `"id":"1",`, "", 1)+"}"),
		"source":        at(1, strings.Replace(frame, `"source":"s",`, "", 1)+"}"),
		"type: missing": at(1, strings.Replace(frame, `"type":"T",`, "", 1)+"}"),
		`type: "shop.o`: at(1, strings.Replace(frame, `"T"`, `"shop.order"`, 1)+"}"),
		"targets":       at(1, strings.Replace(frame, `"all"`, `""`, 1)+"}"),
		"time":          at(1, frame+`,"time":"now"}`),
		"expiresAt":     at(1, frame+`,"expiresat":"now"}`),
		"data_base64":   at(1, frame+`,"data_base64":"AAAA"}`),
		"want a JSON":   at(1, frame+`,"data":[1]}`),
		"content type":  at(1, "x", Header{"content-type", []byte("application/cloudevents-batch+json")}),
		"not a JSON":    at(1, "x", Header{"content-type", []byte("application/cloudevents+json")}),
		"data of type":  at(1, "x", Header{"ce_specversion", []byte("1.0")}, Header{"content-type", []byte("image/png")}),
		"data is not":   at(1, "x", Header{"ce_specversion", []byte("1.0")}),
	} {
		e, err := Decode(m)
		if !errors.Is(err, hub.ErrInvalid) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: got %+v, %v", reason, e, err)
		}
	}
}

// checkDecode is what holds for any record.
func checkDecode(t *testing.T, m Message) {
	t.Helper()
	e, err := Decode(m)
	if err != nil {
		if !errors.Is(err, hub.ErrInvalid) {
			t.Fatalf("%v is not ErrInvalid", err)
		}
		return
	}
	if err := e.Validate(); err != nil || e.ID == "" {
		t.Fatalf("%+v is not valid: %v", e, err)
	}
	records := e.Records(time.Now())
	if len(records) != len(e.Targets) || !json.Valid(records[0].Payload) {
		t.Fatalf("%+v has the payload %q", e, records[0].Payload)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"all:x", "7:me:x", `{"type":"T","targets":["all"],"title":"t"}`, `{"specversion":"1.0"}`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) { checkDecode(t, at(1, string(value))) })
}

func FuzzCloudEvents(f *testing.F) {
	f.Add("application/cloudevents+json", "T", "all", []byte(`{"specversion":"1.0","id":"1","source":"s","type":"T","targets":"all","data":{"title":"t"}}`))
	f.Add("application/json", "T", "mall:1,all", []byte(`{"title":"t","data":{}}`))
	f.Add("text/plain", "NOTICE", "admin:7", []byte("text"))
	f.Fuzz(func(t *testing.T, contentType, kind, targets string, value []byte) {
		checkDecode(t, at(1, string(value), Header{"content-type", []byte(contentType)}))
		checkDecode(t, at(1, string(value), Header{"content-type", []byte(contentType)},
			Header{"ce_specversion", []byte("1.0")}, Header{"ce_id", []byte("1")}, Header{"ce_source", []byte("s")},
			Header{"ce_type", []byte(kind)}, Header{"ce_targets", []byte(targets)}))
	})
}

func BenchmarkDecode(b *testing.B) {
	m := at(1, `{"id":"ord-20261120-0001","type":"ORDER_PLACED","targets":["admin:7"],"title":"새 주문","body":"주문 20261120-0001, 3건 59,000원","link":"/orders/20261120-0001","data":{"orderNo":"20261120-0001"},"at":"2026-11-20T10:30:00Z"}`)
	b.ReportAllocs()
	for b.Loop() {
		e, err := Decode(m)
		if err != nil {
			b.Fatal(err)
		}
		e.Records(m.Time)
	}
}
