package arch

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"bongsu/gateway"
	"bongsu/gateway/ingest"
	"bongsu/internal/client"
	"bongsu/internal/hub"
)

// specification is what the tests read of docs/asyncapi.yaml.
type specification struct {
	CloseCodes []struct {
		Code   int
		Reason string
		Retry  bool
	} `yaml:"x-close-codes"`
	ErrorCodes []struct{ Code int } `yaml:"x-error-codes"`
	Channels   map[string]struct{ Address string }
	Components struct {
		Messages map[string]struct {
			Headers  struct{ Properties map[string]any }
			Examples []struct{ Payload any }
		}
		Schemas map[string]struct {
			Properties map[string]struct{ Enum []string }
		}
	}
}

func specify(t *testing.T) *specification {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "asyncapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var s specification
	if err := yaml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// example returns an example's payload as JSON.
func (s *specification) example(t *testing.T, message string, n int) []byte {
	t.Helper()
	examples := s.Components.Messages[message].Examples
	if len(examples) <= n {
		t.Fatalf("message %s has %d examples", message, len(examples))
	}
	payload, err := json.Marshal(examples[n].Payload)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// member returns a member of a JSON object.
func member(t *testing.T, object []byte, name string) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil || members[name] == nil {
		t.Fatalf("%s has no member %s: %v", object, name, err)
	}
	return members[name]
}

func sameJSON(t *testing.T, what string, got, want []byte) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s:\nthe code has          %s\nthe specification has %s", what, got, want)
	}
}

// roundTrip decodes an example into v, which must know all of it, and compares
// what v encodes to.
func roundTrip(t *testing.T, what string, example []byte, v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(example))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, what, encoded, example)
}

func TestASpecifiedEventBecomesTheSpecifiedEntry(t *testing.T) {
	s := specify(t)
	event, err := ingest.Decode(ingest.Message{Topic: s.Channels["ingress"].Address, Value: s.example(t, "event", 0)})
	if err != nil {
		t.Fatal(err)
	}
	record := event.Records(time.Now())[0]
	entry := hub.Entry{Stream: record.Stream, Seq: 43, Payload: record.Payload}
	pushed := s.example(t, "entry", 0)
	sameJSON(t, "entry", entry.AppendJSON(nil), member(t, pushed, "params"))
	sameJSON(t, "entry as an event", entry.AppendJSON(nil), s.example(t, "eventEntry", 0))

	properties := s.Components.Schemas["entry"].Properties
	var known map[string]json.RawMessage
	if err := json.Unmarshal(entry.AppendJSON(nil), &known); err != nil {
		t.Fatal(err)
	}
	for name := range known {
		if _, specified := properties[name]; !specified {
			t.Errorf("the schema of an entry does not know %q", name)
		}
	}
}

func TestSpecifiedRecordsAreAccepted(t *testing.T) {
	s := specify(t)
	for name, wants := range map[string][]hub.Stream{
		"event":      {"mall:1001", "admin:7"},
		"cloudEvent": {"mall:1001", "partner:p-9"},
		"text":       {"admin:7"},
	} {
		value := s.example(t, name, 0)
		if name == "text" {
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				t.Fatal(err)
			}
			value = []byte(text)
		}
		event, err := ingest.Decode(ingest.Message{Topic: "t", Value: value})
		if err != nil || !slices.Equal(event.Targets, wants) {
			t.Errorf("%s: got targets %v, %v; want %v", name, event.Targets, err, wants)
		}
	}
	if got, want := ingest.DeadLetterTopic(s.Channels["ingress"].Address), s.Channels["deadLetter"].Address; got != want {
		t.Errorf("dead letters go to %s, specified is %s", got, want)
	}
}

