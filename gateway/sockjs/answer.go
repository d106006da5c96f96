package sockjs

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"time"

	"bongsu/gateway"
)

// answer is how one of the transports over HTTP writes frames.
type answer struct {
	contentType string
	prelude     string
	limit       int // bytes after which the answer ends
	// lasts is after how long it ends where nothing else would find that the client
	// is gone. A poll ends with the next frame.
	lasts time.Duration
	frame func(dst, frame []byte) []byte
}

// servePoll answers with the next frame.
func (s *server) servePoll(w http.ResponseWriter, r *http.Request, id string) {
	s.serveAnswer(w, r, id, answer{contentType: "application/javascript; charset=UTF-8", limit: 1, frame: appendLine})
}

// serveStream answers with frames as they come.
func (s *server) serveStream(w http.ResponseWriter, r *http.Request, id string) {
	s.serveAnswer(w, r, id, answer{
		contentType: "application/javascript; charset=UTF-8",
		prelude:     string(bytes.Repeat([]byte("h"), 2048)) + "\n", // some browsers hide the first bytes
		limit:       s.options.AnswerBytes,
		lasts:       s.options.AnswerTime,
		frame:       appendLine,
	})
}

// serveEvents answers with frames as server-sent events.
func (s *server) serveEvents(w http.ResponseWriter, r *http.Request, id string) {
	s.serveAnswer(w, r, id, answer{
		contentType: "text/event-stream; charset=UTF-8",
		prelude:     "\r\n",
		limit:       s.options.AnswerBytes,
		lasts:       s.options.AnswerTime,
		frame:       appendEvent,
	})
}

func appendLine(dst, frame []byte) []byte { return append(append(dst, frame...), '\n') }

// appendEvent appends an event, of which clients decode what looks like a part of
// an encoded address.
func appendEvent(dst, frame []byte) []byte {
	dst = append(dst, "data: "...)
	dst = append(dst, bytes.ReplaceAll(frame, []byte("%"), []byte("%25"))...)
	return append(dst, "\r\n\r\n"...)
}

// serveAnswer writes the session's frames until the answer is long enough, the
// session has ended or the client leaves.
func (s *server) serveAnswer(w http.ResponseWriter, r *http.Request, id string, a answer) {
	session, err := s.obtain(id)
	if err != nil {
		gateway.Refuse(w, gateway.StatusOf(err), err.Error())
		return
	}
	out := &answerWriter{answer: a, w: w, control: http.NewResponseController(w), timeout: s.options.WriteTimeout}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("X-Accel-Buffering", "no")
	if !session.pipe.attach() {
		refusal := `c[2010,"Another connection still open"]`
		if session.pipe.spent() { // the other has the last frame, and is just ending
			refusal = goAway
		}
		_ = out.write([]byte(refusal))
		return
	}
	if !session.visited() { // it is just being given up
		session.pipe.detach()
		_ = out.write([]byte(goAway))
		return
	}
	_ = out.control.SetReadDeadline(time.Time{}) // that was the request's
	session.gateway.Heard()
	if session.pump(r, out) {
		session.pipe.detach()
		session.leftAlone()
		return
	}
	session.leave()
}

// pump writes frames and reports whether the client may ask for more after the end.
func (s *session) pump(r *http.Request, out *answerWriter) bool {
	if err := out.begin(); err != nil {
		return false
	}
	var over <-chan time.Time
	if out.lasts > 0 {
		timer := time.NewTimer(out.lasts)
		defer timer.Stop()
		over = timer.C
	}
	for out.sent < out.limit {
		if r.Context().Err() != nil {
			s.aborted()
			return false
		}
		frame, last := s.pipe.take()
		switch {
		case frame == nil:
			select {
			case <-s.pipe.ready:
			case <-r.Context().Done():
			case <-over:
				if !s.beats.Load() { // else it is closed when it beats no more
					return true
				}
			}
			continue
		case out.write(frame) != nil:
			s.gateway.Close(gateway.CloseSilent) // what it has not got is sent again
			return false
		case last:
			return true
		}
		s.took()
	}
	return true
}

// answerWriter writes frames to one answer.
type answerWriter struct {
	answer
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	begun   bool
	sent    int
}

// begin writes what comes before the first frame.
func (a *answerWriter) begin() error {
	if a.begun || a.prelude == "" {
		return nil
	}
	a.begun = true
	return a.flush([]byte(a.prelude))
}

// write writes a frame.
func (a *answerWriter) write(frame []byte) error {
	if err := a.begin(); err != nil {
		return err
	}
	a.sent += len(frame)
	return a.flush(a.frame(make([]byte, 0, len(frame)+16), frame))
}

func (a *answerWriter) flush(b []byte) error {
	if err := a.control.SetWriteDeadline(time.Now().Add(a.timeout)); err != nil {
		return fmt.Errorf("write deadline: %w", err)
	}
	if _, err := a.w.Write(b); err != nil {
		return err
	}
	if err := a.control.Flush(); err != nil {
		return err
	}
	return a.control.SetWriteDeadline(time.Time{}) // the connection may serve other requests
}

// serveSend takes what a client says.
func (s *server) serveSend(w http.ResponseWriter, r *http.Request, id string) {
	session := s.registry.find(id)
	if session == nil {
		gateway.Refuse(w, http.StatusNotFound, "there is no such session at this node")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxSend))
	if err != nil {
		gateway.Refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("at most %d bytes may be sent at once", MaxSend))
		return
	}
	if len(body) == 0 {
		gateway.Refuse(w, http.StatusInternalServerError, "Payload expected.") // the status is SockJS's
		return
	}
	messages, err := decode(body, false)
	if err != nil {
		gateway.Refuse(w, http.StatusInternalServerError, "Broken JSON encoding.")
		return
	}
	if session.say(r.Context(), messages) {
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		w.WriteHeader(http.StatusNoContent)
	}
}

// serveInfo tells clients what there is.
func (s *server) serveInfo(w http.ResponseWriter) {
	var entropy [4]byte
	_, _ = rand.Read(entropy[:]) // crypto/rand never fails
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(struct { // a client that has left gets no answer
		WebSocket    bool     `json:"websocket"`
		Origins      []string `json:"origins"`
		CookieNeeded bool     `json:"cookie_needed"`
		Entropy      uint32   `json:"entropy"`
	}{true, []string{"*:*"}, false, binary.BigEndian.Uint32(entropy[:])})
}

// iframePage lets a page of another origin in a browser without CORS speak to this one.
const iframePage = `<!DOCTYPE html>
<html>
<head>
<meta charset="UTF-8">
<script src="{{.}}"></script>
<script>document.domain = document.domain; SockJS.bootstrap_iframe();</script>
</head>
<body></body>
</html>
`

// serveIframe answers with the page for iframes.
func (s *server) serveIframe(w http.ResponseWriter, r *http.Request) {
	if s.options.ClientURL == "" || r.Method != http.MethodGet {
		gateway.Refuse(w, http.StatusNotFound, "there is no page for iframes")
		return
	}
	page, err := template.New("iframe").Parse(iframePage)
	if err == nil {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		err = page.Execute(w, s.options.ClientURL)
	}
	if err != nil {
		s.options.Log.Warn("cannot write the page for iframes", "error", err)
	}
}
