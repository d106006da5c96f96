package sockjs

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// The characters that SockJS's protocol test sends through every transport.
func TestCharactersThatBrowsersMangleAreEscaped(t *testing.T) {
	var killers []rune
	for _, span := range [][2]rune{
		{0x00, 0x1f}, {0x200c, 0x200f}, {0x2028, 0x202f}, {0x2060, 0x206f}, {0xfff0, 0xffff},
		{0x10000, 0x10003}, {0x1f600, 0x1f600}, {0x10ffff, 0x10ffff},
	} {
		for r := span[0]; r <= span[1]; r++ {
			killers = append(killers, r)
		}
	}
	quoted := string(appendQuoted(nil, []byte(string(killers))))
	for _, r := range quoted {
		if r < ' ' || r > '~' {
			t.Errorf("U+%04X is as it was", r)
		}
	}
	var back string
	if err := json.Unmarshal([]byte(quoted), &back); err != nil || back != string(killers) {
		t.Errorf("read back as %q: %v", back, err)
	}
	if got := string(appendQuoted(nil, []byte("\U0001f600\u2028\x00a\n"))); got != `"\ud83d\ude00\u2028\u0000a\n"` {
		t.Errorf("quoted as %s", got)
	}
	if got := string(appendQuoted(nil, []byte("새 주문 \"1\""))); got != `"새 주문 \"1\""` {
		t.Errorf("quoted as %s", got)
	}
}

func TestFramesOfSockJS(t *testing.T) {
	p := newPipe(&budget{most: 1 << 30}, func(string) {}, func() {})
	c := lines{}
	var b []byte
	b = c.AppendMessage(b, []byte("a\n\x00"))
	b = c.AppendMessage(b, []byte("b,]"))
	b = c.AppendHeartbeat(b)
	b = c.AppendMessage(b, nil)
	b = c.AppendClose(b, gateway.CloseRestarting)
	if n, err := p.Write(b); err != nil || n != len(b) {
		t.Fatal(n, err)
	}
	for _, want := range []string{"o", `a["a\n\u0000","b,]"]`, "h", `a[""]`, `c[4000,"restarting"]`, `c[3000,"Go away!"]`} {
		frame, last := p.take()
		if string(frame) != want || last != (want[0] == 'c') {
			t.Errorf("took %q, %v, want %s", frame, last, want)
		}
		if p.spent() != last {
			t.Errorf("after %s it is spent: %v", want, !last)
		}
	}
}

func TestFramesOverWebSocket(t *testing.T) {
	payload := strings.Repeat("가\n", 100)
	got := framed{}.AppendMessage([]byte("before"), []byte(payload))
	text, _ := json.Marshal([]string{payload})
	want := "before\x81\x7e" + string([]byte{byte((len(text) + 1) >> 8), byte(len(text) + 1)}) + "a" + string(text)
	if string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzDecode checks that whatever is accepted is text, and nothing else fails.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`["a","b"]`, `"a"`, `[]`, `["\ud83d"]`, `{}`, `[1]`, ``, `["` + "\x00" + `"]`, `null`, `[null]`} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, alone bool) {
		messages, err := decode(data, alone)
		if err != nil {
			if !errors.Is(err, hub.ErrInvalid) || messages != nil {
				t.Fatalf("%v with %q", err, messages)
			}
			return
		}
		for _, message := range messages {
			if !utf8.ValidString(message) {
				t.Fatalf("%q is not text", message)
			}
		}
	})
}

// FuzzFrame checks that clients read back what was said, whatever it was.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("a\nb"), []byte("\xff\u2028\U0001f600"))
	f.Add([]byte(""), []byte(`",]"`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		p := newPipe(&budget{most: 1 << 30}, func(string) {}, func() {})
		p.take()
		if _, err := p.Write(lines{}.AppendMessage(lines{}.AppendMessage(nil, one), two)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for frame, _ := p.take(); frame != nil; frame, _ = p.take() {
			var some []string
			if err := json.Unmarshal(frame[1:], &some); frame[0] != 'a' || err != nil {
				t.Fatalf("%q: %v", frame, err)
			}
			got = append(got, some...)
		}
		if len(got) != 2 || got[0] != text(one) || got[1] != text(two) {
			t.Fatalf("%q and %q became %q", one, two, got)
		}
	})
}

// text is b with each byte that is not UTF-8 replaced.
func text(b []byte) string { return string([]rune(string(b))) }
