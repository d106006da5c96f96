package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"bongsu/internal/hub"
)

type eventInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"Stands in for a missing id: the same call made twice is shown once. At most 128 characters."`
	RawBody        []byte `contentType:"application/json"`
}

type eventOutput struct{ Body accepted }

type accepted struct {
	ID string `json:"id" doc:"The event's id: the one given, or the one made."`
}

// Event is the shape of a published event, for the description of the API only.
type Event struct {
	ID        string         `json:"id,omitempty" maxLength:"128" doc:"Names the event: one that comes again is shown once."`
	Type      string         `json:"type" pattern:"^[A-Z][A-Z0-9_]{0,63}$" example:"ORDER_PLACED"`
	Targets   []string       `json:"targets" nullable:"false" minItems:"1" maxItems:"10000" doc:"The streams that get it." example:"[\"mall:1001\",\"admin:7\"]"`
	Title     string         `json:"title,omitempty" doc:"One of title and body is required."`
	Body      string         `json:"body,omitempty"`
	Link      string         `json:"link,omitempty" maxLength:"2048"`
	Data      map[string]any `json:"data,omitempty" doc:"Any object of at most 16 KiB; passed through unchanged."`
	Sound     string         `json:"sound,omitempty" maxLength:"64"`
	Priority  string         `json:"priority,omitempty" maxLength:"64"`
	At        *time.Time     `json:"at,omitempty" doc:"When it happened; now where absent."`
	ExpiresAt *time.Time     `json:"expiresAt,omitempty" doc:"After this no toast is shown and no phone is woken."`
}

// registerEvents registers publishing.
func (s *service) registerEvents() {
	op := post("/events", "publish", "Publish an event", hub.MaxEvent)
	op.DefaultStatus = http.StatusAccepted
	op.Description = "Needs the scope publish, or publish:<stream> for each target. " +
		"It is answered once the journal has the event: what was accepted is not lost."
	op.Errors = append(op.Errors, http.StatusUnprocessableEntity)
	op.SkipValidateBody = true // ParseEvent says more
	huma.Register(s.api, op, s.publish)
	// The framework describes a raw body as bytes.
	description := s.api.OpenAPI()
	description.Paths[op.Path].Post.RequestBody.Content["application/json"].Schema =
		description.Components.Schemas.Schema(reflect.TypeFor[Event](), true, "Event")
}

func (s *service) publish(ctx context.Context, in *eventInput) (*eventOutput, error) {
	p := principal(ctx)
	if !p.PublishesSome() {
		return nil, s.problem(ctx, hub.Forbiddenf("the token lacks the scope %s", hub.ScopePublish))
	}
	event, err := hub.ParseEvent(in.RawBody)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	for _, target := range event.Targets {
		if !p.CanPublish(target) {
			return nil, s.problem(ctx, hub.Forbiddenf("the token lacks the scope %s:%s", hub.ScopePublish, target))
		}
	}
	if event.ID == "" {
		if event.ID, err = idOf(in.IdempotencyKey); err != nil {
			return nil, s.problem(ctx, err)
		}
	}
	if err := s.Journal.Append(ctx, event.Records(s.Now())); err != nil {
		return nil, s.problem(ctx, err)
	}
	return &eventOutput{Body: accepted{ID: event.ID}}, nil
}

// idOf returns the id of an event that came without one: the key, or a new one.
func idOf(key string) (string, error) {
	if key == "" {
		return "api-" + rand.Text(), nil
	}
	if !utf8.ValidString(key) {
		return "", hub.Invalidf("Idempotency-Key: not UTF-8")
	}
	if err := hub.CheckID(key); err != nil {
		return "", hub.Invalidf("Idempotency-Key: %v", err)
	}
	return key, nil
}
