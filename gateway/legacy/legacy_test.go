package legacy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bongsu/gateway/legacy"
	"bongsu/internal/hub"
)

var seoul = time.FixedZone("Asia/Seoul", 9*60*60)

// entry makes the entry that the event becomes in the stream.
func entry(t *testing.T, stream hub.Stream, event string) *hub.Entry {
	t.Helper()
	e, err := hub.ParseEvent([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	r := e.Records(time.Date(2026, 1, 6, 1, 30, 0, 0, time.UTC))[0]
	return &hub.Entry{Stream: stream, Seq: 43, Kind: r.Kind, ID: r.ID, Type: r.Type, Payload: r.Payload}
}

func TestAnEntryBecomesTheBodyThatTheOlderPagesRead(t *testing.T) {
	for name, one := range map[string]struct {
		stream      hub.Stream
		event, mall string
		want        string
	}{
		"of all": {
			"all", `{"id":"n123456789","type":"NOTICE","targets":["all"],"body":"새로운 공지사항이 등록되었습니다.","data":{"clickEventParams":"{\"noticeSeq\":42}"}}`, "",
			`{"notificationSeq":123456789,"userSeq":1001,"message":"새로운 공지사항이 등록되었습니다.","createdDatetime":"2026-01-06T10:30:00","code":"NOTICE","name":"공지사항","clickEventParams":"{\"noticeSeq\":42}"}`,
		},
		"of a mall": {
			"mall:500", `{"id":"ord-1","type":"ORDER_PLACED","targets":["mall:500"],"title":"새 주문","data":{"orderNo":"a<b"}}`, "500",
			`{"notificationSeq":43,"complexSeq":500,"userSeq":1001,"message":"새 주문","createdDatetime":"2026-01-06T10:30:00","code":"ORDER_PLACED","name":"새 주문","clickEventParams":"{\"orderNo\":\"a<b\"}"}`,
		},
		"of a mall without a number": {
			"mall:a-1", `{"id":"n007","type":"X_1","targets":["mall:a-1"],"title":"t","at":"2026-05-01T00:00:00Z"}`, "a-1",
			`{"notificationSeq":43,"complexSeq":"a-1","userSeq":1001,"message":"t","createdDatetime":"2026-05-01T09:00:00","code":"X_1","name":"X_1","clickEventParams":"{}"}`,
		},
		"of a person, for a mall": {
			"admin:1001", `{"id":"n5","type":"NOTICE","targets":["admin:1001"],"body":"b","data":{"complexSeq":500,"clickEventParams":{"a":1}}}`, "500",
			`{"notificationSeq":5,"complexSeq":500,"userSeq":1001,"message":"b","createdDatetime":"2026-01-06T10:30:00","code":"NOTICE","name":"공지사항","clickEventParams":"{\"a\":1}"}`,
		},
	} {
		body, ok := legacy.Of(entry(t, one.stream, one.event), seoul)
		if !ok || body.Mall != one.mall {
			t.Errorf("%s: mall %q, %v", name, body.Mall, ok)
		}
		if got := string(body.Append(nil, "1001")); got != one.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, one.want)
		}
	}
}

func TestAnAdminThatIsNoNumberIsText(t *testing.T) {
	body, _ := legacy.Of(entry(t, "all", `{"type":"NOTICE","targets":["all"],"body":"b"}`), seoul)
	for admin, want := range map[string]string{"7": "7", "007": `"007"`, "a@b.c": `"a@b.c"`, "12345678901234567": "12345678901234567",
		"18446744073709551615": "18446744073709551615", "18446744073709551616": `"18446744073709551616"`, "+7": `"+7"`} {
		var got struct {
			UserSeq json.RawMessage `json:"userSeq"`
		}
		if err := json.Unmarshal(body.Append(nil, admin), &got); err != nil || string(got.UserSeq) != want {
			t.Errorf("%s: %s, %v", admin, got.UserSeq, err)
		}
	}
}

func TestAPackedBodyIsTheSame(t *testing.T) {
	for _, stream := range []hub.Stream{"all", "mall:500"} {
		body, _ := legacy.Of(entry(t, stream, `{"type":"NOTICE","targets":["all"],"body":"새로운"}`), seoul)
		packed := body.Pack()
		before, after := packed.Parts()
		got := string(before) + string(legacy.AppendUser(nil, "1001")) + string(after)
		if want := string(body.Append(nil, "1001")); got != want || string(packed.Mall()) != body.Mall {
			t.Errorf("%s: mall %q\n got %s\nwant %s", stream, packed.Mall(), got, want)
		}
	}
}

func TestAPartnersEntryHasNoBody(t *testing.T) {
	if _, ok := legacy.Of(entry(t, "partner:1", `{"type":"NOTICE","targets":["partner:1"],"body":"b"}`), seoul); ok {
		t.Error("the older servers knew no partners")
	}
}

