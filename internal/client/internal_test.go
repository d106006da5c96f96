package client

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"bongsu/internal/hub"
)

func FuzzScanPushAgreesWithJSON(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","method":"entry","params":{"stream":"mall:1","seq":43,"id":"x","data":{}}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","method":"entry","params":{"stream":"all","seq":1}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","method":"entry","params":{"stream":"all","seq":99999999999999999999}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","method":"entry","params":{"stream":"a","seq":1,"seq":2}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		raw, stream, seq, ok := scanPush(frame)
		var whole message
		if !ok || json.Unmarshal(frame, &whole) != nil {
			return
		}
		tokens := json.NewDecoder(bytes.NewReader(raw))
		tokens.UseNumber()
		want := []json.Token{json.Delim('{'), "stream", string(stream), "seq", json.Number(strconv.FormatUint(seq, 10))}
		for _, w := range want {
			if got, err := tokens.Token(); err != nil || got != w {
				t.Fatalf("%s: got %v, %v; want %v", raw, got, err, w)
			}
		}
	})
}

func TestScanPush(t *testing.T) {
	frame := []byte(`{"jsonrpc":"2.0","method":"entry","params":{"stream":"mall:1","seq":43,"id":"x","data":{}}}`)
	raw, stream, seq, ok := scanPush(frame)
	if !ok || string(stream) != "mall:1" || seq != 43 || string(raw) != `{"stream":"mall:1","seq":43,"id":"x","data":{}}` {
		t.Fatalf("got %s %s %d %t", raw, stream, seq, ok)
	}
	for _, other := range []string{
		`{}`, ``, `{"jsonrpc":"2.0","method":"unread","params":{"total":1}}`,
		`{"jsonrpc":"2.0","method":"entry","params":{"stream":"all","seq":}}`,
		`{"jsonrpc":"2.0","method":"entry","params":{"stream":"all","seq":12345678901234567890}}`,
		`{"jsonrpc":"2.0","method":"entry","params":{"stream":"all","seq":1.5}}`,
		`{"jsonrpc":"2.0","method":"entry","params":{"seq":1,"stream":"all"}}`,
	} {
		if _, _, _, ok := scanPush([]byte(other)); ok {
			t.Errorf("%s is taken for an entry in the usual form", other)
		}
	}
}

type deaf struct{ entries int }

func (d *deaf) Entry(hub.Stream, uint64, []byte) { d.entries++ }
func (d *deaf) Unread(Unread)                    {}
func (d *deaf) Gap(Gap)                          {}
func (d *deaf) State(State)                      {}

func TestAnEntryCostsNoAllocation(t *testing.T) {
	c := &Client{cursor: map[hub.Stream]*place{}}
	frame := []byte(`{"jsonrpc":"2.0","method":"entry","params":{"stream":"mall:1","seq":43,"id":"x","data":{}}}`)
	d := &deaf{}
	if n := testing.AllocsPerRun(1000, func() {
		if err := c.dispatch(d, frame); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations an entry", n)
	}
	if d.entries == 0 {
		t.Fatal("nothing was delivered")
	}
}

func TestPausesGrowAndStayInBounds(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 30 * time.Second}
	for attempt, most := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		most *= time.Second
		for range 200 {
			if d := b.pause(attempt); d < most/2 || d > most {
				t.Fatalf("try %d: a pause of %v, want %v to %v", attempt, d, most/2, most)
			}
		}
	}
	if d := b.pause(1 << 20); d < 15*time.Second || d > 30*time.Second {
		t.Fatalf("after very many tries: %v", d)
	}
}
