package socket

import (
	"encoding/binary"

	"bongsu/gateway"
)

// The first byte of the frames that the server sends: all are whole messages.
const (
	TextFrame  = 0x80 | 1
	CloseFrame = 0x80 | 8
	PingFrame  = 0x80 | 9
	PongFrame  = 0x80 | 10
)

// FrameRoom is the most bytes that a frame's header takes.
const FrameRoom = 10

// AppendHeader appends the header of a frame with size bytes of payload. Frames
// of a server are not masked.
func AppendHeader(dst []byte, first byte, size int) []byte {
	switch {
	case size < 126:
		return append(dst, first, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(size))
	}
}

// AppendFrame appends a whole frame.
func AppendFrame(dst []byte, first byte, payload []byte) []byte {
	return append(AppendHeader(dst, first, len(payload)), payload...)
}

// AppendClose appends the close frame that says why a session ends.
func AppendClose(dst []byte, why gateway.Close) []byte {
	reason := why.Reason()
	dst = AppendHeader(dst, CloseFrame, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(why.Code()))
	return append(dst, reason...)
}