func TestAMessageBecomesEvents(t *testing.T) {
	const message = `[{"notificationSeq":123456789,"complexSeq":500,"userSeq":1001,"message":"공지","createdDatetime":"2026-01-06T10:30:00","code":"NOTICE","name":"공지사항","clickEventParams":"{\"noticeSeq\":42}"},
		{"notificationSeq":"6","complexSeq":"500","userSeq":"a@b.c","message":"b","code":"ORDER_PLACED"}]`
	events, err := legacy.Events([]byte(message), true, seoul)
	if err != nil || len(events) != 2 {
		t.Fatalf("%v, %v", events, err)
	}
	e := events[0]
	if e.ID != "n123456789" || e.Type != "NOTICE" || e.Body != "공지" || len(e.Targets) != 1 || e.Targets[0] != "admin:1001" {
		t.Errorf("event %+v", e)
	}
	if want := time.Date(2026, 1, 6, 1, 30, 0, 0, time.UTC); !e.At.Equal(want) {
		t.Errorf("at %v, want %v", e.At, want)
	}
	if want := `{"clickEventParams":"{\"noticeSeq\":42}","complexSeq":500}`; string(e.Data) != want {
		t.Errorf("data %s, want %s", e.Data, want)
	}
	if events[1].ID != "n6" || events[1].Targets[0] != "admin:a@b.c" {
		t.Errorf("event %+v", events[1])
	}
}

func TestABodyThatIsReadAndWrittenAgainIsTheSame(t *testing.T) {
	const body = `{"notificationSeq":7,"complexSeq":500,"userSeq":1001,"message":"b <1>","createdDatetime":"2026-01-06T10:30:00","code":"NOTICE","name":"공지사항","clickEventParams":"{\"a\":\"<\"}"}`
	events, err := legacy.Events([]byte("["+body+"]"), true, seoul)
	if err != nil {
		t.Fatal(err)
	}
	r := events[0].Records(time.Now())[0]
	again, ok := legacy.Of(&hub.Entry{Stream: r.Stream, Seq: 1, ID: r.ID, Type: r.Type, Payload: r.Payload}, seoul)
	if got := string(again.Append(nil, "1001")); !ok || got != body {
		t.Errorf("\n got %s\nwant %s", got, body)
	}
}

func TestNumbersOf64BitsAreReadAndWrittenExactly(t *testing.T) {
	for _, n := range []string{"0", "1234567890123456", "1234567890123456789", "18446744073709551615"} {
		body := `{"notificationSeq":` + n + `,"complexSeq":` + n + `,"userSeq":` + n + `,"message":"m","code":"NOTICE"}`
		events, err := legacy.Events([]byte("["+body+"]"), true, seoul)
		if err != nil {
			t.Errorf("%s: %v", n, err)
			continue
		}
		r := events[0].Records(time.Now())[0]
		again, ok := legacy.Of(&hub.Entry{Stream: r.Stream, Seq: 1, ID: r.ID, Type: r.Type, Payload: r.Payload}, seoul)
		var got struct {
			NotificationSeq, ComplexSeq, UserSeq json.RawMessage
		}
		if err := json.Unmarshal(again.Append(nil, r.Stream.Key()), &got); err != nil || !ok ||
			string(got.NotificationSeq) != n || string(got.ComplexSeq) != n || string(got.UserSeq) != n {
			t.Errorf("%s: %s, %v", n, again.Append(nil, r.Stream.Key()), err)
		}
	}
	for _, n := range []string{"18446744073709551616", "1e3", "-1", "1.0"} {
		body := `{"notificationSeq":` + n + `,"userSeq":1,"message":"m","code":"NOTICE"}`
		if _, err := legacy.Events([]byte("["+body+"]"), false, seoul); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: %v", n, err)
		}
	}
}

func TestMessagesThatAreNone(t *testing.T) {
	for _, message := range []string{
		``, `{}`, `[]`, `[{}]`, `null`, `[null]`,
		`[{"notificationSeq":1.5,"userSeq":1,"message":"m","code":"NOTICE"}]`,
		`[{"notificationSeq":1,"userSeq":"a b","message":"m","code":"NOTICE"}]`,
		`[{"notificationSeq":1,"userSeq":1,"message":"","code":"NOTICE"}]`,
		`[{"notificationSeq":1,"userSeq":1,"message":"m","code":"notice"}]`,
		`[{"notificationSeq":1,"userSeq":1,"message":"m","code":"NOTICE","createdDatetime":"yesterday"}]`,
	} {
		if events, err := legacy.Events([]byte(message), false, seoul); !errors.Is(err, hub.ErrInvalid) || events != nil {
			t.Errorf("%s: %v, %v", message, events, err)
		}
	}
	if _, err := legacy.Events([]byte(`[{"notificationSeq":1,"userSeq":1,"message":"m","code":"NOTICE"}]`), true, seoul); !errors.Is(err, hub.ErrInvalid) {
		t.Errorf("without complexSeq: %v", err)
	}
}

