// Package replay reads the journal as an outsider does, from its documented form
// alone, and counts its entries: what a stream's numbers must be. It shares no
// code with the hub, so that a mistake there is not repeated here.
package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The kinds of journal record, as the format numbers them.
const (
	kindNotification = 1
	kindMarks        = 2
	kindFirstMarks   = 3
)

// record is what counts of a journal record.
type record struct {
	kind byte
	id   string
}

// decode reads a message's value: a format version and the record's kind, a byte
// each; then id and type, each a length and that many bytes; then the payload.
func decode(value []byte) (record, error) {
	if len(value) < 2 || value[0] != 1 {
		return record{}, fmt.Errorf("not a record of version 1: % x", value[:min(len(value), 16)])
	}
	id, rest, err := field(value[2:])
	if err != nil {
		return record{}, err
	}
	if _, _, err := field(rest); err != nil {
		return record{}, err
	}
	switch kind := value[1]; kind {
	case kindNotification, kindMarks, kindFirstMarks:
		return record{kind, string(id)}, nil
	default:
		return record{}, fmt.Errorf("a record of unknown kind %d", kind)
	}
}

func field(b []byte) (field, rest []byte, err error) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return nil, nil, errors.New("a record that is cut short")
	}
	return b[n : n+int(length)], b[n+int(length):], nil
}
