package hub

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Kind says what an entry or a journal record is.
type Kind uint8

// The kinds of journal record. The numbers are part of the journal's format.
const (
	// Notification is an event from a domain service.
	Notification Kind = 1
	// Marks is a person's read marks: a record under the person's own stream
	// that takes no seq.
	Marks Kind = 2
	// FirstMarks is the same, but counts only for streams on which the person has
	// no mark yet: two devices that are first seen at once must not read for
	// each other what came between them.
	FirstMarks Kind = 3
)

// Known reports whether this version of the hub knows what to do with the kind.
func (k Kind) Known() bool { return k >= Notification && k <= FirstMarks }

// String returns the word that clients see.
func (k Kind) String() string {
	switch k {
	case Notification:
		return "notification"
	case Marks:
		return "marks"
	case FirstMarks:
		return "first-marks"
	}
	return "kind" + strconv.Itoa(int(k))
}

// Record is one journal record: an entry to be, or a change that takes no seq.
// Records of one stream are applied in the order of their Offset.
type Record struct {
	Stream Stream
	Kind   Kind
	// ID names the record among the stream's previous entries; a record whose
	// ID is among the last DuplicateWindow entries of its stream is a duplicate.
	ID string
	// Type is the event's type, "" for Marks.
	Type string
	// Payload is a JSON object: for an entry all that clients see but stream and
	// seq, for Marks an object of stream to seq. Shared between records and
	// entries; never written to.
	Payload []byte

	// Offset is the record's place in its shard, Time the moment (Unix
	// milliseconds) at which Kafka took it. Both are set by the journal's
	// consumer and ignored by its producer.
	Offset int64
	Time   int64
}

// DuplicateWindow is how many previous entries of a stream a record's ID is
// compared with. It is part of what defines a stream's numbering: changing it
// changes the numbers that a replay of an old journal gives.
const DuplicateWindow = 512

// Entry is one numbered item of a stream. An Entry is immutable once made and
// shared between goroutines.
type Entry struct {
	Stream Stream
	// Seq is the place in the stream: 1, 2, 3, … without gaps.
	Seq uint64
	// Offset is the place of its record in the stream's shard.
	Offset int64
	// Time is when the journal took the entry, in Unix milliseconds. It never
	// decreases within a stream, so that sorting by (Time, Stream, Seq) agrees
	// with every stream's own order.
	Time int64
	Kind Kind
	ID   string
	Type string
	// Payload is a JSON object of all that clients see but stream and seq.
	Payload []byte
}

// Place returns where the entry stands in a merged timeline.
func (e *Entry) Place() Place { return Place{Time: e.Time, Stream: e.Stream, Seq: e.Seq} }

// AppendJSON appends the object that clients see to dst and returns it:
// {"stream":…,"seq":…, and all of the payload}.
func (e *Entry) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"stream":"`...) // a stream key needs no escaping
	dst = append(dst, e.Stream...)
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	if len(e.Payload) <= len("{}") {
		return append(dst, '}')
	}
	dst = append(dst, ',')
	return append(dst, e.Payload[1:]...)
}

// Size returns about how many bytes of memory the entry holds.
func (e *Entry) Size() int { return 160 + len(e.ID) + len(e.Payload) }

// Place is a position in a timeline that merges several streams. Places are
// ordered by Time, then Stream, then Seq.
type Place struct {
	Time   int64
	Stream Stream
	Seq    uint64
}

// Compare returns -1, 0 or 1 as p stands before, at or after q.
func (p Place) Compare(q Place) int {
	switch {
	case p.Time != q.Time:
		return order(p.Time < q.Time)
	case p.Stream != q.Stream:
		return order(p.Stream < q.Stream)
	case p.Seq != q.Seq:
		return order(p.Seq < q.Seq)
	}
	return 0
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

// Mark says that Admin has read Stream up to and with Seq.
type Mark struct {
	Admin  string
	Stream Stream
	Seq    uint64
}

// Head is where a stream stands.
type Head struct {
	Stream Stream
	// Seq is that of the newest entry, 0 before the first.
	Seq uint64
	// Floor is the seq below and at which entries have left the timeline by
	// retention: entries Floor+1 … Seq can be read.
	Floor uint64
	// Unsure says that whoever answered has no claim on the stream's shard just now, or
	// has not heard of its consumer group for a second: another may own the shard, and
	// know of more.
	Unsure bool
}

// EncodeMarks returns the payload of a Marks record.
func EncodeMarks(marks map[Stream]uint64) []byte {
	out, err := json.Marshal(marks)
	if err != nil {
		// A map of strings to integers always has a JSON form.
		return []byte("{}")
	}
	return out
}

// DecodeMarks reads the payload of a Marks record. The error wraps ErrInvalid.
func DecodeMarks(payload []byte) (map[Stream]uint64, error) {
	var marks map[Stream]uint64
	if err := json.Unmarshal(payload, &marks); err != nil {
		return nil, fmt.Errorf("%w: marks: %w", ErrInvalid, err)
	}
	for stream := range marks {
		if _, err := ParseStream(string(stream)); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

// FormatTime writes t as clients see times: RFC 3339, UTC, milliseconds.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
