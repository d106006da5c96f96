package client

import (
	"bytes"
	"encoding/json"
)

// message is any JSON-RPC message that the hub sends.
type message struct {
	ID     *uint64         `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *Error          `json:"error"`
}

// The start of an entry as the hub writes it. Most messages are entries, and
// this spares them a JSON parser; one that is written otherwise takes the long way.
const (
	entryHead  = `{"jsonrpc":"2.0","method":"entry","params":`
	streamHead = `{"stream":"`
	seqHead    = `","seq":`
	unreadHead = `{"jsonrpc":"2.0","method":"unread",`
)

// scanPush returns the entry's object, stream and seq if frame is an "entry"
// notification in the hub's usual form. The results point into frame.
func scanPush(frame []byte) (raw, stream []byte, seq uint64, ok bool) {
	if !bytes.HasPrefix(frame, []byte(entryHead)) || !bytes.HasSuffix(frame, []byte("}}")) {
		return nil, nil, 0, false
	}
	raw = frame[len(entryHead) : len(frame)-1]
	stream, seq, ok = scanEntry(raw)
	return raw, stream, seq, ok
}

// scanEntry reads stream and seq off the front of an entry's object.
func scanEntry(raw []byte) (stream []byte, seq uint64, ok bool) {
	rest, found := bytes.CutPrefix(raw, []byte(streamHead))
	if !found {
		return nil, 0, false
	}
	stream, rest, found = bytes.Cut(rest, []byte(seqHead))
	if !found || !isPlain(stream) {
		return nil, 0, false
	}
	digits := 0
	for digits < len(rest) && digits < 19 && rest[digits] >= '0' && rest[digits] <= '9' {
		seq = seq*10 + uint64(rest[digits]-'0')
		digits++
	}
	if digits == 0 || digits == len(rest) || rest[digits] != ',' && rest[digits] != '}' {
		return nil, 0, false
	}
	return stream, seq, true
}

// isPlain reports whether a string between quotes means just its bytes.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// parseEntry reads stream and seq of an entry's object in any form of JSON.
func parseEntry(raw []byte) (stream []byte, seq uint64, err error) {
	if stream, seq, ok := scanEntry(raw); ok {
		return stream, seq, nil
	}
	var entry struct {
		Stream string
		Seq    uint64
	}
	if err := json.Unmarshal(raw, &entry); err != nil {
		return nil, 0, err
	}
	return []byte(entry.Stream), entry.Seq, nil
}
