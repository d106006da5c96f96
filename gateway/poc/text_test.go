package poc

import (
	"strings"
	"testing"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/ingest"
	"bongsu/internal/hub"
)

type nowhere struct{}

func (nowhere) AppendCursor(dst []byte) []byte { return append(dst, "all=1"...) }

// FuzzText publishes a record: whatever is an event is shown, a text as it was
// published, and comes out of the stream as it went in but for its line breaks.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"all:text", "7:me:두 줄\n둘째", "7:all:x", "no colon", "\r\n\r", "\ndata: x\n\nevent: y",
		`{"type":"NOTICE","targets":["admin:7"],"title":"a\nb"}`, `{"type":"X","targets":["all"],"body":"b","text":"t"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := ingest.Decode(ingest.Message{Topic: "t", Value: value})
		if err != nil {
			return
		}
		for _, r := range e.Records(time.Now())[:1] {
			entry := &hub.Entry{Stream: r.Stream, Seq: 1, Payload: r.Payload}
			shown := string(text(entry))
			if shown == "" || (e.Text != "" && shown != e.Text) {
				t.Fatalf("%q is shown as %q", value, shown)
			}
			written := string(events{}.AppendEntry(nil, &gateway.Frame{Entry: entry}, nowhere{}))
			if got := parse(t, written); got != strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(shown) {
				t.Fatalf("%q is read as %q", shown, got)
			}
		}
	})
}

// parse reads a stream of one event as a browser does, and returns its data.
func parse(t *testing.T, stream string) string {
	t.Helper()
	body, found := strings.CutSuffix(stream, "\n\n")
	if !found || strings.Contains(body, "\n\n") || strings.Contains(body, "\r") {
		t.Fatalf("not one event: %q", stream)
	}
	var data []string
	for i, line := range strings.Split(body, "\n") {
		text, found := strings.CutPrefix(line, "data: ")
		if found != (i > 0) {
			t.Fatalf("line %d of %q", i, stream)
		}
		if found {
			data = append(data, text)
		}
	}
	return strings.Join(data, "\n")
}
