package ws

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/internal/hub"
)

const benchClients = 1000

// BenchmarkSockets broadcasts to 1,000 real sockets; clients are in the same
// process, so that a delivery includes reading it. One operation is one delivery.
func BenchmarkSockets(b *testing.B) {
	g, core := gatewaytest.Start(b, gateway.Options{})
	server := httptest.NewServer(Handler(g, Options{Inbox: gateway.NewInbox(core)}))
	defer server.Close()
	var heard atomic.Int64
	round := make(chan struct{}, 1)
	var before, after runtime.MemStats
	conns := make([]*websocket.Conn, benchClients)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range conns {
		conn, _, err := websocket.DefaultDialer.DialContext(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		call := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"%d mall:%d"}}`, i, i%50)
		if err := conn.WriteMessage(websocket.TextMessage, []byte(call)); err != nil {
			b.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); err != nil {
			b.Fatal(err)
		}
		conns[i] = conn
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for _, conn := range conns {
		go func() {
			for {
				_, message, err := conn.ReadMessage()
				if err != nil {
					return
				}
				if strings.Contains(string(message), `"entry"`) && heard.Add(1)%benchClients == 0 {
					round <- struct{}{}
				}
			}
		}()
	}
	b.ResetTimer()
	for sent := 0; sent < b.N; sent += benchClients {
		core.Publish(hub.All, 1)
		<-round
	}
	b.StopTimer()
	b.ReportMetric(float64(after.StackInuse-before.StackInuse)/benchClients, "stack-B/conn")
}
