package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of an event. A value beyond one is refused, never shortened.
const (
	// MaxEvent is the most bytes of a published event.
	MaxEvent = 256 << 10
	// MaxTargets is how many targets an event may name, repetitions included.
	MaxTargets = 10_000
	// MaxID is the most characters of an event's id.
	MaxID = 128
	// MaxData is the most bytes of an event's data, as it was published.
	MaxData = 16 << 10
	// MaxType is the most characters of an event's type.
	MaxType = 64
	// MaxLink is the most characters of an event's link.
	MaxLink = 2048
	// MaxWord is the most characters of an event's sound and of its priority.
	MaxWord = 64
)

// Event is what a domain service publishes: one message for one or more
// streams. An Event belongs to whoever made it.
type Event struct {
	// ID names the event within each of its target streams, where an event that
	// comes again under the same ID is dropped. A published event may come
	// without one; it must have one before Records is called.
	ID string
	// Type is [A-Z][A-Z0-9_]{0,63}; LookupType knows some of them.
	Type string
	// Targets are the streams that get the event, each once.
	Targets []Stream
	// Title and Body are plain text for people; one of them is not blank.
	Title, Body string
	// Link is where a click leads. It is what the publisher sent: whoever shows
	// it decides which schemes are safe.
	Link string
	// Data is a JSON object for programs, or nil.
	Data json.RawMessage
	// Text is the record as it was published, of an event that was published as
	// plain text, and "" for every other.
	Text string
	// Sound and Priority are words that the clients know, or "".
	Sound, Priority string
	// At is when it happened; the zero time means that the publisher did not say.
	At time.Time
	// ExpiresAt is when it stops being worth a toast; the zero time means never.
	ExpiresAt time.Time
}

// published is the JSON form of an event. Times and targets are read as text
// first, so that an error can name the field.
type published struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Targets   []string        `json:"targets"`
	Title     string          `json:"title"`
	Body      string          `json:"body"`
	Link      string          `json:"link"`
	Data      json.RawMessage `json:"data"`
	Sound     string          `json:"sound"`
	Priority  string          `json:"priority"`
	At        string          `json:"at"`
	ExpiresAt string          `json:"expiresAt"`
}

// ParseEvent reads the JSON form of an event, checks it and fills in the
// defaults of its type. Members it does not know are ignored, null is the same
// as absent, and repeated targets are collapsed. ID stays empty when there is
// none. The error wraps ErrInvalid and names the member that is wrong. The event
// keeps no reference to value.
func ParseEvent(value []byte) (Event, error) {
	if len(value) > MaxEvent {
		return Event{}, Invalidf("an event has at most %d bytes, this one %d", MaxEvent, len(value))
	}
	if !utf8.Valid(value) {
		return Event{}, Invalidf("not UTF-8")
	}
	var in published
	if err := json.Unmarshal(value, &in); err != nil {
		return Event{}, jsonReason(err)
	}
	e := Event{
		ID: in.ID, Type: in.Type, Title: in.Title, Body: in.Body, Link: in.Link,
		Sound: in.Sound, Priority: in.Priority,
	}
	if !bytes.Equal(in.Data, []byte("null")) {
		e.Data = in.Data
	}
	var err error
	if e.At, err = ParseTime("at", in.At); err != nil {
		return Event{}, err
	}
	if e.ExpiresAt, err = ParseTime("expiresAt", in.ExpiresAt); err != nil {
		return Event{}, err
	}
	if e.Targets, err = ParseTargets(in.Targets); err != nil {
		return Event{}, err
	}
	if err := e.check(); err != nil {
		return Event{}, err
	}
	e.FillDefaults()
	return e, nil
}

// jsonReason says what is wrong with an event's JSON in the words of its reader.
func jsonReason(err error) error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return Invalidf("not JSON: %v", err)
	}
	if mismatch.Field == "" {
		return Invalidf("want a JSON object, got %s", mismatch.Value)
	}
	want := "a string"
	if mismatch.Field == "targets" && mismatch.Type.Kind().String() == "slice" {
		want = "an array of strings"
	}
	return Invalidf("%s: want %s, got %s", mismatch.Field, want, mismatch.Value)
}

