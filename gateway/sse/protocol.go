package sse

import (
	"bytes"
	"encoding/json"
	"strconv"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// protocol writes what the gateway pushes. All streams share it.
type protocol struct{}

var _ gateway.Protocol = protocol{}

func (protocol) Name() string { return "sse" }

// AppendEntry appends an unnamed event whose id is the whole cursor: a browser
// sends the last one when it reconnects.
func (protocol) AppendEntry(dst []byte, frame *gateway.Frame, at gateway.CursorText) []byte {
	dst = AppendID(dst, at)
	return append(dst, frame.Encoded(gateway.FormEvent, encodeEntry)...)
}

// encodeEntry returns the data line of an entry, with the blank line after it.
// A producer's line breaks, which can only stand between JSON tokens, are left out.
func encodeEntry(e *hub.Entry) []byte {
	body := e.AppendJSON(nil)
	if bytes.ContainsAny(body, "\r\n") {
		var line bytes.Buffer
		if json.Compact(&line, body) == nil {
			body = line.Bytes()
		}
	}
	return appendData(make([]byte, 0, len(body)+8), body)
}

func appendData(dst, body []byte) []byte {
	dst = append(dst, "data: "...)
	dst = append(dst, body...)
	return append(dst, "\n\n"...)
}

// AppendEvent appends a named event. It carries the cursor too: after a gap the
// client resumes behind it.
func (protocol) AppendEvent(dst []byte, name string, body []byte, at gateway.CursorText) []byte {
	dst = append(dst, "event: "...)
	dst = append(dst, name...)
	dst = append(dst, '\n')
	dst = AppendID(dst, at)
	return appendData(dst, body)
}

func (protocol) TellsGaps() bool { return true }

func (protocol) AppendHeartbeat(dst []byte) []byte { return append(dst, ": heartbeat\n\n"...) }

// AppendClose appends what a WebSocket client learns from the close frame.
func (protocol) AppendClose(dst []byte, why gateway.Close) []byte {
	dst = append(dst, "event: close\ndata: {\"code\":"...)
	dst = strconv.AppendInt(dst, int64(why.Code()), 10)
	dst = append(dst, `,"reason":"`...)
	dst = append(dst, why.Reason()...)
	return append(dst, "\"}\n\n"...)
}