func TestSpecifiedMessagesAreTheCodes(t *testing.T) {
	s := specify(t)
	roundTrip(t, "connected", member(t, s.example(t, "connected", 0), "result"), &gateway.Welcome{})
	roundTrip(t, "list", member(t, s.example(t, "list", 0), "params"), &gateway.ListParams{})
	roundTrip(t, "listed", member(t, s.example(t, "listed", 0), "result"), &gateway.Page{})
	roundTrip(t, "read up to", member(t, s.example(t, "read", 0), "params"), &gateway.ReadParams{})
	roundTrip(t, "read all", member(t, s.example(t, "read", 1), "params"), &gateway.ReadParams{})
	roundTrip(t, "counted", member(t, s.example(t, "counted", 0), "result"), &gateway.Unread{})
	roundTrip(t, "unread", member(t, s.example(t, "unread", 0), "params"), &gateway.Unread{})
	roundTrip(t, "unread as an event", s.example(t, "eventUnread", 0), &gateway.Unread{})
	roundTrip(t, "gap", member(t, s.example(t, "gap", 0), "params"), &client.Gap{})
	roundTrip(t, "gap as an event", s.example(t, "eventGap", 0), &client.Gap{})
	roundTrip(t, "failed", member(t, s.example(t, "failed", 0), "error"), &client.Error{})

	var cursor hub.Cursor
	roundTrip(t, "cursor", member(t, member(t, s.example(t, "connect", 0), "params"), "cursor"), &cursor)
	if got := cursor.String(); got != "all=12,mall:1001=42" {
		t.Errorf("the cursor as text is %s", got)
	}
}

func TestSpecifiedCloseCodesAreTheCodes(t *testing.T) {
	specified := map[int]bool{}
	for _, c := range specify(t).CloseCodes {
		specified[c.Code] = true
		code := gateway.Close(c.Code)
		if code.Reason() != c.Reason || code.Retry() != c.Retry {
			t.Errorf("%d: the code has %q, retry %v; the specification %q, %v", c.Code, code.Reason(), code.Retry(), c.Reason, c.Retry)
		}
	}
	for n := 1000; n < 5000; n++ {
		named := gateway.Close(n).Reason() != "close "+strconv.Itoa(n)
		if named && !specified[n] {
			t.Errorf("close code %d is not specified", n)
		}
	}
}

func TestSpecifiedErrorCodesAreTheSockets(t *testing.T) {
	var specified []string
	for _, c := range specify(t).ErrorCodes {
		specified = append(specified, strconv.Itoa(c.Code))
	}
	var got []string
	for name, value := range constants(t, "gateway/ws") {
		if strings.HasPrefix(name, "code") {
			got = append(got, value)
		}
	}
	slices.Sort(specified)
	slices.Sort(got)
	if !slices.Equal(got, specified) {
		t.Errorf("the socket has %v, specified are %v", got, specified)
	}
}

func TestSpecifiedHeadersAreTheDeadLetters(t *testing.T) {
	specified := slices.Sorted(maps.Keys(specify(t).Components.Messages["deadLetter"].Headers.Properties))
	var got []string
	for name, value := range constants(t, "gateway/ingest") {
		if header, ok := strings.CutPrefix(value, "bongsu-"); ok && strings.HasPrefix(name, "header") {
			got = append(got, "bongsu-"+header)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, specified) {
		t.Errorf("dead letters have %v, specified are %v", got, specified)
	}
}

func TestSpecifiedMethodsAreTheSockets(t *testing.T) {
	schemas := specify(t).Components.Schemas
	written := slices.Concat(literals(t, "gateway/ws"), literals(t, "gateway"))
	for _, kind := range []string{"call", "notification"} {
		methods := schemas[kind].Properties["method"].Enum
		if len(methods) == 0 {
			t.Errorf("no methods of a %s are specified", kind)
		}
		for _, method := range methods {
			if !slices.Contains(written, method) {
				t.Errorf("the socket does not know the %s %q", kind, method)
			}
		}
	}
	for _, reason := range schemas["gap"].Properties["reason"].Enum {
		if !slices.Contains(written, reason) {
			t.Errorf("no gap has the reason %q", reason)
		}
	}
}

// constants returns the constants of a package that are plain literals.
func constants(t *testing.T, pkg string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, file := range parse(t, pkg) {
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != len(spec.Names) {
				return true
			}
			for i, value := range spec.Values {
				if text, ok := literal(value); ok {
					found[spec.Names[i].Name] = text
				}
			}
			return true
		})
	}
	return found
}

// literals returns the string literals of a package.
func literals(t *testing.T, pkg string) []string {
	t.Helper()
	var found []string
	for _, file := range parse(t, pkg) {
		ast.Inspect(file, func(node ast.Node) bool {
			if lit, ok := node.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := literal(lit)
				found = append(found, text)
			}
			return true
		})
	}
	return found
}

func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
		return e.Value, true
	case *ast.UnaryExpr:
		text, ok := literal(e.X)
		return e.Op.String() + text, ok
	}
	return "", false
}

func parse(t *testing.T, pkg string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("package %s: %v", pkg, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
