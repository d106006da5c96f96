package ingest

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"bongsu/internal/hub"
)

// cloudEvents is how the content types of structured CloudEvents begin.
const cloudEvents = "application/cloudevents"

// cloudEvent is a CloudEvent of either mode. Its attributes type, id and time
// are the event's, the extension attribute targets its targets, separated by
// commas. The extension attributes title, body, link, sound, priority and
// expiresat are the event's too; where they are missing, data may have them.
type cloudEvent struct {
	attributes map[string]string
	// object is the data if it is a JSON object, text if it is text.
	object json.RawMessage
	text   string
}

// looksLikeCloudEvent reports whether a JSON object has a member specversion.
func looksLikeCloudEvent(value []byte) bool {
	if !bytes.Contains(value, []byte(`"specversion"`)) {
		return false
	}
	var probe struct {
		Specversion json.RawMessage `json:"specversion"`
	}
	return json.Unmarshal(value, &probe) == nil && probe.Specversion != nil
}

// structuredCloudEvent reads a CloudEvent whose value holds the attributes.
func structuredCloudEvent(contentType string, value []byte) (hub.Event, error) {
	if kind, _, _ := strings.Cut(contentType, ";"); strings.TrimSpace(kind) != cloudEvents+"+json" {
		return hub.Event{}, hub.Invalidf("CloudEvent: content type %.80q: want %s+json", contentType, cloudEvents)
	}
	if !utf8.Valid(value) {
		return hub.Event{}, hub.Invalidf("CloudEvent: not UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(value, &members); err != nil {
		return hub.Event{}, hub.Invalidf("CloudEvent: not a JSON object: %v", err)
	}
	c := cloudEvent{attributes: make(map[string]string, len(members))}
	for name, raw := range members {
		switch name {
		case "data":
			if err := c.setData(raw); err != nil {
				return hub.Event{}, err
			}
		case "data_base64":
			return hub.Event{}, hub.Invalidf("CloudEvent: data_base64: want data as a JSON object or text")
		case "targets":
			c.attributes[name] = joinTargets(raw)
		default:
			var text string
			if json.Unmarshal(raw, &text) == nil { // other types are extensions of others
				c.attributes[name] = text
			}
		}
	}
	return c.event()
}

// joinTargets accepts an array of strings where a CloudEvent can only hold text.
func joinTargets(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return strings.Join(list, ",")
	}
	return ""
}

// binaryCloudEvent reads a CloudEvent whose attributes are headers.
func binaryCloudEvent(contentType string, m *Message) (hub.Event, error) {
	c := cloudEvent{attributes: make(map[string]string, len(m.Headers))}
	for _, h := range m.Headers {
		if name, ok := strings.CutPrefix(strings.ToLower(h.Name), "ce_"); ok {
			c.attributes[name] = string(h.Value)
		}
	}
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	kind = strings.TrimSpace(kind)
	var err error
	switch {
	case len(m.Value) == 0:
	case !utf8.Valid(m.Value):
		err = hub.Invalidf("CloudEvent: data is not UTF-8")
	case kind == "", kind == "application/json", strings.HasSuffix(kind, "+json"):
		err = c.setData(m.Value)
	case strings.HasPrefix(kind, "text/"):
		c.text = string(m.Value)
	default:
		err = hub.Invalidf("CloudEvent: data of type %.80q: want JSON or text", contentType)
	}
	if err != nil {
		return hub.Event{}, err
	}
	return c.event()
}

// setData takes the JSON of the data: an object, a text or null.
func (c *cloudEvent) setData(raw json.RawMessage) error {
	raw = bytes.TrimSpace(raw)
	switch {
	case !json.Valid(raw):
		return hub.Invalidf("CloudEvent: data is not JSON")
	case raw[0] == '{':
		c.object = bytes.Clone(raw)
		return nil
	case raw[0] == '"':
		return json.Unmarshal(raw, &c.text)
	case string(raw) == "null":
		return nil
	}
	return hub.Invalidf("CloudEvent: data: want a JSON object or text")
}

func (c *cloudEvent) event() (hub.Event, error) {
	if version := c.attributes["specversion"]; version != "1.0" {
		return hub.Event{}, hub.Invalidf("CloudEvent: specversion %.80q: want 1.0", version)
	}
	for _, required := range []string{"id", "source", "type"} {
		if c.attributes[required] == "" {
			return hub.Event{}, hub.Invalidf("CloudEvent: %s: missing", required)
		}
	}
	e := hub.Event{ID: c.attributes["id"], Type: c.attributes["type"], Body: c.text}
	var err error
	if e.Targets, err = hub.ParseTargets(splitTargets(c.attributes["targets"])); err != nil {
		return hub.Event{}, err
	}
	if e.At, err = hub.ParseTime("time", c.attributes["time"]); err != nil {
		return hub.Event{}, err
	}
	expires := c.readData(&e)
	for name, to := range map[string]*string{
		"title": &e.Title, "body": &e.Body, "link": &e.Link, "sound": &e.Sound, "priority": &e.Priority, "expiresat": &expires,
	} {
		if text := c.attributes[name]; text != "" {
			*to = text
		}
	}
	if e.ExpiresAt, err = hub.ParseTime("expiresAt", expires); err != nil {
		return hub.Event{}, err
	}
	if e.Title == "" && e.Body == "" {
		e.Title = c.attributes["subject"]
	}
	e.FillDefaults()
	return e, e.Validate()
}

// readData takes from the data what an event has, if the data has a title or a
// body, and returns its expiresAt. What is left, or else all of it, is the
// event's data: the member data if that is an object, and the whole object if it
// has members that an event has not.
func (c *cloudEvent) readData(e *hub.Event) (expires string) {
	if c.object == nil {
		return ""
	}
	e.Data = c.object
	var members map[string]json.RawMessage
	if json.Unmarshal(c.object, &members) != nil {
		return ""
	}
	fields := map[string]*string{
		"title": &e.Title, "body": &e.Body, "link": &e.Link, "sound": &e.Sound, "priority": &e.Priority, "expiresAt": &expires,
	}
	own := 0 // members that are an event's
	for name, to := range fields {
		if raw, ok := members[name]; ok && json.Unmarshal(raw, to) == nil {
			own++
		}
	}
	inner := bytes.TrimSpace(members["data"])
	switch {
	case e.Title == "" && e.Body == "":
		e.Link, e.Sound, e.Priority = "", "", "" // data of its own, whatever its names
		return ""
	case len(inner) > 0 && inner[0] == '{':
		e.Data = inner
	case own == len(members):
		e.Data = nil
	}
	return expires
}

func splitTargets(text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
