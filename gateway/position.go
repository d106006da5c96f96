package gateway

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strconv"

	"bongsu/internal/hub"
)

// Position is where a page begins or ends, as clients hold it: the opaque text
// of a place in the merged timeline, or the decimal seq of an entry where a
// single stream is asked for. In JSON it is a string; an integer is read too.
// The empty Position is none.
type Position string

// maxPosition is longer than the text of any place.
const maxPosition = 256

// positionFormat is the first byte of a place's text. Its base64 begins with
// "A", which is how a place and a seq are told apart.
const positionFormat = 1

// PositionOf returns the position of a place.
func PositionOf(p hub.Place) Position {
	raw := make([]byte, 0, 1+2*binary.MaxVarintLen64+len(p.Stream))
	raw = append(raw, positionFormat)
	raw = binary.AppendVarint(raw, p.Time)
	raw = binary.AppendUvarint(raw, p.Seq)
	raw = append(raw, p.Stream...)
	return Position(base64.RawURLEncoding.EncodeToString(raw))
}

// UnmarshalJSON reads a string or a whole number.
func (p *Position) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var number uint64
	if json.Unmarshal(data, &number) == nil {
		*p = Position(data)
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return hub.Invalidf("a position is a string or a whole number")
	}
	*p = Position(text)
	return nil
}

// parse returns the place, or the seq when the position is one and a single
// stream is asked for. Both are zero for the empty position. The error wraps
// hub.ErrInvalid and begins with the name of the parameter.
func (p Position) parse(name string, single bool) (*hub.Place, uint64, error) {
	switch {
	case p == "":
		return nil, 0, nil
	case p[0] < '0' || p[0] > '9':
		place, ok := p.place()
		if !ok {
			return nil, 0, hub.Invalidf(`%s: not the "next" of a page`, name)
		}
		return &place, 0, nil
	case !single:
		return nil, 0, hub.Invalidf("%s: a seq needs exactly one stream", name)
	}
	seq, err := strconv.ParseUint(string(p), 10, 63)
	if err != nil {
		return nil, 0, hub.Invalidf("%s: not a seq", name)
	}
	return nil, seq, nil
}

// place reads what PositionOf wrote, and nothing else.
func (p Position) place() (hub.Place, bool) {
	if len(p) > maxPosition {
		return hub.Place{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(string(p))
	if err != nil || len(raw) == 0 || raw[0] != positionFormat {
		return hub.Place{}, false
	}
	raw = raw[1:]
	time, n := binary.Varint(raw)
	if n <= 0 {
		return hub.Place{}, false
	}
	raw = raw[n:]
	seq, n := binary.Uvarint(raw)
	if n <= 0 {
		return hub.Place{}, false
	}
	stream, err := hub.ParseStream(string(raw[n:]))
	if err != nil {
		return hub.Place{}, false
	}
	place := hub.Place{Time: time, Stream: stream, Seq: seq}
	return place, PositionOf(place) == p // one place has one text
}
