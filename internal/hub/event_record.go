package hub

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// Records returns the journal records of a valid event with an ID: one for each
// target, in their order. They share one Payload, which holds no line break. An
// event that does not say when it happened is taken to have happened at now.
func (e *Event) Records(now time.Time) []Record {
	payload := e.payload(now)
	records := make([]Record, len(e.Targets))
	for i, target := range e.Targets {
		records[i] = Record{Stream: target, Kind: Notification, ID: e.ID, Type: e.Type, Payload: payload}
	}
	return records
}

// payload returns what clients see of the event; members without a value are left out.
func (e *Event) payload(now time.Time) []byte {
	const frame = 220 // names, quotes and times
	size := frame + len(e.ID) + len(e.Type) + len(e.Title) + len(e.Body) + len(e.Link) + len(e.Data) +
		len(e.Text) + len(e.Sound) + len(e.Priority)
	dst := make([]byte, 0, size)
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, e.ID)
	dst = append(dst, `,"kind":"notification","type":`...)
	dst = appendString(dst, e.Type)
	dst = appendMember(dst, `,"title":`, e.Title)
	dst = appendMember(dst, `,"body":`, e.Body)
	dst = appendMember(dst, `,"link":`, e.Link)
	dst = appendData(dst, e.Data)
	dst = appendMember(dst, `,"text":`, e.Text)
	dst = appendMember(dst, `,"sound":`, e.Sound)
	dst = appendMember(dst, `,"priority":`, e.Priority)
	at := e.At
	if at.IsZero() {
		at = now
	}
	dst = appendMember(dst, `,"at":`, FormatTime(at))
	if !e.ExpiresAt.IsZero() {
		dst = appendMember(dst, `,"expiresAt":`, FormatTime(e.ExpiresAt))
	}
	return append(dst, '}')
}

// appendData takes the white space between tokens out of data and changes
// nothing else: numbers keep their digits, strings their escapes.
func appendData(dst []byte, data json.RawMessage) []byte {
	if len(data) == 0 {
		return dst
	}
	before := len(dst)
	buf := bytes.NewBuffer(append(dst, `,"data":`...))
	if err := json.Compact(buf, data); err != nil {
		return dst[:before] // not a valid event: data is not JSON
	}
	return buf.Bytes()
}

func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, name...)
	return appendString(dst, value)
}

// appendString appends s as a JSON string. Unlike encoding/json it leaves <, >
// and & as they are: payloads are sent as JSON, never inside HTML.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	if !utf8.ValidString(s) { // not a valid event: still give clients valid JSON
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
