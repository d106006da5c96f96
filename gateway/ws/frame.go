package ws

import (
	"encoding/binary"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// The first byte of the frames that the server sends: all are whole messages.
const (
	textFrame  = 0x80 | 1
	closeFrame = 0x80 | 8
	pingFrame  = 0x80 | 9
	pongFrame  = 0x80 | 10
)

// frameRoom is the most bytes that a frame's header takes.
const frameRoom = 10

// appendHeader appends the header of a frame with size bytes of payload. Frames
// of a server are not masked.
func appendHeader(dst []byte, first byte, size int) []byte {
	switch {
	case size < 126:
		return append(dst, first, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(size))
	}
}

func appendFrame(dst []byte, first byte, payload []byte) []byte {
	return append(appendHeader(dst, first, len(payload)), payload...)
}

// appendNotification appends a text frame with a JSON-RPC notification.
func appendNotification(dst []byte, method string, params []byte) []byte {
	const head, middle, tail = `{"jsonrpc":"2.0","method":"`, `","params":`, `}`
	dst = appendHeader(dst, textFrame, len(head)+len(method)+len(middle)+len(params)+len(tail))
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
	return appendNotification(make([]byte, 0, frameRoom+48+len(body)), "entry", body)
}

func (protocol) AppendEvent(dst []byte, name string, body []byte, _ gateway.CursorText) []byte {
	return appendNotification(dst, name, body)
}

// AppendHeartbeat appends the notification for programs that cannot see pings,
// and a ping that every WebSocket client answers.
func (protocol) AppendHeartbeat(dst []byte) []byte {
	return appendFrame(appendNotification(dst, "heartbeat", []byte("{}")), pingFrame, nil)
}

func (protocol) AppendClose(dst []byte, why gateway.Close) []byte {
	reason := why.Reason()
	dst = appendHeader(dst, closeFrame, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(why.Code()))
	return append(dst, reason...)
}
