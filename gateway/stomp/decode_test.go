package stomp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bongsu/internal/hub"
)

// decodeAll returns what the decoder makes of data given in pieces of a size: the
// frames' commands, headers and bodies, and how it ended.
func decodeAll(data []byte, size int) (frames []string, err error) {
	d := decoder{version: v12}
	for piece := range slices.Chunk(data, size) {
		d.add(slices.Clone(piece))
		for {
			f, err := d.next()
			if err != nil {
				return frames, err
			}
			if f == nil {
				break
			}
			frames = append(frames, fmt.Sprintf("%s %v %q", f.Command, *f.Header, f.Body))
		}
	}
	return frames, nil
}

func TestFramesComeInPiecesOfAnySize(t *testing.T) {
	const said = "\n\r\nCONNECT\r\naccept-version:1.1\r\n\r\n\x00\n\nSUBSCRIBE\nid:a\\cb\ndestination:/x\n\n\x00" +
		"SEND\ncontent-length:3\n\na\x00b\x00\nSEND\n\nhello\x00\n"
	want := []string{
		`CONNECT {[accept-version 1.1]} ""`,
		`SUBSCRIBE {[id a:b destination /x]} ""`,
		`SEND {[content-length 3]} "a\x00b"`,
		`SEND {[]} "hello"`,
	}
	for size := 1; size <= len(said); size++ {
		got, err := decodeAll([]byte(said), size)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("in pieces of %d: %q, %v", size, got, err)
		}
	}
}

func TestFramesBeyondTheLimitsAreRefused(t *testing.T) {
	for name, said := range map[string]string{
		"no line end":              strings.Repeat("x", maxCommand+2),
		"a long command":           strings.Repeat("x", maxCommand+1) + "\n",
		"an unknown command":       "HELLO\n\n\x00",
		"a header without a colon": "SEND\nabc\n\n\x00",
		"a header without a name":  "SEND\n:abc\n\n\x00",
		"an endless header":        "SEND\na:" + strings.Repeat("x", MaxHead),
		"long headers":             "SEND\n" + strings.Repeat("a:"+strings.Repeat("x", 500)+"\n", 40),
		"many headers":             "SEND\n" + strings.Repeat("a:b\n", MaxHeaders+1),
		"a NUL in the headers":     "SEND\na:b\x00\n\n",
		"a NUL for the headers":    "SEND\x00\n",
		"no NUL":                   "SEND\n\n" + strings.Repeat("x", MaxBody+1),
		"a late NUL":               "SEND\n\n" + strings.Repeat("x", MaxBody+1) + "\x00",
		"a big content-length":     "SEND\ncontent-length:4000000000\n\n",
		"a large content-length":   fmt.Sprintf("SEND\ncontent-length:%d\n\n", MaxBody+1),
		"a negative one":           "SEND\ncontent-length:-1\n\n\x00",
		"a short content-length":   "SEND\ncontent-length:2\n\nabc\x00",
	} {
		for _, size := range []int{1, 7, len(said)} {
			if frames, err := decodeAll([]byte(said), size); !errors.Is(err, hub.ErrInvalid) || len(frames) > 0 {
				t.Errorf("%s in pieces of %d: %q, %v", name, size, frames, err)
			}
		}
	}
}

func TestFramesAtTheLimitsAreTaken(t *testing.T) {
	for name, said := range map[string]string{
		"many headers":      "SEND\n" + strings.Repeat("a:b\n", MaxHeaders) + "\n\x00",
		"a body":            "SEND\n\n" + strings.Repeat("x", MaxBody) + "\x00",
		"a body's length":   fmt.Sprintf("SEND\ncontent-length:%d\n\n%s\x00", MaxBody, strings.Repeat("x", MaxBody)),
		"a repeated length": "SEND\ncontent-length:1\ncontent-length:9\n\nx\x00",
	} {
		if frames, err := decodeAll([]byte(said), 1000); err != nil || len(frames) != 1 {
			t.Errorf("%s: %d frames, %v", name, len(frames), err)
		}
	}
}

func TestTheNewestCommonVersionIsSpoken(t *testing.T) {
	for accepted, want := range map[string]string{
		"": "1.0", "1.0": "1.0", "1.1,1.0": "1.1", "1.0,1.1,1.2": "1.2", "1.2, 1.1": "1.2", "2.0,1.1": "1.1", "2.0": "none",
	} {
		got, ok := negotiate(accepted)
		if (want == "none") == ok || ok && got.String() != want {
			t.Errorf("%q: %v, %v", accepted, got, ok)
		}
	}
}

func TestHeadersAreEscapedAsTheVersionWants(t *testing.T) {
	for v, want := range map[version]string{v10: "n:a:b\\c\n", v11: "n:a\\cb\\\\\\nc\n", v12: "n:a\\cb\\\\\\n\\rc\n"} {
		if got := string(v.appendHeader(nil, "n", "a:b\\\n\rc")); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

// FuzzDecoder checks that pieces do not matter and that nothing unbounded is kept.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("CONNECT\naccept-version:1.1,1.0\nheart-beat:10000,10000\nAuthorization:Bearer x\n\n\x00\n"), 3)
	f.Add([]byte("SUBSCRIBE\nid:sub-0\ndestination:/topic/notification/user/7\n\n\x00UNSUBSCRIBE\nid:sub-0\n\n\x00"), 1)
	f.Add([]byte("SEND\r\ncontent-length:5\r\n\r\nab\x00cd\x00\r\n\n"), 2)
	f.Add([]byte("SEND\ncontent-length:99999999999999999999\n\n"), 5)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		size = max(1, min(size, len(data)))
		whole, wholeErr := decodeAll(data, max(1, len(data)))
		pieces, err := decodeAll(data, size)
		if !slices.Equal(whole, pieces) || (err == nil) != (wholeErr == nil) {
			t.Fatalf("%q, %v; in pieces of %d %q, %v", whole, wholeErr, size, pieces, err)
		}
		if err != nil && !errors.Is(err, hub.ErrInvalid) {
			t.Fatal(err)
		}
		d := decoder{version: version(uint(size) % 3)}
		d.add(bytes.Clone(data))
		for f, err := d.next(); f != nil && err == nil; f, err = d.next() {
			if f.Header.Len() > MaxHeaders || len(f.Body) > MaxBody {
				t.Fatalf("%d headers, %d bytes", f.Header.Len(), len(f.Body))
			}
		}
		if len(d.rest) > MaxHead+MaxBody+2 && err == nil {
			t.Fatalf("%d bytes are kept", len(d.rest))
		}
	})
}
