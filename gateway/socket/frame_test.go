package socket

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// The library, as a client, reads frames of every length.
func TestFramesOfEveryLengthAreRead(t *testing.T) {
	sizes := []int{0, 1, 125, 126, 65535, 65536, 1 << 20}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := &hijacker{ResponseWriter: w}
		if _, err := new(websocket.Upgrader).Upgrade(h, r, nil); err != nil {
			t.Error(err)
			return
		}
		for _, size := range sizes {
			_, _ = h.wire.Write(AppendFrame(nil, TextFrame, bytes.Repeat([]byte("x"), size)))
		}
	}))
	defer server.Close()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, size := range sizes {
		if _, message, err := conn.ReadMessage(); err != nil || len(message) != size {
			t.Fatalf("%d bytes were read as %d: %v", size, len(message), err)
		}
	}
}
