package sockjs_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/sockjs"
)

// stuck is the writer of an answer that stays in the write of its last frame.
type stuck struct {
	header http.Header
	opened chan struct{} // closed when the first frame is being written
	last   chan struct{} // closed when the last one is
	goOn   chan struct{}
}

func (w *stuck) Header() http.Header { return w.header }
func (w *stuck) WriteHeader(int)     {}

func (w *stuck) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("o")) {
		close(w.opened)
	}
	if bytes.HasPrefix(b, []byte("c[")) {
		close(w.last)
		<-w.goOn
	}
	return len(b), nil
}

func (w *stuck) FlushError() error                { return nil }
func (w *stuck) SetReadDeadline(time.Time) error  { return nil }
func (w *stuck) SetWriteDeadline(time.Time) error { return nil }

// The client may have read the last frame before the answer's end.
func TestWhoComesAfterTheLastFrameIsToldThatItIsOver(t *testing.T) {
	s := serve(t, gateway.Options{}, sockjs.Options{})
	const path = "/000/abcd1234"
	first := &stuck{header: http.Header{}, opened: make(chan struct{}), last: make(chan struct{}), goOn: make(chan struct{})}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/ws"+path+"/xhr_streaming", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Config.Handler.ServeHTTP(first, request)
	}()
	<-first.opened
	s.send(path, connect, "DISCONNECT\nreceipt:2\n\n\x00")
	<-first.last
	if got := s.poll(path); got != `c[3000,"Go away!"]` {
		t.Errorf("got %s", got)
	}
	close(first.goOn)
	<-ended
}
