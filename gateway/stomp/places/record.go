package places

import (
	"encoding/json"
	"fmt"
	"time"

	"bongsu/internal/hub"
)

// record is what one node tells the others.
type record struct {
	// Node names the node, and this run of it.
	Node string `json:"node"`
	// At is when it was written by the clock of its node, Unix milliseconds. Who reads
	// it does not trust that, and puts there when Kafka appended it.
	At int64 `json:"at"`
	// Open are persons with sessions at the node, each as they are now; with none
	// left, Sessions is 0.
	Open []openPlace `json:"open,omitempty"`
	// Ended are places of sessions that have ended.
	Ended []endedPlace `json:"ended,omitempty"`
	// Used are places that a session has gone on from.
	Used []usedPlace `json:"used,omitempty"`
	// Left says that the node will write no more.
	Left bool `json:"left,omitempty"`
}

// openPlace is how far the open sessions of one person at one node have come.
type openPlace struct {
	Admin    string `json:"admin"`
	Sessions int    `json:"sessions"`
	// Late is how many of them look dead.
	Late int `json:"late,omitempty"`
	// Cursor has the lowest place of the sessions for each stream.
	Cursor string `json:"cursor,omitempty"`
}

// endedPlace is how far one session had come.
type endedPlace struct {
	// N numbers what a node has told of ends, from 1: what is told again, because
	// Kafka may not have taken it, counts once.
	N      uint64 `json:"n"`
	Admin  string `json:"admin"`
	Cursor string `json:"cursor"`
	// At is when it ended by the clock of its node. Who reads it puts there when Kafka
	// appended the record.
	At  int64 `json:"at"`
	own bool  // it is of this node, which has not read yet that it was appended
}

// usedPlace is a place of a person that a session has gone on from.
type usedPlace struct {
	N     uint64 `json:"n"` // as endedPlace.N
	Admin string `json:"admin"`
	// Node names the node of the open session whose place it was, "" for that of one
	// that had ended.
	Node string `json:"node,omitempty"`
}

// parse reads a record. The error wraps hub.ErrInvalid.
func parse(value []byte) (record, error) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return r, hub.Invalidf("places: %v", err)
	}
	if r.Node == "" || r.At <= 0 {
		return r, hub.Invalidf("places: a record without node or time")
	}
	return r, nil
}

// recordBytes is about how large a record may be; more is told in several.
const recordBytes = 256 << 10

// encode returns what is to be told as the values of one or more records, one even
// when there is nothing but the node to tell of. Used places come last: if the rest
// is not heard, they are still there.
func encode(node string, now time.Time, told record) ([][]byte, error) {
	var values [][]byte
	for {
		part := record{Node: node, At: now.UnixMilli(), Left: told.Left}
		room := recordBytes
		for len(told.Ended) > 0 && room > 0 {
			room -= 64 + len(told.Ended[0].Cursor)
			part.Ended, told.Ended = append(part.Ended, told.Ended[0]), told.Ended[1:]
		}
		for len(told.Open) > 0 && room > 0 {
			room -= 64 + len(told.Open[0].Cursor)
			part.Open, told.Open = append(part.Open, told.Open[0]), told.Open[1:]
		}
		for len(told.Used) > 0 && room > 0 {
			room -= 64 + len(told.Used[0].Admin)
			part.Used, told.Used = append(part.Used, told.Used[0]), told.Used[1:]
		}
		more := len(told.Ended) > 0 || len(told.Used) > 0 || len(told.Open) > 0
		part.Left = told.Left && !more
		value, err := json.Marshal(part)
		if err != nil {
			return nil, fmt.Errorf("places: %w", err)
		}
		if values = append(values, value); !more {
			return values, nil
		}
	}
}

// lower lowers the places of into to those of by, stream by stream; streams that
// into does not name are added.
func lower(into, by hub.Cursor) {
	for stream, seq := range by {
		if at, named := into[stream]; !named || seq < at {
			into[stream] = seq
		}
	}
}
