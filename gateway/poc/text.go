package poc

import (
	"encoding/json"
	"strings"

	"bongsu/gateway"
	"bongsu/gateway/socket"
	"bongsu/gateway/sse"
	"bongsu/internal/hub"
)

// text returns an entry as the pages show it.
func text(e *hub.Entry) []byte {
	var p struct {
		Text  string `json:"text"`
		Title string `json:"title"`
		Body  string `json:"body"`
	}
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil // a payload is an object: there is nothing to show of another
	}
	if p.Text != "" {
		return []byte(p.Text)
	}
	whom := "all"
	if e.Stream != hub.All {
		whom = e.Stream.Key()
	}
	return []byte(whom + ":" + strings.TrimSpace(p.Title+" "+p.Body))
}

func encoded(frame *gateway.Frame) []byte { return frame.Encoded(gateway.FormText, text) }

// events writes texts as server-sent events. All streams share it.
type events struct{ sse.Plain }

var _ gateway.Protocol = events{}

func (events) Name() string { return "poc-sse" }

func (events) AppendEntry(dst []byte, frame *gateway.Frame, at gateway.CursorText) []byte {
	shown := encoded(frame)
	if len(shown) == 0 {
		return dst
	}
	return sse.AppendText(sse.AppendID(dst, at), shown)
}

// welcome appends an id without data, which is no event, but a place to resume
// from for a page that has not got a text yet.
func welcome(dst []byte, _ gateway.Welcome, at gateway.CursorText) []byte {
	return append(sse.AppendID(dst, at), '\n')
}

// frames writes texts as WebSocket frames. All sessions share it.
type frames struct{}

var _ gateway.Protocol = frames{}

func (frames) Name() string { return "poc-ws" }

func (frames) AppendEntry(dst []byte, frame *gateway.Frame, _ gateway.CursorText) []byte {
	shown := encoded(frame)
	if len(shown) == 0 {
		return dst
	}
	return socket.AppendFrame(dst, socket.TextFrame, shown)
}

func (frames) AppendEvent(dst []byte, _ string, _ []byte, _ gateway.CursorText) []byte { return dst }

func (frames) TellsGaps() bool { return false }

func (frames) AppendHeartbeat(dst []byte) []byte {
	return socket.AppendFrame(dst, socket.PingFrame, nil)
}

func (frames) AppendClose(dst []byte, why gateway.Close) []byte { return socket.AppendClose(dst, why) }
