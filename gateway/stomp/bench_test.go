package stomp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/stomp"
	"bongsu/internal/hub"
)

// connections is how many pages the memory of one is measured with.
const connections = 2000

// mostMemory is how much memory a page may take, in bytes: a connection with two
// subscriptions at rest, its client in the same process included.
const mostMemory = 24 << 10

// open connects the pages, each of a person of its own with two subscriptions.
func open(t testing.TB, server *httptest.Server) []*websocket.Conn {
	t.Helper()
	conns := make([]*websocket.Conn, connections)
	dialer := websocket.Dialer{Subprotocols: []string{"v12.stomp"}, ReadBufferSize: 256, WriteBufferSize: 256}
	for i := range conns {
		conn, answer, err := dialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		t.Cleanup(func() { _ = conn.Close() })
		text := fmt.Sprintf("CONNECT\naccept-version:1.2\nheart-beat:10000,10000\nAuthorization:%[1]d mall:%[2]d\n\n\x00"+
			"SUBSCRIBE\nid:sub-0\ndestination:/topic/notification/user/%[1]d\n\n\x00"+
			"SUBSCRIBE\nid:sub-1\ndestination:/topic/notification/complex/%[2]d/user/%[1]d\nreceipt:r\n\n\x00", i, i%50)
		if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // CONNECTED and RECEIPT
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, message, err := conn.ReadMessage(); err != nil || strings.HasPrefix(string(message), "ERROR") {
				t.Fatalf("%q: %v", message, err)
			}
		}
		_ = conn.SetReadDeadline(time.Time{})
		conns[i] = conn
	}
	return conns
}

// inUse returns how many bytes of heap and stacks are in use.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func TestAPageTakesLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("opens 2,000 connections")
	}
	g, core := gatewaytest.Start(t, gateway.Options{})
	server := httptest.NewServer(stomp.NewServer(g, stomp.Options{Zone: time.UTC}))
	t.Cleanup(server.Close)
	before := inUse()
	conns := open(t, server)
	each := (inUse() - before) / connections
	t.Logf("%d bytes a connection, its client included", each)
	if each > mostMemory {
		t.Errorf("%d bytes a connection, want at most %d", each, mostMemory)
	}
	core.Publish(hub.All, 1)
	for i, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, message, err := conn.ReadMessage(); err != nil || !strings.Contains(string(message), "\nsubscription:sub-0\n") {
			t.Fatalf("page %d: %q, %v", i, message, err)
		}
	}
}

// BenchmarkPages broadcasts to 2,000 pages over real sockets; they are in the same
// process, so that a delivery includes reading it. One operation is one delivery.
func BenchmarkPages(b *testing.B) {
	g, core := gatewaytest.Start(b, gateway.Options{})
	server := httptest.NewServer(stomp.NewServer(g, stomp.Options{Zone: time.UTC}))
	b.Cleanup(server.Close)
	before := inUse()
	conns := open(b, server)
	b.ReportMetric(float64(inUse()-before)/connections, "B/conn")
	var heard atomic.Int64
	round := make(chan struct{}, 1)
	for _, conn := range conns {
		go func() {
			for {
				_, message, err := conn.ReadMessage()
				if err != nil {
					return
				}
				if strings.HasPrefix(string(message), "MESSAGE") && heard.Add(1)%connections == 0 {
					round <- struct{}{}
				}
			}
		}()
	}
	for b.Loop() {
		core.Publish(hub.All, 1)
		<-round
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(heard.Load()), "ns/delivery")
}