// ParseTime reads the RFC 3339 time of the named member; the empty text is the
// zero time. The year must be 1970 to 9999 in UTC. The error wraps ErrInvalid.
func ParseTime(member, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return time.Time{}, Invalidf("%s: %q is not an RFC 3339 time", member, clip(text))
	}
	if t = t.UTC(); t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, Invalidf("%s: %q is not between the years 1970 and 9999", member, clip(text))
	}
	return t, nil
}

// ParseTargets reads stream keys in their order and collapses repetitions. The
// error wraps ErrInvalid and names "targets".
func ParseTargets(names []string) ([]Stream, error) {
	switch {
	case len(names) == 0:
		return nil, Invalidf("targets: missing")
	case len(names) > MaxTargets:
		return nil, Invalidf("targets: at most %d, these are %d", MaxTargets, len(names))
	}
	targets := make([]Stream, 0, len(names))
	if len(names) == 1 { // the common case needs no set
		target, err := ParseStream(names[0])
		if err != nil {
			return nil, fmt.Errorf("targets: %w", err)
		}
		return append(targets, target), nil
	}
	seen := make(map[Stream]struct{}, len(names))
	for _, name := range names {
		target, err := ParseStream(name)
		if err != nil {
			return nil, fmt.Errorf("targets: %w", err)
		}
		if _, again := seen[target]; !again {
			seen[target] = struct{}{}
			targets = append(targets, target)
		}
	}
	return targets, nil
}

// Validate reports the first thing that is wrong with an event made by hand. It
// accepts an empty ID. The error wraps ErrInvalid and names the member.
func (e *Event) Validate() error {
	if len(e.Data) > 0 && !json.Valid(e.Data) {
		return Invalidf("data: not JSON")
	}
	for _, text := range []string{e.ID, e.Title, e.Body, e.Link, e.Sound, e.Priority, e.Text, string(e.Data)} {
		if !utf8.ValidString(text) {
			return Invalidf("not UTF-8")
		}
	}
	switch {
	case len(e.Targets) == 0:
		return Invalidf("targets: missing")
	case len(e.Targets) > MaxTargets:
		return Invalidf("targets: at most %d, these are %d", MaxTargets, len(e.Targets))
	}
	for _, target := range e.Targets {
		if _, err := ParseStream(string(target)); err != nil {
			return fmt.Errorf("targets: %w", err)
		}
	}
	return e.check()
}

// check covers what neither the JSON reader nor the readers of targets and times do.
func (e *Event) check() error {
	switch {
	case e.Type == "":
		return Invalidf("type: missing")
	case !isType(e.Type):
		return Invalidf("type: %q is not [A-Z][A-Z0-9_]{0,%d}", clip(e.Type), MaxType-1)
	case isBlank(e.Title) && isBlank(e.Body):
		return Invalidf("title: missing, and body too: an event has one of them")
	}
	if err := CheckID(e.ID); err != nil {
		return err
	}
	for _, limited := range []struct {
		member, text string
		most         int
	}{{"link", e.Link, MaxLink}, {"sound", e.Sound, MaxWord}, {"priority", e.Priority, MaxWord}} {
		if utf8.RuneCountInString(limited.text) > limited.most {
			return Invalidf("%s: longer than %d characters", limited.member, limited.most)
		}
	}
	if len(e.Data) > 0 && e.Data[0] != '{' {
		return Invalidf("data: want a JSON object")
	}
	if len(e.Data) > MaxData {
		return Invalidf("data: at most %d bytes, these are %d", MaxData, len(e.Data))
	}
	return nil
}

// CheckID reports whether id can be an event's: at most MaxID characters, none
// of them a control character. The empty id is accepted. The error wraps
// ErrInvalid and names "id".
func CheckID(id string) error {
	if utf8.RuneCountInString(id) > MaxID {
		return Invalidf("id: longer than %d characters", MaxID)
	}
	if strings.ContainsFunc(id, unicode.IsControl) {
		return Invalidf("id: has a control character")
	}
	return nil
}

func isType(s string) bool {
	if len(s) > MaxType || s == "" || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// FillDefaults sets the title, sound and priority that the event's type carries
// where the event has none.
func (e *Event) FillDefaults() {
	known, ok := LookupType(e.Type)
	if !ok {
		return
	}
	if isBlank(e.Title) {
		e.Title = known.Title
	}
	if e.Sound == "" {
		e.Sound = known.Sound
	}
	if e.Priority == "" {
		e.Priority = known.Priority
	}
}
