package sse

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"bongsu/gateway"
	"bongsu/internal/hub"
)

// Stream is what a request opens.
type Stream struct {
	// Person is whose it is: all streams of the person are followed.
	Person *hub.Principal
	// Protocol is how entries are written.
	Protocol gateway.Protocol
	// Welcome appends what comes first; retry has been sent before it.
	Welcome gateway.Reply
}

// Opener decides what a request opens. It may block until ctx ends. An error
// refuses the request with the status that gateway.StatusOf gives it.
type Opener func(ctx context.Context, r *http.Request) (Stream, error)

// Token returns the token that a request carries: in its Authorization header
// or, as a browser's EventSource can set none, in access_token. It is "" when
// there is none.
func Token(r *http.Request) string {
	return cmp.Or(gateway.BearerToken(r), r.URL.Query().Get("access_token"))
}

// own opens the stream that the hub's own clients read.
func own(g *gateway.Gateway, log *slog.Logger) Opener {
	welcome := func(dst []byte, welcome gateway.Welcome, at gateway.CursorText) []byte {
		body, err := json.Marshal(welcome)
		if err != nil {
			log.Error("cannot welcome", "error", err)
			return dst
		}
		return protocol{}.AppendEvent(dst, "connect", body, at)
	}
	return func(ctx context.Context, r *http.Request) (Stream, error) {
		p, err := g.Authenticate(ctx, Token(r))
		return Stream{Person: p, Protocol: protocol{}, Welcome: welcome}, err
	}
}

// Plain is the part of a gateway.Protocol for pages that know no events but
// their own: heartbeats and farewells are comments, and counts and gaps are kept
// from them.
type Plain struct{}

// AppendEvent appends nothing.
func (Plain) AppendEvent(dst []byte, _ string, _ []byte, _ gateway.CursorText) []byte { return dst }

// TellsGaps implements gateway.Protocol.
func (Plain) TellsGaps() bool { return false }

// AppendHeartbeat appends a comment.
func (Plain) AppendHeartbeat(dst []byte) []byte { return append(dst, ": heartbeat\n\n"...) }

// AppendClose appends a comment that says why.
func (Plain) AppendClose(dst []byte, why gateway.Close) []byte {
	dst = append(dst, ": "...)
	dst = append(dst, why.Reason()...)
	return append(dst, "\n\n"...)
}

// AppendID appends the line that makes the cursor what a browser resumes from.
func AppendID(dst []byte, at gateway.CursorText) []byte {
	dst = append(dst, "id: "...)
	dst = at.AppendCursor(dst)
	return append(dst, '\n')
}

// lineBreaks are the ways in which a stream's lines may end, as one.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// AppendText appends the data lines of text, whatever breaks its lines, and the
// blank line that ends the event.
func AppendText(dst, text []byte) []byte {
	if bytes.IndexByte(text, '\r') >= 0 {
		text = []byte(lineBreaks.Replace(string(text)))
	}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		dst = append(dst, "data: "...)
		dst = append(dst, line...)
		dst = append(dst, '\n')
	}
	return append(dst, '\n')
}