func TestBadBodiesLeaveTheOthersOfTheirMessage(t *testing.T) {
	const good = `{"notificationSeq":%d,"userSeq":1,"message":"m","code":"NOTICE"}`
	for name, bad := range map[string]string{
		"an empty message":  `{"notificationSeq":9,"userSeq":1,"message":"","code":"NOTICE"}`,
		"a lower-case code": `{"notificationSeq":9,"userSeq":1,"message":"m","code":"notice"}`,
		"a wrong number":    `{"notificationSeq":1.5,"userSeq":1,"message":"m","code":"NOTICE"}`,
		"a wrong kind":      `{"notificationSeq":9,"userSeq":1,"message":7,"code":"NOTICE"}`,
		"no object":         `[]`,
		"null":              `null`,
	} {
		message := fmt.Sprintf("["+good+",%s,"+good+",%[2]s]", 1, bad, 2)
		events, err := legacy.Events([]byte(message), false, seoul)
		if len(events) != 2 || events[0].ID != "n1" || events[1].ID != "n2" {
			t.Errorf("%s: events %+v", name, events)
		}
		if !errors.Is(err, hub.ErrInvalid) || !strings.Contains(err.Error(), "notification 1: ") ||
			!strings.Contains(err.Error(), "notification 3: ") || strings.Contains(err.Error(), "notification 2: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheErrorOfManyBadBodiesIsShort(t *testing.T) {
	message := "[" + strings.Repeat("{},", 999) + "{}]"
	events, err := legacy.Events([]byte(message), false, seoul)
	if events != nil || !errors.Is(err, hub.ErrInvalid) {
		t.Fatalf("%v, %v", events, err)
	}
	if text := err.Error(); len(text) > 1000 || !strings.Contains(text, "notification 9: ") || !strings.HasSuffix(text, "; and 990 more") {
		t.Errorf("error %s", text)
	}
}

func TestAnOrderBecomesAnEventOfItsMall(t *testing.T) {
	e, err := legacy.Order([]byte(`{"martId":1,"orderId":77}`))
	if err != nil || e.ID != "order-77" || e.Type != "ORDER_PLACED" || e.Targets[0] != "mall:1" {
		t.Fatalf("%+v, %v", e, err)
	}
	r := e.Records(time.Now())[0]
	if got := legacy.OrderID(&hub.Entry{Seq: 9, ID: r.ID, Payload: r.Payload}); got != "77" {
		t.Errorf("order %q", got)
	}
	for _, message := range []string{``, `{}`, `{"martId":1}`, `{"orderId":1}`, `{"martId":{},"orderId":1}`, `[1]`} {
		if _, err := legacy.Order([]byte(message)); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: %v", message, err)
		}
	}
	for data, want := range map[string]string{`{"orderNo":"20261120-0001"}`: "20261120-0001", `{}`: "43"} {
		e := entry(t, "mall:1", `{"type":"ORDER_PLACED","targets":["mall:1"],"title":"t","data":`+data+`}`)
		if got := legacy.OrderID(e); got != want {
			t.Errorf("%s: order %q", data, got)
		}
	}
}

// FuzzEvents checks that whatever is accepted can be delivered.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`[{"notificationSeq":1,"complexSeq":500,"userSeq":1001,"message":"m","code":"NOTICE","clickEventParams":"{}"}]`), true)
	f.Add([]byte(`[{"notificationSeq":"1","userSeq":"x","message":"m","code":"NOTICE","createdDatetime":"2026-01-06T10:30:00"}]`), false)
	f.Add([]byte(`[{"notificationSeq":1,"userSeq":1,"message":"m","code":"A","clickEventParams":{"a":[null]}}]`), false)
	f.Add([]byte(`[{"notificationSeq":1,"userSeq":1,"message":"m","code":"A"},{"notificationSeq":2,"userSeq":1,"message":"","code":"a"}]`), false)
	f.Fuzz(func(t *testing.T, message []byte, malls bool) {
		events, err := legacy.Events(message, malls, seoul)
		if err != nil && !errors.Is(err, hub.ErrInvalid) {
			t.Fatalf("error %v", err)
		}
		if err == nil && len(events) == 0 {
			t.Fatal("neither events nor an error")
		}
		for _, e := range events {
			if err := e.Validate(); err != nil || e.ID == "" {
				t.Fatalf("%+v: %v", e, err)
			}
			r := e.Records(time.Now())[0]
			body, ok := legacy.Of(&hub.Entry{Stream: r.Stream, Seq: 1, ID: r.ID, Type: r.Type, Payload: r.Payload}, seoul)
			if !ok || !json.Valid(body.Append(nil, r.Stream.Key())) {
				t.Fatalf("%s becomes %s", r.Payload, body.Append(nil, r.Stream.Key()))
			}
			if (body.Mall != "") != malls {
				t.Fatalf("mall %q of %s", body.Mall, r.Payload)
			}
		}
	})
}
