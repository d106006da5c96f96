package stomp

import (
	"bytes"
	"strconv"

	"github.com/go-stomp/stomp/v3/frame"

	"bongsu/internal/hub"
)

// The limits of what a client sends.
const (
	// MaxHeaders is how many headers a frame may have.
	MaxHeaders = 64
	// MaxHead is how long a frame's command and headers may be, in bytes.
	MaxHead = 16 << 10
	// MaxBody is how long a frame's body may be, in bytes.
	MaxBody = 16 << 10
)

// maxCommand is the length of the longest command that clients have.
const maxCommand = len(frame.UNSUBSCRIBE)

// decoder cuts what a client sends, in pieces of any size, into frames. It keeps
// at most one frame that is not complete, which is within the limits.
type decoder struct {
	rest    []byte
	version version // 1.0, in which nothing is escaped, until the client is connected
}

// add gives the decoder more bytes, which it owns from then on.
func (d *decoder) add(data []byte) {
	if len(d.rest) == 0 {
		d.rest = data
	} else {
		d.rest = append(d.rest, data...)
	}
}

// next returns the next complete frame, or nil when there is none. The error wraps
// hub.ErrInvalid; after it the rest cannot be understood.
func (d *decoder) next() (*frame.Frame, error) {
	d.rest = bytes.TrimLeft(d.rest, "\r\n") // heart-beats, and what may follow a frame
	if len(d.rest) == 0 {
		d.rest = nil
		return nil, nil
	}
	size, err := measure(d.rest)
	if size == 0 || err != nil {
		return nil, err
	}
	whole, err := d.version.escaped(d.rest[:size])
	if err != nil {
		return nil, err
	}
	d.rest = d.rest[size:]
	// The library bounds nothing by itself: it is given one whole frame.
	f, err := frame.NewReaderSize(bytes.NewReader(whole), 512).Read()
	if err != nil {
		return nil, hub.Invalidf("not a STOMP frame: %v", err)
	}
	return f, nil
}

// escaped returns a whole frame with its headers escaped as the library reads them.
// The error says that the version has no such escape; 1.1, whose clients often do not
// escape, forbids none.
func (v version) escaped(whole []byte) ([]byte, error) {
	if v == v11 || bytes.IndexByte(whole, '\\') < 0 {
		return whole, nil
	}
	head, _, err := measureHead(whole)
	if err != nil {
		return nil, err
	}
	if v == v10 {
		plain := bytes.ReplaceAll(whole[:head], []byte(`\`), []byte(`\\`))
		return append(plain, whole[head:]...), nil
	}
	for i := 0; i < head; i++ {
		if whole[i] != '\\' {
			continue
		}
		if i++; bytes.IndexByte([]byte(`rnc\`), whole[i]) < 0 {
			return nil, hub.Invalidf("a header has an escape that there is not")
		}
	}
	return whole, nil
}

// measure returns the length of the frame at the beginning of data, 0 if it is
// not complete yet. The error says which limit it breaks.
func measure(data []byte) (int, error) {
	head, length, err := measureHead(data)
	if head == 0 || err != nil {
		return 0, err
	}
	body := data[head:]
	switch end := bytes.IndexByte(body, 0); {
	case length < 0 && end >= 0 && end <= MaxBody:
		return head + end + 1, nil
	case length < 0 && len(body) > MaxBody:
		return 0, hub.Invalidf("no NUL within %d bytes of body", MaxBody)
	case length >= 0 && len(body) > length && body[length] != 0:
		return 0, hub.Invalidf("no NUL after the content-length of %d", length)
	case length >= 0 && len(body) > length:
		return head + length + 1, nil
	}
	return 0, nil
}

// measureHead returns where the body begins, 0 if that is not known yet, and the
// body's content-length, -1 without one.
func measureHead(data []byte) (head, length int, err error) {
	length = -1
	for count := -1; ; count++ {
		size := bytes.IndexByte(data[head:], '\n')
		switch {
		case size < 0 && count < 0 && len(data) > maxCommand+1:
			return 0, 0, hub.Invalidf("not a STOMP command")
		case size < 0 && len(data) > MaxHead, head+size > MaxHead:
			return 0, 0, hub.Invalidf("more than %d bytes of headers", MaxHead)
		case size < 0:
			return 0, length, nil
		}
		line := bytes.TrimSuffix(data[head:head+size], []byte("\r"))
		head += size + 1
		switch {
		case bytes.IndexByte(line, 0) >= 0:
			return 0, 0, hub.Invalidf("a NUL within the headers")
		case count < 0:
			if len(line) > maxCommand {
				return 0, 0, hub.Invalidf("not a STOMP command")
			}
			continue
		case len(line) == 0:
			return head, length, nil
		case count >= MaxHeaders:
			return 0, 0, hub.Invalidf("more than %d headers", MaxHeaders)
		}
		if length < 0 {
			if length, err = contentLength(line); err != nil {
				return 0, 0, err
			}
		}
	}
}

// contentLength returns the header's value if it is a content-length, else -1.
func contentLength(line []byte) (int, error) {
	value, found := bytes.CutPrefix(line, []byte(frame.ContentLength+":"))
	if !found {
		return -1, nil
	}
	length, err := strconv.ParseUint(string(value), 10, 31)
	if err != nil {
		return 0, hub.Invalidf("content-length: not a number")
	}
	if length > MaxBody {
		return 0, hub.Invalidf("a body has at most %d bytes", MaxBody)
	}
	return int(length), nil
}
