package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/internal/client"
)

// pushes starts a hub that pushes these messages and then waits; cursors gives what
// each client resumed from.
func pushes(t *testing.T, messages ...string) (url string, cursors <-chan string) {
	t.Helper()
	seen := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{client.Subprotocol}}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, call, err := conn.ReadMessage()
		if err != nil {
			return
		}
		seen <- string(call)
		all := append([]string{`"id":0,"result":{"session":"s","node":"n1","me":{"admin":"7","name":"김봉수"},"unread":{"total":2,"version":1}}`}, messages...)
		for _, message := range all {
			_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0",`+message+`}`)) // the client may have left
		}
		_, _, _ = conn.NextReader() // until the client leaves
	}))
	t.Cleanup(s.Close)
	return s.URL, seen
}

func entry(seq int, title string) string {
	return fmt.Sprintf(`"method":"entry","params":{"stream":"mall:1001","seq":%d,"type":"ORDER_PLACED","title":%q,"body":"3건","link":"/o/1"}`, seq, title)
}

func TestTailWritesEntriesInColumns(t *testing.T) {
	bare(t)
	url, cursors := pushes(t, entry(43, "새 주문"), entry(44, "order"),
		`"method":"gap","params":{"stream":"all","from":1,"to":9,"reason":"behind"}`, entry(45, "끝"), entry(46, "too many"))
	r := bongsu(t, "", "tail", "--url", url, "--token", "t", "--since", "all=0,mall:1001=42", "-n", "3")
	if r.code != exitOK {
		t.Fatalf("got %+v", r)
	}
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	if len(lines) != 3 || strings.Join(strings.Fields(lines[0]), " ") != "mall:1001 #43 ORDER_PLACED 새 주문 3건 /o/1" {
		t.Fatalf("got:\n%s", r.out)
	}
	column := func(line string) int {
		before, _, _ := strings.Cut(line, "3건")
		return cellsOf(before)
	}
	if column(lines[0]) != column(lines[1]) || column(lines[1]) != column(lines[2]) {
		t.Errorf("the bodies are not below each other:\n%s", r.out)
	}
	for _, want := range []string{"connected to n1 as 7 김봉수, 2 unread", "gap: all 1 to 9", "cursor: all=9,mall:1001=45"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("standard error lacks %q:\n%s", want, r.err)
		}
	}
	if call := <-cursors; !strings.Contains(call, `"cursor":{"all":0,"mall:1001":42}`) {
		t.Errorf("connected with %s", call)
	}
}

func TestTailWritesJSONLines(t *testing.T) {
	bare(t)
	url, _ := pushes(t, `"method":"unread","params":{"total":3,"version":2}`, entry(43, "x"))
	r := bongsu(t, "", "tail", "--url", url, "--token", "t", "-n", "1", "--json")
	var names []string
	for line := range strings.Lines(r.out) {
		var event struct {
			Event string
			Data  map[string]any
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Data == nil {
			t.Fatalf("%q: %v", line, err)
		}
		names = append(names, event.Event)
	}
	if got := strings.Join(names, " "); got != "connected unread entry" {
		t.Fatalf("got %q from %+v", got, r)
	}
}

func TestWhatOthersWroteCannotSteerTheTerminal(t *testing.T) {
	line := formatEntry(&client.Entry{
		Stream: "all", Seq: 1, Type: "X", Title: "a\x1b[2Jb\u202e", Body: "c\r\nd", At: "2026-11-20T10:30:00.000Z",
	})
	if strings.ContainsAny(line, "\x1b\r\n\u202e") || !strings.Contains(line, "a[2Jb") || !strings.Contains(line, "c  d") {
		t.Fatalf("got %q", line)
	}
	if at, err := time.Parse(time.RFC3339, "2026-11-20T10:30:00.000Z"); err != nil || !strings.HasPrefix(line, at.Local().Format("15:04:05")) {
		t.Fatalf("got %q", line)
	}
}

func TestHangulTakesTwoCells(t *testing.T) {
	for text, cells := range map[string]int{"": 0, "abc": 3, "새 주문": 7, "①": 1, "ｱ": 1, "Ａ": 2, "e\u0301": 1} {
		if got := cellsOf(text); got != cells {
			t.Errorf("%q takes %d cells, want %d", text, got, cells)
		}
	}
}
