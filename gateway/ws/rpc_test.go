package ws

import (
	"encoding/json"
	"errors"
	"testing"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// FuzzRequest feeds the decoder of client messages: whatever comes, it answers
// with a request that can be served, or with an error that can be sent.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"x","cursor":{"all":12}}}`,
		`{"jsonrpc":"2.0","method":"x"}`, `{"jsonrpc":"2.0","id":null,"method":"x","params":[]}`,
		`[]`, `[{}]`, `{}`, `null`, `"`, ``, ` `, `{"jsonrpc":"2.0","id":-1.5e3,"method":"x","params":null}`,
		`{"jsonrpc":"2.0","id":{"a":1},"method":"x"}`, `{"JSONRPC":"2.0","ID":"é","METHOD":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := decodeRequest(message)
		if r.id != nil && (!json.Valid(r.id) || !isID(r.id)) {
			t.Fatalf("id %q", r.id)
		}
		if err != nil {
			var own *rpcError
			if !errors.As(err, &own) || own.Code > codeRequest || r.id == nil {
				t.Fatalf("%v with id %q", err, r.id)
			}
			checkFrame(t, appendError(nil, r.id, err))
			return
		}
		if !json.Valid(message) || r.params != nil && !json.Valid(r.params) {
			t.Fatalf("accepted %q", message)
		}
		var params struct {
			Cursor map[string]uint64 `json:"cursor"`
		}
		if err := r.decodeParams(&params); err != nil {
			checkFrame(t, appendError(nil, json.RawMessage("1"), err))
			return
		}
		cursor, err := cursorOf(params.Cursor)
		if err != nil {
			if !errors.Is(err, hub.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if again, err := hub.ParseCursor(cursor.String()); err != nil || len(again) != len(cursor) {
			t.Fatalf("cursor %v: %v", cursor, err)
		}
	})
}

// checkFrame reads a frame back and checks that it is one response.
func checkFrame(t *testing.T, frame []byte) {
	t.Helper()
	var response struct {
		JSONRPC string
		Error   *rpcError
	}
	payload := payloadOf(t, frame)
	if err := json.Unmarshal(payload, &response); err != nil || response.JSONRPC != "2.0" || response.Error == nil {
		t.Fatalf("%q: %v", payload, err)
	}
}

// payloadOf reads one frame as a client would.
func payloadOf(t *testing.T, frame []byte) []byte {
	t.Helper()
	switch size := frame[1]; {
	case size < 126:
		return frame[2:]
	case size == 126:
		return frame[4:]
	default:
		return frame[10:]
	}
}

func TestAnEntryIsEncodedOnce(t *testing.T) {
	frame := &gateway.Frame{Entry: &hub.Entry{Stream: hub.All, Seq: 3, Payload: []byte(`{"id":"a"}`)}}
	first := protocol{}.AppendEntry(nil, frame, nil)
	const want = `{"jsonrpc":"2.0","method":"entry","params":{"stream":"all","seq":3,"id":"a"}}`
	if got := string(payloadOf(t, first)); got != want {
		t.Errorf("got %s", got)
	}
	room := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { protocol{}.AppendEntry(room, frame, nil) }); n != 0 {
		t.Errorf("%v allocations a delivery", n)
	}
}
