package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bongsu/gateway"
)

type meOutput struct{ Body gateway.Me }

type unreadOutput struct{ Body gateway.Unread }

type timelineInput struct {
	Stream string `query:"stream" doc:"Only these of the person's streams, comma-separated." example:"mall:1001"`
	Type   string `query:"type" doc:"Only these types, comma-separated." example:"ORDER_PLACED"`
	Unread bool   `query:"unread" doc:"Only what the person has not read."`
	Before string `query:"before" doc:"Only what stands before this: the next of a page or, with exactly one stream, a seq."`
	After  string `query:"after" doc:"Only what stands after this: the next of a page or, with exactly one stream, a seq."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The most entries of the page."`
}

type timelineOutput struct{ Body page }

// page is a gateway.Page with a description of its entries.
type page struct {
	Entries []entryJSON `json:"entries" nullable:"false" doc:"Newest first."`
	Next    string      `json:"next,omitempty" doc:"The before of the next page; absent on the last."`
}

// entryJSON is an entry that is JSON already.
type entryJSON struct{ json.RawMessage }

// Schema describes what is inside.
func (entryJSON) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[Entry](), true, "Entry")
}

// Entry is the shape of an entry, for the description of the API only:
// members without a value are absent.
type Entry struct {
	Stream    string         `json:"stream" doc:"The entry's stream." example:"mall:1001"`
	Seq       uint64         `json:"seq" doc:"The entry's place in its stream: 1, 2, 3, … without gaps."`
	ID        string         `json:"id" doc:"The event's id."`
	Kind      string         `json:"kind" doc:"What the entry is." example:"notification"`
	Type      string         `json:"type" doc:"The event's type." example:"ORDER_PLACED"`
	Title     string         `json:"title,omitempty"`
	Body      string         `json:"body,omitempty"`
	Link      string         `json:"link,omitempty" doc:"Where a click leads, as the publisher sent it."`
	Data      map[string]any `json:"data,omitempty" doc:"The publisher's own object, unchanged."`
	Text      string         `json:"text,omitempty" doc:"The record as it was published, of an event that was published as plain text."`
	Sound     string         `json:"sound,omitempty"`
	Priority  string         `json:"priority,omitempty"`
	At        time.Time      `json:"at" doc:"When it happened."`
	ExpiresAt *time.Time     `json:"expiresAt,omitempty" doc:"After this no toast is shown."`
	Read      bool           `json:"read" doc:"Whether the person has read it."`
}

type readInput struct{ Body readBody }

// readBody is a gateway.ReadParams with its description.
type readBody struct {
	Stream string  `json:"stream,omitempty" doc:"The stream to mark; goes with seq." example:"mall:1001"`
	Seq    *uint64 `json:"seq,omitempty" doc:"Everything up to this is read; beyond the newest means the newest."`
	All    bool    `json:"all,omitempty" doc:"True marks everything that is there; without stream and seq."`
}

// registerTimeline registers the calls about a person's timeline.
func (s *service) registerTimeline() {
	huma.Register(s.api, get("/me", "me", "Who am I?"),
		func(ctx context.Context, _ *struct{}) (*meOutput, error) {
			return &meOutput{Body: s.Inbox.Me(principal(ctx))}, nil
		})
	huma.Register(s.api, get("/timeline", "timeline", "A page of my timeline, newest first"), s.timeline)
	huma.Register(s.api, get("/unread", "unread", "How much have I not read?"),
		func(ctx context.Context, _ *struct{}) (*unreadOutput, error) {
			unread, err := s.Inbox.Unread(ctx, principal(ctx))
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return &unreadOutput{Body: unread}, nil
		})
	read := post("/timeline/read", "read", "I have read up to here", maxSmallBody)
	read.Description = "Give either stream and seq, or all. A mark never goes back. Answers as GET /unread."
	huma.Register(s.api, read, s.read)
}

func (s *service) timeline(ctx context.Context, in *timelineInput) (*timelineOutput, error) {
	got, err := s.Inbox.List(ctx, principal(ctx), gateway.ListParams{
		Stream: in.Stream,
		Type:   in.Type,
		Unread: in.Unread,
		Before: gateway.Position(in.Before),
		After:  gateway.Position(in.After),
		Limit:  in.Limit,
	})
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	out := page{Entries: make([]entryJSON, len(got.Entries)), Next: got.Next}
	for i, entry := range got.Entries {
		out.Entries[i] = entryJSON{entry}
	}
	return &timelineOutput{Body: out}, nil
}

func (s *service) read(ctx context.Context, in *readInput) (*unreadOutput, error) {
	unread, err := s.Inbox.Read(ctx, principal(ctx), gateway.ReadParams{
		Stream: in.Body.Stream,
		Seq:    in.Body.Seq,
		All:    in.Body.All,
	})
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &unreadOutput{Body: unread}, nil
}

// get returns the operation of a call that only reads.
func get(path, id, summary string) huma.Operation {
	return huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: id, Summary: summary,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable},
	}
}

// post returns the operation of a call that changes something; body is the
// most bytes of its body.
func post(path, id, summary string, body int64) huma.Operation {
	return huma.Operation{
		Method: http.MethodPost, Path: path, OperationID: id, Summary: summary,
		// The framework refuses a body that fills its limit, not one beyond it.
		MaxBodyBytes: body + 1,
		// Longer than any call: a read deadline that passes during the call would
		// cancel it.
		BodyReadTimeout: 2 * requestTimeout,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
			http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable},
	}
}
