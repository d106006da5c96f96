package hub

import (
	"slices"
	"strconv"
	"strings"
)

// MaxCursorStreams is how many streams a cursor may name.
const MaxCursorStreams = 4096

// Cursor is what a client has seen: the last seq of each stream.
type Cursor map[Stream]uint64

// ParseCursor reads the text form, "all=12,mall:1001=43". The empty text is the
// empty cursor. The error wraps ErrInvalid.
func ParseCursor(text string) (Cursor, error) {
	cursor := Cursor{}
	if text == "" {
		return cursor, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, number, found := strings.Cut(part, "=")
		if !found {
			return nil, Invalidf("cursor: %q is not <stream>=<seq>", clip(part))
		}
		stream, err := ParseStream(name)
		if err != nil {
			return nil, err
		}
		seq, err := strconv.ParseUint(number, 10, 63)
		if err != nil {
			return nil, Invalidf("cursor: %q is not a seq", clip(number))
		}
		if cursor[stream] = seq; len(cursor) > MaxCursorStreams {
			return nil, Invalidf("cursor: more than %d streams", MaxCursorStreams)
		}
	}
	return cursor, nil
}

// String returns the text form with streams in order, so that equal cursors
// have equal texts.
func (c Cursor) String() string {
	streams := make([]Stream, 0, len(c))
	for stream := range c {
		streams = append(streams, stream)
	}
	slices.Sort(streams)
	var b strings.Builder
	for i, stream := range streams {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(stream))
		b.WriteByte('=')
		b.WriteString(strconv.FormatUint(c[stream], 10))
	}
	return b.String()
}
