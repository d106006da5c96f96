package hub

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"
)

func TestCursorText(t *testing.T) {
	cursor, err := ParseCursor("mall:1001=43,all=12")
	if err != nil {
		t.Fatal(err)
	}
	if want := (Cursor{All: 12, "mall:1001": 43}); !maps.Equal(cursor, want) {
		t.Errorf("got %v, want %v", cursor, want)
	}
	if got := cursor.String(); got != "all=12,mall:1001=43" {
		t.Errorf("text %q", got)
	}
	if empty, err := ParseCursor(""); err != nil || len(empty) != 0 || empty.String() != "" {
		t.Errorf("empty: %v %v", empty, err)
	}
}

func TestBadCursorsAreRefused(t *testing.T) {
	var long strings.Builder
	for i := range MaxCursorStreams + 1 {
		long.WriteString("mall:" + strconv.Itoa(i) + "=1,")
	}
	for _, text := range []string{
		"all", "all=", "all=-1", "all=x", "=1", "nope:1=2", "all=1,", ",all=1", "all=1 ", "all==1",
		"all=9223372036854775808", "mall:=1", strings.TrimSuffix(long.String(), ","),
	} {
		if _, err := ParseCursor(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// FuzzCursor checks that what is read is written in a form that reads the same.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "all=12,mall:1001=43", "admin:7=0", "all=1,all=2", "room:a.b_c@d-e=9223372036854775807", "all", "a=b=c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cursor, err := ParseCursor(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || len(err.Error()) > 1000 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		written := cursor.String()
		again, err := ParseCursor(written)
		if err != nil || !maps.Equal(cursor, again) || again.String() != written {
			t.Fatalf("%q became %q: %v %v", text, written, again, err)
		}
	})
}
