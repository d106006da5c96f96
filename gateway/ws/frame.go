package ws

import (
	"bongsu/gateway"
	"bongsu/gateway/socket"
	"bongsu/internal/hub"
)

// appendNotification appends a text frame with a JSON-RPC notification.
func appendNotification(dst []byte, method string, params []byte) []byte {
	const head, middle, tail = `{"jsonrpc":"2.0","method":"`, `","params":`, `}`
	dst = socket.AppendHeader(dst, socket.TextFrame, len(head)+len(method)+len(middle)+len(params)+len(tail))
	dst = append(dst, head...)
	dst = append(dst, method...)
	dst = append(dst, middle...)
	dst = append(dst, params...)
	return append(dst, tail...)
}

// protocol writes what the gateway pushes. All sessions share it.
type protocol struct{}

var _ gateway.Protocol = protocol{}

func (protocol) Name() string { return "ws" }

func (protocol) AppendEntry(dst []byte, frame *gateway.Frame, _ gateway.CursorText) []byte {
	return append(dst, frame.Encoded(gateway.FormSocket, encodeEntry)...)
}

func encodeEntry(e *hub.Entry) []byte {
	body := e.AppendJSON(make([]byte, 0, 64+len(e.Stream)+len(e.Payload)))
	return appendNotification(make([]byte, 0, socket.FrameRoom+48+len(body)), "entry", body)
}

func (protocol) AppendEvent(dst []byte, name string, body []byte, _ gateway.CursorText) []byte {
	return appendNotification(dst, name, body)
}

func (protocol) TellsGaps() bool { return true }

// AppendHeartbeat appends the notification for programs that cannot see pings,
// and a ping that every WebSocket client answers.
func (protocol) AppendHeartbeat(dst []byte) []byte {
	return socket.AppendFrame(appendNotification(dst, "heartbeat", []byte("{}")), socket.PingFrame, nil)
}

func (protocol) AppendClose(dst []byte, why gateway.Close) []byte {
	return socket.AppendClose(dst, why)
}
