package stomp

import (
	"strconv"
	"strings"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/socket"
)

// version is that of the protocol which a session speaks.
type version uint8

const (
	v10 version = iota
	v11
	v12
)

// versions are the names of the versions, and the WebSocket subprotocols; both
// from the newest on.
const versions = "1.2,1.1,1.0"

// Subprotocols returns the WebSocket subprotocols of STOMP, the best first.
func Subprotocols() []string { return []string{"v12.stomp", "v11.stomp", "v10.stomp"} }

func (v version) String() string { return [...]string{"1.0", "1.1", "1.2"}[v] }

// negotiate returns the newest version that both sides speak. A client that names
// none speaks 1.0.
func negotiate(accepted string) (version, bool) {
	if accepted == "" {
		return v10, true
	}
	for v := v12 + 1; v > v10; v-- {
		for name := range strings.SplitSeq(accepted, ",") {
			if strings.TrimSpace(name) == (v - 1).String() {
				return v - 1, true
			}
		}
	}
	return v10, false
}

// appendHeader appends a header with its value escaped as the version wants it.
// 1.0 cannot escape: what would end the value is left out.
func (v version) appendHeader(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':')
	for i := range len(value) {
		switch c := value[i]; {
		case c == 0, v == v10 && (c == '\n' || c == '\r'):
		case v == v10:
			dst = append(dst, c)
		case c == '\\':
			dst = append(dst, '\\', '\\')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == ':':
			dst = append(dst, '\\', 'c')
		case c == '\r' && v == v12:
			dst = append(dst, '\\', 'r')
		case c == '\r': // 1.1 has no word for it
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '\n')
}

// appendError appends an ERROR frame. receipt is that of the frame which is
// refused, "" for none.
func (v version) appendError(dst []byte, message, receipt string) []byte {
	dst = append(dst, "ERROR\n"...)
	dst = v.appendHeader(dst, "message", message)
	if receipt != "" {
		dst = v.appendHeader(dst, "receipt-id", receipt)
	}
	dst = append(dst, "content-type:text/plain\ncontent-length:"...)
	dst = strconv.AppendInt(dst, int64(len(message)), 10)
	dst = append(dst, "\n\n"...)
	dst = append(dst, message...)
	return append(dst, 0)
}

// appendReceipt appends a RECEIPT frame.
func (v version) appendReceipt(dst []byte, receipt string) []byte {
	dst = append(dst, "RECEIPT\n"...)
	dst = v.appendHeader(dst, "receipt-id", receipt)
	return append(dst, '\n', 0)
}

// Carrier frames for one transport what a session says. It is used by one
// goroutine at a time for one session; one without state may serve all.
type Carrier interface {
	// Name is the transport's name in metrics.
	Name() string
	// AppendMessage appends a text message. payload may stand in dst.
	AppendMessage(dst, payload []byte) []byte
	// AppendHeartbeat appends what the transport itself has for keeping a quiet
	// connection alive, or nothing.
	AppendHeartbeat(dst []byte) []byte
	// AppendClose appends the farewell.
	AppendClose(dst []byte, why gateway.Close) []byte
}

// Pinger is a Carrier whose clients answer a ping with what it carries. The
// transport gives the answers to Session.Answered.
type Pinger interface {
	// AppendPing appends a ping that carries the text.
	AppendPing(dst, text []byte) []byte
	// Patience is how long a client that is alive takes at most to answer.
	Patience() time.Duration
}

// wrap turns the payload that stands in dst from start on into a message.
func wrap(c Carrier, dst []byte, start int) []byte {
	end := len(dst)
	dst = c.AppendMessage(dst, dst[start:])
	return append(dst[:start], dst[end:]...)
}

// webSocket carries each STOMP frame as one WebSocket message.
type webSocket struct{}

func (webSocket) Name() string { return "stomp" }

func (webSocket) AppendMessage(dst, payload []byte) []byte {
	return socket.AppendFrame(dst, socket.TextFrame, payload)
}

// AppendHeartbeat appends a ping, which browsers answer whether or not their page
// beats by itself.
func (webSocket) AppendHeartbeat(dst []byte) []byte {
	return socket.AppendFrame(dst, socket.PingFrame, nil)
}

func (webSocket) AppendPing(dst, text []byte) []byte {
	return socket.AppendFrame(dst, socket.PingFrame, text)
}

func (webSocket) Patience() time.Duration { return socket.Patience }

func (webSocket) AppendClose(dst []byte, why gateway.Close) []byte {
	return socket.AppendClose(dst, why)
}
