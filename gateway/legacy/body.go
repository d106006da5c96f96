package legacy

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"bongsu/internal/hub"
)

// timeFormat is that of createdDatetime: a local time without its offset.
const timeFormat = "2006-01-02T15:04:05"

// Body is an entry as the older servers wrote it. Whose it is, userSeq, is not
// filled in, so that all who get the entry share one Body. It is immutable.
type Body struct {
	// Mall is the mall under which the older pages look for the entry, and "" for
	// an entry that they look for under the person alone.
	Mall string

	before, after []byte // of userSeq's value
}

// payload is what an entry's payload tells the older pages.
type payload struct {
	Title string          `json:"title"`
	Body  string          `json:"body"`
	Data  json.RawMessage `json:"data"`
	At    time.Time       `json:"at"`
}

// Of returns the entry's body, with times local to zone. An entry of a stream
// that the older servers did not have, such as a partner's, has none.
func Of(e *hub.Entry, zone *time.Location) (body Body, ok bool) {
	var p payload
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return Body{}, false
	}
	data := members(p.Data)
	switch e.Stream.Kind() {
	case hub.KindAll:
	case hub.KindMall:
		body.Mall = e.Stream.Key()
	case hub.KindAdmin:
		body.Mall = mallOf(data["complexSeq"])
	default:
		return Body{}, false
	}
	dst := append(make([]byte, 0, len(e.Payload)+160), `{"notificationSeq":`...)
	dst = strconv.AppendUint(dst, notificationSeq(e), 10)
	if body.Mall != "" {
		dst = append(dst, `,"complexSeq":`...)
		dst = appendID(dst, body.Mall)
	}
	dst = append(dst, `,"userSeq":`...)
	cut := len(dst)
	message := p.Body
	if strings.TrimSpace(message) == "" {
		message = p.Title
	}
	name := e.Type
	if known, ok := hub.LookupType(e.Type); ok {
		name = known.Korean
	}
	dst = appendMember(dst, `,"message":`, message)
	dst = appendMember(dst, `,"createdDatetime":`, p.At.In(zone).Format(timeFormat))
	dst = appendMember(dst, `,"code":`, e.Type)
	dst = appendMember(dst, `,"name":`, name)
	dst = appendMember(dst, `,"clickEventParams":`, clickEventParams(data, p.Data))
	dst = append(dst, '}')
	body.before, body.after = dst[:cut:cut], dst[cut:]
	return body, true
}

// Append appends the body as the admin gets it.
func (b *Body) Append(dst []byte, admin string) []byte {
	dst = append(dst, b.before...)
	dst = appendID(dst, admin)
	return append(dst, b.after...)
}

// Pack returns the body as one piece of memory that sessions can share.
func (b *Body) Pack() Packed {
	dst := make([]byte, 0, 1+len(b.Mall)+4+len(b.before)+len(b.after))
	dst = append(dst, byte(len(b.Mall))) // a stream's key has at most 128 bytes
	dst = append(dst, b.Mall...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(b.before)))
	dst = append(dst, b.before...)
	return append(dst, b.after...)
}

// Packed is a body as Pack returned it; the zero value is that of an entry that
// has none.
type Packed []byte

// Mall returns Body.Mall. It is only read.
func (p Packed) Mall() []byte { return p[1 : 1+int(p[0])] }

// Parts returns what stands before and after the value of userSeq, which
// AppendUser appends. They are only read.
func (p Packed) Parts() (before, after []byte) {
	rest := p[1+int(p[0]):]
	cut := 4 + binary.BigEndian.Uint32(rest)
	return rest[4:cut], rest[cut:]
}

// AppendUser appends the value of userSeq.
func AppendUser(dst []byte, admin string) []byte { return appendID(dst, admin) }

// notificationSeq is the number of an id such as n123456789, else the entry's seq.
func notificationSeq(e *hub.Entry) uint64 {
	if digits, found := strings.CutPrefix(e.ID, "n"); found && isNumber(digits) {
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			return n
		}
	}
	return e.Seq
}

// members returns the members of a JSON object, none if it is no object.
func members(object json.RawMessage) map[string]json.RawMessage {
	var found map[string]json.RawMessage
	if len(object) == 0 || json.Unmarshal(object, &found) != nil {
		return nil
	}
	return found
}

// mallOf reads a complexSeq, which publishers write as a number or as text.
func mallOf(value json.RawMessage) string {
	var text string
	switch {
	case json.Unmarshal(value, &text) == nil:
	case isNumber(string(value)):
		text = string(value)
	}
	if hub.CheckKey(text) != nil {
		return ""
	}
	return text
}

// clickEventParams is the publisher's own text, or data as text.
func clickEventParams(members map[string]json.RawMessage, data json.RawMessage) string {
	params, found := members["clickEventParams"]
	if !found || bytes.Equal(params, []byte("null")) {
		if len(data) == 0 {
			return "{}"
		}
		return string(data)
	}
	var text string
	if json.Unmarshal(params, &text) == nil {
		return text
	}
	return string(params)
}

// isNumber reports whether text is a whole number as JSON writes it, of at most
// 64 bits.
func isNumber(text string) bool {
	if len(text) > 1 && text[0] == '0' {
		return false
	}
	_, err := strconv.ParseUint(text, 10, 64)
	return err == nil
}

// appendID appends an id as a number where it is one, else as a string.
func appendID(dst []byte, id string) []byte {
	if isNumber(id) {
		return append(dst, id...)
	}
	return appendString(dst, id)
}

func appendMember(dst []byte, name, value string) []byte {
	return appendString(append(dst, name...), value)
}

// appendString appends s as a JSON string with <, > and & as they are.
func appendString(dst []byte, s string) []byte {
	buf := bytes.NewBuffer(dst)
	encoder := json.NewEncoder(buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil { // a string always has a JSON form
		return append(dst, `""`...)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
