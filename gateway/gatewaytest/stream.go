package gatewaytest

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Event is one event of a stream of server-sent events, or a comment.
type Event struct{ ID, Name, Data, Retry, Comment string }

// Stream is the answer to a request for server-sent events. It fails its test.
type Stream struct {
	// Answer is the answer, whose body belongs to the Stream.
	Answer *http.Response

	t     testing.TB
	lines *bufio.Scanner
}

// GetStream makes a GET request; header may be nil. The stream ends after 10 s.
func GetStream(t testing.TB, url string, header http.Header) *Stream {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(10*time.Second, func() { _ = answer.Body.Close() })
	t.Cleanup(func() { timer.Stop(); _ = answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return &Stream{answer, t, lines}
}

// Next returns the next event. It fails the test at the end of the stream.
func (s *Stream) Next() Event {
	s.t.Helper()
	var e Event
	var data []string
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			e.ID = value
		case "event":
			e.Name = value
		case "data":
			data = append(data, value)
		case "retry":
			e.Retry = value
		case "":
			if s.lines.Text() == "" {
				e.Data = strings.Join(data, "\n")
				return e
			}
			e.Comment = value
		}
	}
	s.t.Fatalf("the stream has ended: %v", s.lines.Err())
	return e
}

// Await returns the next event of the name that has data; "" is the name of
// those without one.
func (s *Stream) Await(name string) Event {
	s.t.Helper()
	for {
		if e := s.Next(); e.Name == name && e.Data != "" {
			return e
		}
	}
}

// Ended waits for the next line or the end of the stream, and reports whether
// it was the end.
func (s *Stream) Ended() bool { return !s.lines.Scan() }
