package sockjs

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"bongsu/gateway"
	"bongsu/gateway/socket"
	"bongsu/internal/hub"
)

const hexDigits = "0123456789abcdef"

// appendQuoted appends text as a JSON string in which every character is escaped
// that JSON wants escaped or that some browsers or proxies do not pass on. Bytes
// that are not UTF-8 become U+FFFD. The result has no line breaks.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = appendASCII(append(dst, text[start:i]...), c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 || fragile(r) {
			dst = appendRune(append(dst, text[start:i]...), r)
			start = i + size
		}
		i += size
	}
	return append(append(dst, text[start:]...), '"')
}

// fragile reports whether a character has to be escaped.
func fragile(r rune) bool {
	return r >= 0x200c && r <= 0x200f || r >= 0x2028 && r <= 0x202f || r >= 0x2060 && r <= 0x206f || r >= 0xfff0
}

func appendASCII(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return appendUnit(dst, rune(c))
}

// appendRune appends a character by its UTF-16 units.
func appendRune(dst []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return appendUnit(appendUnit(dst, high), low)
	}
	return appendUnit(dst, r)
}

func appendUnit(dst []byte, unit rune) []byte {
	return append(dst, '\\', 'u',
		hexDigits[unit>>12&15], hexDigits[unit>>8&15], hexDigits[unit>>4&15], hexDigits[unit&15])
}

// closeText returns a close frame.
func closeText(code int, reason string) []byte {
	dst := strconv.AppendInt([]byte("c["), int64(code), 10)
	dst = appendQuoted(append(dst, ','), []byte(reason))
	return append(dst, ']')
}

// decode reads what a client sends: an array of messages or, over WebSocket, one
// message alone. The error wraps hub.ErrInvalid.
func decode(data []byte, alone bool) ([]string, error) {
	var messages []string
	if alone && len(data) > 0 && data[0] == '"' {
		messages = make([]string, 1)
		if err := json.Unmarshal(data, &messages[0]); err != nil {
			return nil, hub.Invalidf("broken JSON encoding")
		}
		return messages, nil
	}
	if err := json.Unmarshal(data, &messages); err != nil {
		return nil, hub.Invalidf("broken JSON encoding")
	}
	return messages, nil
}

// lines is the Carrier of a pipe: each message a JSON string on a line of its
// own, other frames as they are, and a ping as a line that begins with the marker.
type lines struct{}

func (lines) Name() string { return "sockjs" }

func (lines) AppendMessage(dst, payload []byte) []byte {
	return append(appendQuoted(dst, payload), '\n')
}

func (lines) AppendHeartbeat(dst []byte) []byte { return append(dst, "h\n"...) }

func (lines) AppendPing(dst, text []byte) []byte {
	return append(append(append(dst, marker), text...), '\n')
}

func (lines) Patience() time.Duration { return patience }

func (lines) AppendClose(dst []byte, why gateway.Close) []byte {
	return append(append(dst, closeText(why.Code(), why.Reason())...), '\n')
}

// framed is the Carrier of SockJS over WebSocket.
type framed struct{}

func (framed) Name() string { return "sockjs-websocket" }

func (framed) AppendMessage(dst, payload []byte) []byte {
	start := len(dst)
	dst = append(dst, "a["...)
	dst = append(appendQuoted(dst, payload), ']')
	return frameText(dst, start)
}

// frameText puts the header of a text frame before the text that stands in dst
// from start on.
func frameText(dst []byte, start int) []byte {
	var room [socket.FrameRoom]byte
	size := len(dst) - start
	header := socket.AppendHeader(room[:0], socket.TextFrame, size)
	dst = append(dst, header...)
	copy(dst[start+len(header):], dst[start:start+size])
	copy(dst[start:], header)
	return dst
}

func (framed) AppendHeartbeat(dst []byte) []byte {
	return socket.AppendFrame(socket.AppendFrame(dst, socket.TextFrame, []byte("h")), socket.PingFrame, nil)
}

func (framed) AppendPing(dst, text []byte) []byte {
	return socket.AppendFrame(dst, socket.PingFrame, text)
}

func (framed) Patience() time.Duration { return socket.Patience }

func (framed) AppendClose(dst []byte, why gateway.Close) []byte {
	return socket.AppendClose(socket.AppendFrame(dst, socket.TextFrame, closeText(why.Code(), why.Reason())), why)
}
