package api_test

import (
	"fmt"
	"strings"
	"testing"

	"bongsu/gateway/api"
	"bongsu/internal/hub"
)

const order = `{"id":"o-1","type":"ORDER_PLACED","targets":["mall:1001","admin:7"],"title":"새 주문"}`

func TestAPublishedEventIsInTheJournal(t *testing.T) {
	w := newWorld(t, nil)
	w.call(t, "POST", "/api/v1/events", token(t, "publish"), order).is(t, 202, `{"id":"o-1"}`)
	var got []string
	for _, record := range w.journal.records {
		got = append(got, fmt.Sprint(record.Stream, " ", record.ID, " ", record.Type))
	}
	if want := "mall:1001 o-1 ORDER_PLACED, admin:7 o-1 ORDER_PLACED"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestAnEventWithoutAnIDGetsOne(t *testing.T) {
	w := newWorld(t, nil)
	const event = `{"type":"NOTICE","targets":["all"],"title":"t"}`
	publish := token(t, "publish")
	w.call(t, "POST", "/api/v1/events", publish, event, "Idempotency-Key", "key-1").is(t, 202, `{"id":"key-1"}`)
	w.call(t, "POST", "/api/v1/events", publish, order, "Idempotency-Key", "key-2").is(t, 202, `{"id":"o-1"}`)
	first, second := w.call(t, "POST", "/api/v1/events", publish, event), w.call(t, "POST", "/api/v1/events", publish, event)
	if first.status != 202 || first.body == second.body || !strings.HasPrefix(first.body, `{"id":"api-`) {
		t.Errorf("got %v and %v", first, second)
	}
	w.call(t, "POST", "/api/v1/events", publish, event, "Idempotency-Key", strings.Repeat("k", 129)).
		problem(t, 422, "Idempotency-Key: id: longer than 128 characters")
	w.call(t, "POST", "/api/v1/events", publish, event, "Idempotency-Key", "\xff").
		problem(t, 422, "Idempotency-Key: not UTF-8")
}

func TestPublishingNeedsItsScope(t *testing.T) {
	w := newWorld(t, nil)
	w.call(t, "POST", "/api/v1/events", token(t, "ops"), order).problem(t, 403, "the token lacks the scope publish")
	w.call(t, "POST", "/api/v1/events", token(t, "publish:mall:1001"), order).
		problem(t, 403, "the token lacks the scope publish:admin:7")
	w.call(t, "POST", "/api/v1/events", token(t, "publish:mall:1001", "publish:admin:7"), order).is(t, 202, `{"id":"o-1"}`)
	if len(w.journal.records) != 2 {
		t.Errorf("%d records, want those of the one event that was permitted", len(w.journal.records))
	}
}

func TestBadEventsAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	for want, body := range map[string]string{
		"type: missing":    `{"targets":["all"],"title":"t"}`,
		"targets: missing": `{"type":"NOTICE","title":"t"}`,
		"title: missing, and body too: an event has one of them": `{"type":"NOTICE","targets":["all"]}`,
		`targets: stream "shop:1": unknown kind "shop"`:          `{"type":"NOTICE","targets":["shop:1"],"title":"t"}`,
		"not JSON: unexpected end of JSON input":                 `{"type":`,
		"not UTF-8":                                              "\"\xff\"",
		"data: want a JSON object":                               `{"type":"NOTICE","targets":["all"],"title":"t","data":[]}`,
		`expiresAt: "tomorrow" is not an RFC 3339 time`:          `{"type":"NOTICE","targets":["all"],"title":"t","expiresAt":"tomorrow"}`,
	} {
		w.call(t, "POST", "/api/v1/events", token(t, "publish"), body).problem(t, 422, want)
	}
	w.call(t, "POST", "/api/v1/events", token(t, "publish"), "").problem(t, 400, "request body is required")
	whole := order + strings.Repeat(" ", hub.MaxEvent-len(order))
	w.call(t, "POST", "/api/v1/events", token(t, "publish"), whole).is(t, 202, `{"id":"o-1"}`)
	w.call(t, "POST", "/api/v1/events", token(t, "publish"), whole+" ").
		problem(t, 413, fmt.Sprintf("request body is too large limit=%d bytes", hub.MaxEvent+1))
}

func TestWithoutKafkaPublishingFailsAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.journal.err = hub.Unavailablef("kafka: no broker")
	got := w.call(t, "POST", "/api/v1/events", token(t, "publish"), order)
	got.problem(t, 503, "a part of the hub is away: the same call can succeed later")
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
}

func TestTheDevelopmentMode(t *testing.T) {
	w := newWorld(t, nil)
	const body = `{"admin":"9","name":"박","malls":["3"],"partners":["p"]}`
	got := w.call(t, "POST", "/api/v1/dev/sign-in", "", body)
	signedIn, found := strings.CutPrefix(got.body, `{"token":"`)
	if got.status != 200 || !found {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	signedIn = strings.TrimSuffix(signedIn, `"}`)
	w.call(t, "GET", "/api/v1/me", signedIn, "").is(t, 200,
		`{"admin":"9","name":"박","malls":["3"],"partners":["p"],"scopes":["publish","ops"]}`)
	w.call(t, "POST", "/api/v1/dev/publish", signedIn, "9:me:plain text", "Content-Type", "text/plain").is(t, 204, "")
	if len(w.published) != 1 || string(w.published[0]) != "9:me:plain text" {
		t.Errorf("published %q", w.published)
	}
	w.call(t, "POST", "/api/v1/dev/sign-in", "", `{"admin":"a:b"}`).
		problem(t, 422, "the token's sub: a key has only A-Z a-z 0-9 . _ @ -, this one has ':'")
	w.call(t, "POST", "/api/v1/dev/sign-in", "", body, "Origin", "https://evil.example").
		problem(t, 403, "pages of this origin may not call the API: see BONGSU_ALLOWED_ORIGINS")
}

func TestTheDevelopmentModeAnswersOnLoopbackOnly(t *testing.T) {
	w := newWorld(t, nil)
	r := w.callHost(t, "rebound.example", "POST", "/api/v1/dev/sign-in", `{"admin":"9"}`)
	r.problem(t, 403, "the development mode answers on a loopback host only")
	for _, host := range []string{"localhost", "localhost:80", "127.0.0.1:8080", "[::1]:8080", "::1", "127.8.8.8"} {
		if r := w.callHost(t, host, "POST", "/api/v1/dev/sign-in", `{"admin":"9"}`); r.status != 200 {
			t.Errorf("%s: got %d", host, r.status)
		}
	}
}

func TestOutsideTheDevelopmentModeItsCallsDoNotExist(t *testing.T) {
	w := newWorld(t, func(o *api.Options) { o.Dev = nil })
	for _, path := range []string{"/api/v1/dev/sign-in", "/api/v1/dev/publish"} {
		w.call(t, "POST", path, token(t, "publish", "ops"), `{"admin":"1"}`).
			problem(t, 404, "no such call: /api/v1/openapi.json lists them")
	}
}
