package legacy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bongsu/internal/hub"
)

// maxBodies is the most bodies that one message may hold.
const maxBodies = 1000

// maxReasons is how many wrong bodies an error names.
const maxReasons = 10

// number is an id that publishers write as a number or as text.
type number string

// UnmarshalJSON reads a whole number or a string.
func (n *number) UnmarshalJSON(value []byte) error {
	var text string
	if len(value) > 0 && value[0] == '"' {
		if err := json.Unmarshal(value, &text); err != nil {
			return err
		}
		*n = number(text)
		return nil
	}
	if !isNumber(string(value)) {
		return hub.Invalidf("want a whole number or a text")
	}
	*n = number(value)
	return nil
}

// published is one body of a message.
type published struct {
	NotificationSeq  number          `json:"notificationSeq"`
	ComplexSeq       *number         `json:"complexSeq"`
	UserSeq          number          `json:"userSeq"`
	Message          string          `json:"message"`
	CreatedDatetime  string          `json:"createdDatetime"`
	Code             string          `json:"code"`
	ClickEventParams json.RawMessage `json:"clickEventParams"`
}

// Events reads a message of the older services: a JSON array of bodies, with
// times local to zone. Each becomes an event for one admin; with malls, of a page
// that shows one mall. The events are valid, have ids and stand in the order of
// their bodies. The error wraps hub.ErrInvalid and says which bodies are wrong and
// why, the first ten of them; those that are right are returned with it.
func Events(message []byte, malls bool, zone *time.Location) ([]hub.Event, error) {
	if len(message) > hub.MaxEvent {
		return nil, hub.Invalidf("a message has at most %d bytes, this one %d", hub.MaxEvent, len(message))
	}
	var bodies []json.RawMessage // so that one that cannot be read leaves the others
	if err := json.Unmarshal(message, &bodies); err != nil {
		return nil, hub.Invalidf("want a JSON array of notifications: %v", err)
	}
	if len(bodies) == 0 || len(bodies) > maxBodies {
		return nil, hub.Invalidf("want 1 to %d notifications, got %d", maxBodies, len(bodies))
	}
	var events []hub.Event
	var bad []string
	for i, body := range bodies {
		event, err := parseBody(body, malls, zone)
		if err != nil {
			bad = append(bad, fmt.Sprintf("notification %d: %v", i, err))
			continue
		}
		events = append(events, event)
	}
	return events, invalid(bad)
}

// invalid returns the error that bodies are wrong for these reasons, nil if there
// are none.
func invalid(reasons []string) error {
	if len(reasons) == 0 {
		return nil
	}
	text := strings.Join(reasons[:min(len(reasons), maxReasons)], "; ")
	if more := len(reasons) - maxReasons; more > 0 {
		text = fmt.Sprintf("%s; and %d more", text, more)
	}
	return hub.Invalidf("%s", text)
}

// parseBody reads one body as an event.
func parseBody(body []byte, malls bool, zone *time.Location) (hub.Event, error) {
	var p published
	if err := json.Unmarshal(body, &p); err != nil {
		return hub.Event{}, hub.Invalidf("%v", err)
	}
	return p.event(malls, zone)
}

func (p *published) event(malls bool, zone *time.Location) (hub.Event, error) {
	if !isNumber(string(p.NotificationSeq)) {
		return hub.Event{}, hub.Invalidf("notificationSeq: want a whole number")
	}
	target, err := hub.ParseStream("admin:" + string(p.UserSeq))
	if err != nil {
		return hub.Event{}, hub.Invalidf("userSeq: %v", err)
	}
	data := map[string]any{}
	if len(p.ClickEventParams) > 0 && string(p.ClickEventParams) != "null" {
		data["clickEventParams"] = p.ClickEventParams
	}
	if malls {
		if p.ComplexSeq == nil || hub.CheckKey(string(*p.ComplexSeq)) != nil {
			return hub.Event{}, hub.Invalidf("complexSeq: missing")
		}
		data["complexSeq"] = json.RawMessage(appendID(nil, string(*p.ComplexSeq)))
	}
	event := hub.Event{
		ID: "n" + string(p.NotificationSeq), Type: p.Code, Targets: []hub.Stream{target}, Body: p.Message,
	}
	if len(data) > 0 {
		if event.Data, err = json.Marshal(data); err != nil {
			return hub.Event{}, hub.Invalidf("clickEventParams: %v", err)
		}
	}
	if p.CreatedDatetime != "" {
		if event.At, err = parseTime(p.CreatedDatetime, zone); err != nil {
			return hub.Event{}, err
		}
	}
	if err := event.Validate(); err != nil {
		return hub.Event{}, err
	}
	event.FillDefaults()
	return event, nil
}

// parseTime reads a local time, or one with its offset, as some services wrote.
func parseTime(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.ParseInLocation(timeFormat, text, zone); err == nil && t.Year() >= 1970 {
		return t.UTC(), nil
	}
	return hub.ParseTime("createdDatetime", text)
}

// order is a message of the order channel.
type order struct {
	MartID  number `json:"martId"`
	OrderID number `json:"orderId"`
}

// Order reads a message of the order channel, {"martId":1,"orderId":77}: an
// order that was placed in a mall. The error wraps hub.ErrInvalid.
func Order(message []byte) (hub.Event, error) {
	var o order
	if err := json.Unmarshal(message, &o); err != nil {
		return hub.Event{}, hub.Invalidf("want {\"martId\":…,\"orderId\":…}: %v", err)
	}
	target, err := hub.ParseStream("mall:" + string(o.MartID))
	if err != nil {
		return hub.Event{}, hub.Invalidf("martId: %v", err)
	}
	if o.OrderID == "" {
		return hub.Event{}, hub.Invalidf("orderId: missing")
	}
	event := hub.Event{
		ID: "order-" + string(o.OrderID), Type: "ORDER_PLACED", Targets: []hub.Stream{target},
		Body: "주문 " + string(o.OrderID), Data: append(appendID([]byte(`{"orderId":`), string(o.OrderID)), '}'),
	}
	if err := event.Validate(); err != nil {
		return hub.Event{}, err
	}
	event.FillDefaults()
	return event, nil
}

// OrderID returns the order that an entry of a mall tells of, as the older order
// alarm named it: what stands in its data, in its id, or at last its seq.
func OrderID(e *hub.Entry) string {
	var p payload
	if json.Unmarshal(e.Payload, &p) == nil {
		found := members(p.Data)
		for _, name := range []string{"orderId", "orderNo"} {
			var id number
			if value, ok := found[name]; ok && json.Unmarshal(value, &id) == nil && id != "" {
				return string(id)
			}
		}
	}
	return strconv.FormatUint(e.Seq, 10)
}
