// Package journal is the Kafka journal: the one source of truth of every stream.
// Its Producer appends records and its Consumer, a member of a consumer group,
// hands each shard's records in order to the node that owns the shard.
//
// A journal message has the stream as its key, lies in the partition that
// hub.Stream.Shard names, and has as its value a format version (one byte), the
// record's kind (one byte), its id and its type (each a length and that many
// bytes) and, to the end, the payload.
package journal

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"bongsu/internal/hub"
)

const (
	// formatVersion is the first byte of every value.
	formatVersion = 1
	// MaxRecord is the most bytes of a record's value. A broker takes a million
	// with the framing of its batch, by default.
	MaxRecord = 900_000
	// maxID is the most bytes of an id: hub.MaxID characters.
	maxID = hub.MaxID * utf8.UTFMax
)

// encodeValue returns the value of the record's message. It is the same for all
// records that differ in their stream only. The error wraps hub.ErrInvalid.
func encodeValue(r *hub.Record) ([]byte, error) {
	size := 2 + 2*binary.MaxVarintLen16 + len(r.ID) + len(r.Type) + len(r.Payload)
	switch {
	case !r.Kind.Known():
		return nil, hub.Invalidf("a journal record of no known kind")
	case len(r.ID) > maxID:
		return nil, hub.Invalidf("id: longer than %d bytes", maxID)
	case len(r.Type) > hub.MaxType:
		return nil, hub.Invalidf("type: longer than %d bytes", hub.MaxType)
	case !isObject(r.Payload):
		return nil, hub.Invalidf("the payload is not a JSON object")
	case size > MaxRecord:
		return nil, hub.Invalidf("a journal record has at most %d bytes, this one %d", MaxRecord, size)
	}
	value := make([]byte, 0, size)
	value = append(value, formatVersion, byte(r.Kind))
	value = binary.AppendUvarint(value, uint64(len(r.ID)))
	value = append(value, r.ID...)
	value = binary.AppendUvarint(value, uint64(len(r.Type)))
	value = append(value, r.Type...)
	return append(value, r.Payload...), nil
}

// Decoder reads journal messages. It is not safe for use by several goroutines
// at once.
type Decoder struct {
	// types keeps one copy of each type seen, up to maxTypes.
	types map[string]string
}

const maxTypes = 1024

// Decode reads a journal message into a record without Offset and Time. The
// record keeps no reference to key and value. It checks the envelope; that the
// payload is JSON is the producer's promise. The error wraps hub.ErrInvalid.
func (d *Decoder) Decode(key, value []byte) (hub.Record, error) {
	stream, err := hub.ParseStream(string(key))
	if err != nil {
		return hub.Record{}, err
	}
	if len(value) < 2 {
		return hub.Record{}, hub.Invalidf("a journal record of %d bytes", len(value))
	}
	if value[0] != formatVersion {
		return hub.Record{}, hub.Invalidf("a journal record of format version %d, this program reads %d", value[0], formatVersion)
	}
	kind := hub.Kind(value[1])
	if !kind.Known() {
		return hub.Record{}, hub.Invalidf("a journal record of unknown kind %d", kind)
	}
	id, rest, err := cut(value[2:], "id", maxID)
	if err != nil {
		return hub.Record{}, err
	}
	name, payload, err := cut(rest, "type", hub.MaxType)
	if err != nil {
		return hub.Record{}, err
	}
	if !utf8.Valid(id) || !utf8.Valid(name) || !isObject(payload) {
		return hub.Record{}, hub.Invalidf("a journal record whose text is not UTF-8 or whose payload is no JSON object")
	}
	return hub.Record{
		Stream: stream, Kind: kind, ID: string(id), Type: d.typeName(name),
		Payload: append([]byte(nil), payload...),
	}, nil
}

// typeName returns name as a string that is shared by all records of the type.
func (d *Decoder) typeName(name []byte) string {
	if known, ok := d.types[string(name)]; ok {
		return known
	}
	if d.types == nil || len(d.types) >= maxTypes {
		d.types = make(map[string]string)
	}
	fresh := string(name)
	d.types[fresh] = fresh
	return fresh
}

// cut takes a length and that many bytes off the front of b.
func cut(b []byte, name string, most uint64) (field, rest []byte, err error) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > most || length > uint64(len(b)-n) {
		return nil, nil, hub.Invalidf("a journal record with a broken %s", name)
	}
	return b[n : n+int(length)], b[n+int(length):], nil
}

func isObject(payload []byte) bool {
	return len(payload) >= 2 && payload[0] == '{' && payload[len(payload)-1] == '}'
}

// checkStream reports whether a record can be under the stream.
func checkStream(s hub.Stream) error {
	if _, err := hub.ParseStream(string(s)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
